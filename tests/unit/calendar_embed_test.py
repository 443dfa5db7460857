#!/usr/bin/env python3
"""The calendar's embed.py accepts prc.csv as it is and refuses each kind of bad data: calendar_embed_test.py FOLDER."""

import pathlib
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(sys.argv[1])

# text to find, what replaces it, what the refusal must say
BREAKAGES = [
    ("day,is", "date,is", "wants the header"),
    ("2025-01-26,working_day", "2025-01-26,holiday", "a holiday is a weekday"),
    ("2025-01-28,holiday", "2025-01-28,working_day", "a working day a Saturday or Sunday"),
    ("2025-01-28,holiday", "2025-01-28,off", "is neither"),
    ("2025-01-28,holiday", "2025-02-30,holiday", "no day such as"),
    ("2025-01-28,holiday", "2025-01-29,holiday\n2025-01-29,holiday", "doubled or out of order"),
    ("2025-01-28,holiday", "2025-03-28,holiday", "doubled or out of order"),
]


def embed(text, scratch):
    (scratch / "prc.csv").write_text(text, encoding="utf-8")
    (scratch / "out.cpp").unlink(missing_ok=True)
    return subprocess.run([sys.executable, FOLDER / "embed.py", scratch / "prc.csv", scratch / "out.cpp"],
                          capture_output=True, text=True, encoding="utf-8")


def main():
    good = (FOLDER / "prc.csv").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        done = embed(good, scratch)
        assert done.returncode == 0 and not done.stderr, done
        assert "kHolidays2026" in (scratch / "out.cpp").read_text(encoding="utf-8")
        for old, new, told in BREAKAGES:
            assert good.count(old) == 1, f"prc.csv no longer holds {old} once"
            refused = embed(good.replace(old, new), scratch)
            assert refused.returncode == 1 and told in refused.stderr, (new, refused)
            assert not (scratch / "out.cpp").exists(), new
        without = "".join(line for line in good.splitlines(True) if not line.startswith("2015-"))
        refused = embed(without, scratch)
        assert refused.returncode == 1 and "a year is left out" in refused.stderr, refused


main()
