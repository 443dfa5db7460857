"""Views are disposable: whatever happens to their file, the server starts, and shows the same as before."""

import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "http"))
from ledger_client import BINARY, Ledger  # noqa: E402


class Views(unittest.TestCase):
    def setUp(self):
        self.ledger = Ledger().start()
        self.addCleanup(self.ledger.close)
        staff = self.ledger.staff()
        subject, self.filer = self.ledger.qualified(staff)
        self.filing = self.ledger.draft(subject, self.filer, {"algorithm_name": "视图"})

    def seen(self):
        return self.ledger.must(self.ledger.get("/v1/filings/" + self.filing, self.filer))

    def test_a_cut_file_is_built_anew(self):
        before = self.seen()
        file = self.ledger.data / "views" / "data.mdb"
        for size in (0, 4096, 8192, 12288, 40960):
            with self.subTest(size):
                self.assertEqual(self.ledger.stop(), 0)
                os.truncate(file, size)
                self.ledger.start()
                self.assertEqual(self.seen(), before)

    def test_deleted_views_are_built_anew(self):
        before = self.seen()
        self.ledger.kill()
        subprocess.run(["rm", "-r", str(self.ledger.data / "views")], check=True)
        self.ledger.start()
        self.assertEqual(self.seen(), before)

    def test_the_ledger_and_its_master_key_file_are_all_that_is_needed(self):
        before = self.seen()
        self.assertEqual(self.ledger.stop(), 0)
        names = sorted(p.name for p in self.ledger.root.iterdir())
        self.assertEqual(names, ["data", "data.key"])
        self.ledger.start()
        self.assertEqual(self.seen(), before)

    def test_init_keeps_the_master_key_out_of_the_data_directory(self):
        made = subprocess.run([BINARY, "init", "--data", str(self.ledger.root / "b"), "--origin", "ledger.example/b",
                               "--master-key", str(self.ledger.root / "b" / "k")], capture_output=True, text=True)
        self.assertNotEqual(made.returncode, 0)
        self.assertFalse((self.ledger.root / "b").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
