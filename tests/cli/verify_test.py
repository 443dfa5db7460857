"""`verify --data` against the built binary: beside a server, after it, and on ledgers that were changed."""

import json
import os
import pathlib
import shutil
import sys
import tempfile
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "http"))
from ledger_client import Ledger  # noqa: E402


class Verify(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ledger = Ledger()
        ledger = cls.ledger
        ledger.start()
        staff = ledger.staff()
        subject, filer = ledger.qualified(staff)
        _, _, feature = ledger.tree(subject, filer)
        filing = ledger.draft(subject, filer, ledger.filing_form(filer, [feature]))
        cls.live = [ledger.run("verify", "--json") for _ in range(3)]
        ledger.must(ledger.post("/v1/filings/%s/submit" % filing, filer, {"declared": True},
                                version=ledger.version(filing, filer)))
        cls.submitted = ledger.run("verify", "--json")
        ledger.stop()

    @classmethod
    def tearDownClass(cls):
        cls.ledger.close()

    def setUp(self):
        # Changed ledgers are copies; the key lies beside each.
        self.copy = self.ledger.root / "copy"
        shutil.copytree(self.ledger.data, self.copy)
        shutil.copy2(str(self.ledger.data) + ".key", str(self.copy) + ".key")
        self.addCleanup(shutil.rmtree, self.copy)

    def verify(self, *args):
        kept, self.ledger.data = self.ledger.data, self.copy
        try:
            return self.ledger.run("verify", *args)
        finally:
            self.ledger.data = kept

    def test_a_ledger_verifies_beside_its_server(self):
        for done in (*self.live, self.submitted):
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            report = json.loads(done.stdout)
            self.assertTrue(report["verified"])
            self.assertIsNone(report["problem"])
        self.assertGreater(json.loads(self.submitted.stdout)["size"], json.loads(self.live[0].stdout)["size"])

    def test_a_good_ledger_is_told_in_plain_words_and_as_json(self):
        done = self.verify()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.splitlines()[-1], "verified")
        self.assertIn("private values opened", done.stdout)
        report = json.loads(self.verify("--json").stdout)
        self.assertEqual(set(report), {"verified", "origin", "size", "root", "checkpoints", "opened", "erased", "documents",
                                       "problem", "without_master_key", "seconds"})
        self.assertEqual((report["origin"], report["without_master_key"], report["erased"]),
                         ("ledger.example/test", False, 0))
        self.assertGreater(report["opened"], 20)
        self.assertEqual(report["documents"], 4)

    def test_without_the_master_key_it_says_so_and_checks_the_rest(self):
        pathlib.Path(str(self.copy) + ".key").unlink()
        done = self.verify()
        self.assertEqual(done.returncode, 0)
        self.assertIn("without the master key", done.stdout)
        self.assertTrue(json.loads(self.verify("--json").stdout)["without_master_key"])
        named = self.verify("--master-key", str(self.copy) + ".key")
        self.assertEqual(named.returncode, 5, named.stderr)

    def test_arguments_and_directories_that_make_no_sense(self):
        self.assertEqual(self.verify("--vkey", "nonsense").returncode, 2)
        self.assertEqual(self.verify("--checkpoint-file", str(self.copy / "none")).returncode, 2)
        self.assertEqual(self.ledger.run("verify", "--no-such-option").returncode, 2)
        shutil.rmtree(self.copy / "ledger")
        self.assertEqual(self.verify().returncode, 3)

    def test_the_first_key_can_be_pinned(self):
        self.assertEqual(self.verify("--vkey", self.ledger.created["vkey"]).returncode, 0)
        other = Ledger()
        self.addCleanup(other.close)
        done = self.verify("--vkey", other.created["vkey"])
        self.assertEqual(done.returncode, 7)
        self.assertIn("at position 0: ", done.stderr)

    def test_a_changed_entry_is_named_by_its_position(self):
        file = self.copy / "ledger" / "data.mdb"
        whole = file.read_bytes()
        text = "示例科技有限公司".encode()
        self.assertIn(text, whole)
        file.write_bytes(whole.replace(text, "示例科技有限公可".encode()))
        done = self.verify("--json")
        self.assertEqual(done.returncode, 7)
        report = json.loads(done.stdout)
        self.assertFalse(report["verified"])
        self.assertIn("hash", report["problem"]["what"])
        self.assertIn("at position %d: " % report["problem"]["position"], done.stderr)

    def test_a_changed_document_and_a_changed_key_are_found(self):
        files = [f for f in (self.copy / "documents").rglob("*") if f.is_file()]
        whole = bytearray(files[0].read_bytes())
        whole[-1] ^= 1
        files[0].write_bytes(whole)
        done = self.verify()
        self.assertEqual(done.returncode, 7)
        self.assertIn("the document ", done.stderr)

    def test_a_cut_or_wrecked_file_is_damage_and_no_crash(self):
        file = self.copy / "ledger" / "data.mdb"
        whole = file.read_bytes()
        for kept in (len(whole) // 2, 4096 * 3, 100):
            file.write_bytes(whole[:kept])
            done = self.verify("--json")
            self.assertEqual(done.returncode, 7, (kept, done.stderr))
            self.assertFalse(json.loads(done.stdout)["verified"])
        # Zeros, and page numbers from nowhere, in the place of every second page behind the first ones.
        for filler in (b"\0", b"\xff"):
            pages = [whole[at:at + 4096] for at in range(0, len(whole), 4096)]
            for i in range(4, len(pages), 2):
                pages[i] = filler * 4096
            file.write_bytes(b"".join(pages))
            done = self.verify()
            self.assertEqual(done.returncode, 7, (filler, done.returncode, done.stderr))
            file.write_bytes(whole)

    def test_a_value_that_reaches_beyond_the_file_is_told_as_damage(self):
        # The size of a row says two gigabytes: reading it ends in SIGBUS, which is told like any damage.
        file = self.copy / "ledger" / "data.mdb"
        whole = bytearray(file.read_bytes())
        row = (8).to_bytes(2, "little") + (5).to_bytes(8, "big")  # key size and key of position 5
        at = whole.find(row)
        self.assertGreater(at, 0)
        while at > 0:
            whole[at - 4:at - 2] = b"\xff\x7f"
            at = whole.find(row, at + 1)
        file.write_bytes(whole)
        temporary = pathlib.Path(tempfile.mkdtemp(dir=str(self.ledger.root)))
        with unittest.mock.patch.dict(os.environ, TMPDIR=str(temporary)):
            done = self.verify("--json")
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertIn("damaged near position 5", done.stderr)
        self.assertEqual(list(temporary.iterdir()), [])
        self.assertEqual(json.loads(done.stdout)["problem"]["position"], 5)


if __name__ == "__main__":
    unittest.main()
