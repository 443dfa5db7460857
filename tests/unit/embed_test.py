#!/usr/bin/env python3
"""embed.py accepts the code lists as they are and refuses each kind of bad data: embed_test.py SCHEMA_CODES_FOLDER."""

import pathlib
import shutil
import subprocess
import sys
import tempfile

EMBED_FOLDER = pathlib.Path(sys.argv[1])

# file, text to find, what replaces it, what the refusal must say
BREAKAGES = [
    ("refusals.json", '"code": "bad_json"', '"code": "bad_query"', "malformed or doubled code: bad_query"),
    ("refusals.json", '"code": "bad_json"', '"code": "Bad-Json"', "malformed or doubled code: Bad-Json"),
    ("refusals.json", '"code": "bad_json", "status": 400', '"code": "bad_json", "status": 200', "status is no 4xx"),
    ("refusals.json", '"code": "bad_json", "status": 400', '"code": "bad_json", "status": "400"', "status is no 4xx"),
    ("refusals.json", '"zh": "JSON 无法解析"', '"zh": " "', "empty text"),
    ("refusals.json", '"zh": "JSON 无法解析"', '"zh": "JSON\\n"', "control character"),
    ("refusals.json", '"zh": "JSON 无法解析"', '"zn": "JSON 无法解析"', "wants the keys"),
    ("refusals.json", '"zh": "JSON 无法解析"', '"zh": "甲", "zh": "乙"', "doubled key"),
    ("refusals.json", '"rows": [', '"rows": ', "refusals.json"),
    ("algorithm_types.json", '"number": 3', '"number": 2', "numbers count from 1"),
    ("regions.csv", "110101,东城区,", "110102,东城区,", "malformed, doubled or out of order"),
    ("regions.csv", "110101,东城区,", "11010a,东城区,", "malformed, doubled or out of order"),
    ("regions.csv", "110101,东城区,", "110101,,", "malformed, doubled or out of order"),
    ("regions.csv", "110101,东城区,", "110101,东城区,now", "abolished is a year"),
    ("regions.csv", "code,zh,abolished", "code,name,abolished", "wants the header"),
]


def embed(folder, output):
    return subprocess.run(
        [sys.executable, EMBED_FOLDER / "embed.py", folder, output], capture_output=True, text=True, encoding="utf-8"
    )


def main():
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        good = embed(EMBED_FOLDER, scratch / "good.cpp")
        assert good.returncode == 0 and not good.stderr, good
        assert "海淀区" in (scratch / "good.cpp").read_text(encoding="utf-8")
        for file, old, new, told in BREAKAGES:
            folder = scratch / "codes"
            shutil.copytree(EMBED_FOLDER, folder)
            text = (folder / file).read_text(encoding="utf-8")
            assert text.count(old) == 1, f"{file} no longer holds {old} once"
            (folder / file).write_text(text.replace(old, new), encoding="utf-8")
            refused = embed(folder, scratch / "bad.cpp")
            assert refused.returncode == 1 and told in refused.stderr, (file, new, refused)
            assert not (scratch / "bad.cpp").exists(), (file, new)
            shutil.rmtree(folder)


main()
