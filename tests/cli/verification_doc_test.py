"""docs/verification.md does what it says: its commands run, in order, against a served ledger, and each succeeds; and a
changed byte makes them fail."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "http"))

import proof_test  # noqa: E402

BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.M | re.S)


class VerificationPage(proof_test.Auditing):
    def steps(self):
        return BLOCK.findall((ROOT / "docs" / "verification.md").read_text(encoding="utf-8"))

    def run_step(self, language, text, environment, folder):
        program = ["bash", "-eu", "-o", "pipefail", "-c", text] if language == "sh" else ["python3", "-c", text]
        # What one step sets, the next one knows.
        if language == "sh":
            program[-1] = "set -a; . ./vars 2>/dev/null || true\n" + text + "\nset | grep -E '^(ORIGIN|N|NEW|OLD)=' > vars"
        return subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True)

    def setUp(self):
        super().setUp()
        _, self.filer, self.filing, _ = self.published()
        self.folder = self.ledger.root / "outside"
        self.folder.mkdir()
        self.environment = {**os.environ, "URL": "http://127.0.0.1:%d" % self.ledger.port,
                            "VKEY": self.ledger.created["vkey"], "TOKEN": self.staff["reviewer"],
                            "FILING": self.filing}

    def test_each_step_succeeds_as_it_is_written(self):
        steps = self.steps()
        self.assertGreaterEqual(len(steps), 10)
        told = ""
        for language, text in steps:
            done = self.run_step(language, text, self.environment, self.folder)
            self.assertEqual(done.returncode, 0, "%s\n%s\n%s" % (text, done.stdout, done.stderr))
            told += done.stdout
        for sentence in ("stands in the log of", "begins with the one of", "leaf hashes give the signed root",
                         "entries stand in the log of", "disclosed values are what the entries committed to"):
            self.assertIn(sentence, told)

    def test_a_changed_byte_fails_the_step_that_looks_at_it(self):
        steps = self.steps()
        for language, text in steps[:7]:
            done = self.run_step(language, text, self.environment, self.folder)
            self.assertEqual(done.returncode, 0, done.stderr)
        entry = self.folder / "entry"
        data = bytearray(entry.read_bytes())
        data[40] ^= 1
        entry.write_bytes(data)
        inclusion = next(text for language, text in steps if language == "python" and "tlog-proof@v1" in text)
        self.assertNotEqual(self.run_step("python", inclusion, self.environment, self.folder).returncode, 0)
        older = self.folder / "older"
        lines = older.read_text().split("\n")
        lines[2] = ("A" if lines[2][0] != "A" else "B") + lines[2][1:]
        older.write_text("\n".join(lines))
        grown = next(text for language, text in steps if language == "python" and "verify_consistency" in text)
        self.assertNotEqual(self.run_step("python", grown, self.environment, self.folder).returncode, 0)
        wrong = {**self.environment, "VKEY": self.ledger.created["vkey"][:-4] + "AAAA"}
        signature = next(text for language, text in steps if "pkeyutl" in text)
        self.assertNotEqual(self.run_step("sh", signature, wrong, self.folder).returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
