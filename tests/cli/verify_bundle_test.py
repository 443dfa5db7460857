"""`verify --bundle` against the built binary, on bundles that this file makes by itself from docs/bundle.md: entries as the
server gives them, the tree with hashlib, the checkpoint's signature with openssl."""

import base64
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "http"))
from ledger_client import BINARY, Ledger  # noqa: E402

DONE, USAGE, DAMAGED = 0, 2, 7


def b64(data):
    return base64.b64encode(data).decode()


def split(size):
    """The largest power of two below size."""
    return 1 << (size - 1).bit_length() - 1


def root(entries):
    if len(entries) == 1:
        return hashlib.sha256(b"\0" + entries[0]).digest()
    k = split(len(entries))
    return hashlib.sha256(b"\1" + root(entries[:k]) + root(entries[k:])).digest()


def path(index, entries):
    if len(entries) == 1:
        return []
    k = split(len(entries))
    if index < k:
        return path(index, entries[:k]) + [root(entries[k:])]
    return path(index - k, entries[k:]) + [root(entries[:k])]


class VerifyBundle(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if shutil.which("openssl") is None:
            print("SKIPPED: no openssl command; nothing checked", file=sys.stderr)
            raise unittest.SkipTest("no openssl command")
        cls.ledger = Ledger().start()
        cls.addClassCleanup(cls.ledger.close)
        ledger, staff = cls.ledger, cls.ledger.staff()
        cls.subject, filer = ledger.qualified(staff)
        _, _, feature = ledger.tree(cls.subject, filer)
        cls.filing = ledger.draft(cls.subject, filer, ledger.filing_form(filer, [feature]))
        ledger.must(ledger.post("/v1/filings/%s/submit" % cls.filing, filer, {"declared": True}))
        events = ledger.must(ledger.get("/v1/events?limit=1000", staff["auditor"]))["items"]
        cls.entries = [ledger.get("/v1/events/%d" % i, staff["auditor"], Accept="application/octet-stream").body
                       for i in range(len(events))]
        cls.streams = [event["subject"] for event in events]
        cls.vkey = ledger.created["vkey"]
        cls.bundle = cls.make_bundle()
        cls.file = ledger.root / "filing.bundle"

    @classmethod
    def checkpoint(cls):
        body = "%s\n%d\n%s\n" % (cls.ledger.created["origin"], len(cls.entries), b64(root(cls.entries)))
        text = cls.ledger.root / "checkpoint.body"
        text.write_text(body)
        signed = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", cls.ledger.data / "signing.key",
                                 "-in", text], capture_output=True, check=True).stdout
        name, key_id, _ = cls.vkey.split("+", 2)
        return "%s\n\u2014 %s %s\n" % (body, name, b64(bytes.fromhex(key_id) + signed))

    @classmethod
    def make_bundle(cls):
        own = {"filing/" + cls.filing, "subject/" + cls.subject}
        own |= {stream for stream in cls.streams if stream.startswith("product/")}
        return {"format": "filing-ledger/bundle/v1", "origin": cls.ledger.created["origin"], "filing": cls.filing,
                "subject": cls.subject, "schema": 1, "checkpoint": cls.checkpoint(),
                "entries": [{"position": i, "entry": b64(entry), "proof": [b64(h) for h in path(i, cls.entries)]}
                            for i, entry in enumerate(cls.entries) if i == 0 or cls.streams[i] in own],
                "disclosures": [], "documents": []}

    def verify(self, bundle, *args, vkey=None):
        text = bundle if isinstance(bundle, str) else json.dumps(bundle, separators=(",", ":"), ensure_ascii=False) + "\n"
        self.file.write_text(text)
        return subprocess.run([BINARY, "verify", "--bundle", self.file, "--vkey", vkey or self.vkey, *args],
                              capture_output=True, text=True, timeout=60)

    def refused(self, done, code, *words):
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_a_bundle_made_by_others_verifies(self):
        done = self.verify(self.bundle)
        self.assertEqual((done.returncode, done.stderr), (DONE, ""), done.stdout)
        self.assertIn("ok      the checkpoint of ledger.example/test at size %d" % len(self.entries), done.stdout)
        self.assertIn("verified: filing %s is submitted" % self.filing, done.stdout)

    def test_json_says_what_was_checked(self):
        done = self.verify(self.bundle, "--json")
        self.assertEqual(done.returncode, DONE)
        self.assertEqual(done.stdout.count("\n"), 1)
        report = json.loads(done.stdout)
        self.assertEqual((report["verified"], report["problem"]), (True, None))
        self.assertEqual((report["origin"], report["size"]), ("ledger.example/test", len(self.entries)))
        self.assertEqual((report["entries"], report["disclosures"], report["documents"]),
                         (len(self.bundle["entries"]), 0, 0))
        self.assertEqual(report["root"], root(self.entries).hex())
        self.assertEqual((report["filing"], report["state"], report["number"]), (self.filing, "submitted", None))
        self.assertEqual(report["last_position"], len(self.entries) - 1)

    def test_what_does_not_verify_is_named(self):
        bundle = json.loads(json.dumps(self.bundle))
        bundle["entries"][2], removed = bundle["entries"][3], bundle["entries"].pop(3)
        done = self.verify(bundle, "--json")
        self.refused(done, DAMAGED, "/entries/2/entry", "behind version")
        report = json.loads(done.stdout)
        self.assertFalse(report["verified"])
        self.assertEqual(report["problem"]["where"], "/entries/2/entry")
        bundle["entries"][2]["proof"][0] = b64(bytes(32))
        done = self.verify(bundle)
        self.refused(done, DAMAGED, "/entries/2", "position %d" % removed["position"])
        self.assertIn("FAILED  /entries/2: ", done.stdout)
        self.refused(self.verify(json.dumps(self.bundle)), DAMAGED, "canonical form")
        name, key_id, key = self.vkey.split("+", 2)
        other = bytes([1]) + bytes(32)
        forged = hashlib.sha256(name.encode() + b"\n" + other).hexdigest()[:8]
        self.refused(self.verify(self.bundle, vkey="%s+%s+%s" % (name, forged, b64(other))), DAMAGED, "/checkpoint")

    def test_witnesses_and_documents_that_are_asked_for_must_be_there(self):
        key = bytes([4]) + bytes(range(32))
        witness = "w.example+%s+%s" % (hashlib.sha256(b"w.example\n" + key).hexdigest()[:8], b64(key))
        self.assertEqual(self.verify(self.bundle, "--witness", witness).returncode, DONE)
        self.refused(self.verify(self.bundle, "--witness", witness, "--witnesses-min", "1"), DAMAGED, "witness")
        self.refused(self.verify(self.bundle, "--witnesses-min", "1"), USAGE, "--witnesses-min")
        self.refused(self.verify(self.bundle, "--witness", self.vkey), USAGE, "--witness", "log")
        document = self.ledger.root / "document.pdf"
        document.write_bytes(b"report")
        self.refused(self.verify(self.bundle, "--document", document), DAMAGED, "document.pdf")
        self.refused(self.verify(self.bundle, "--document", document.with_name("none")), USAGE, "--document")

    def test_a_file_that_is_no_bundle_is_refused_with_its_place(self):
        for text, words in (("", ("line 1, column 1",)), ("{\n\"format\":}", ("line 2, column 10",)),
                            ("{}", ("/format",)), (json.dumps({**self.bundle, "schema": "1"}), ("/schema",)),
                            (json.dumps(self.bundle)[:-30], ("line 1, column",))):
            done = self.verify(text)
            self.refused(done, USAGE, "is no bundle", *words)
            self.assertEqual(done.stdout, "")
        for args, word in ((("--vkey", self.vkey), "--bundle"), (("--bundle", self.file), "--vkey"), ((), "--bundle"),
                           (("--bundle", self.ledger.root, "--vkey", self.vkey), "cannot read"),
                           (("--bundle", self.file, "--vkey", "x+y"), "--vkey"),
                           (("--data", self.ledger.data, "--bundle", self.file, "--vkey", self.vkey), "--data")):
            done = subprocess.run([BINARY, "verify", *map(str, args)], capture_output=True, text=True)
            self.refused(done, USAGE, word)


if __name__ == "__main__":
    unittest.main(verbosity=2)
