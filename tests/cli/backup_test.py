"""backup and restore as an operator runs them: beside a busy server, with the keys from elsewhere."""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "http"))
from ledger_client import BINARY, Ledger  # noqa: E402
from refusals import Refusing  # noqa: E402

DONE, FAILED, USAGE, NO_LEDGER, KEY, DAMAGED, ROLLED_BACK = 0, 1, 2, 3, 5, 7, 9


def run(*args):
    return subprocess.run([BINARY, *map(str, args)], capture_output=True, text=True, timeout=120)


class Backup(Refusing, unittest.TestCase):
    def setUp(self):
        self.ledger = Ledger()
        self.addCleanup(self.ledger.close)
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="filing-ledger-"))
        self.addCleanup(shutil.rmtree, self.root, True)
        self.checkpoint = self.root / "checkpoint"
        self.start()
        self.auditor = self.ledger.grant("auditor", "auditor")
        self.subject, self.filer = self.ledger.register(1)
        self.content = b"letter" * 50_000
        self.digest = self.ledger.upload(self.filer, self.content)
        # What an operator keeps apart.
        self.keys = self.root / "keys"
        self.keys.mkdir()
        shutil.copy2(self.ledger.data / "signing.key", self.keys)

    def start(self):
        self.ledger.port = None
        self.ledger.start("--checkpoint-file", str(self.checkpoint))

    def back_up(self, name, *args):
        return run("backup", "--data", self.ledger.data, "--to", self.root / name, *args)

    def restore(self, name, *args, keys=True, data=None, file=True):
        return run("restore", "--from", self.root / name, "--data", data or self.root / "restored",
                   "--master-key", self.ledger.root / "data.key",
                   *(["--signing-key", self.keys / "signing.key"] if keys else []),
                   *(["--checkpoint-file", self.checkpoint] if file else []), *args)

    def refused(self, done, code, *words):
        super().refused(done, code, *words)
        self.assertFalse((self.root / "restored").exists())
        self.assertFalse((self.root / "restored.new").exists())

    def entries(self, data):
        """Every event as a line, in the order of the log."""
        done = run("export", "events", "--data", data)
        self.assertEqual(done.returncode, DONE, done.stderr)
        return done.stdout.splitlines()

    def lose_the_disk(self):
        """The server is gone and its directory with it; keys and checkpoint file are elsewhere."""
        self.assertEqual(self.ledger.stop(), 0)
        shutil.rmtree(self.ledger.data)

    def test_a_backup_of_a_busy_server_restores_to_the_same_events(self):
        stop = threading.Event()
        registered = []

        def work():
            while not stop.is_set():
                registered.append(self.ledger.register(1000 + len(registered))[0])

        busy = threading.Thread(target=work)
        busy.start()
        try:
            hot = self.back_up("hot", "--json")
        finally:
            stop.set()
            busy.join()
        self.assertEqual(hot.returncode, DONE, hot.stderr)
        facts = json.loads(hot.stdout)
        self.assertEqual(facts["origin"], "ledger.example/test")
        self.assertEqual(facts["documents"], 1)
        all_events = self.entries(self.ledger.data)
        self.assertLessEqual(facts["size"], len(all_events))

        # The hot one is behind by now; one made at rest is not.
        cold = json.loads(self.back_up("cold", "--json").stdout)
        self.assertEqual(cold["size"], len(all_events))
        self.lose_the_disk()
        if facts["size"] < cold["size"]:
            self.refused(self.restore("hot"), ROLLED_BACK, "it has lost", "--allow-behind")
        done = self.restore("cold", "--json", data=self.ledger.data)
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        self.assertEqual(json.loads(done.stdout)["writable"], True)
        self.assertEqual(self.entries(self.ledger.data), all_events)
        self.start()
        self.assertEqual(self.ledger.must(self.ledger.get("/v1/subjects/" + self.subject, self.filer))["id"], self.subject)
        self.assertEqual(self.ledger.get("/v1/documents/" + self.digest, self.filer).body, self.content)
        self.ledger.register(5)

        old = self.root / "old"
        done = self.restore("hot", "--allow-behind", "--json", keys=False, data=old)
        self.assertEqual(done.returncode, DONE, done.stderr)
        self.assertEqual(json.loads(done.stdout)["writable"], False)
        self.assertIn("it will not serve", done.stderr)
        self.assertEqual(self.entries(old), all_events[:facts["size"]])
        served = run("serve", "--data", old, "--master-key", self.ledger.root / "data.key", "--listen", "127.0.0.1:0")
        self.assertEqual(served.returncode, ROLLED_BACK, served.stderr)
        self.assertIn("signing was stopped", served.stderr)

    def test_no_secret_and_no_lock_is_in_a_backup(self):
        done = self.back_up("backup")
        self.assertEqual(done.returncode, DONE, done.stderr)
        self.assertIn("without keys", done.stdout)
        key_file = (self.ledger.root / "data.key").read_text()
        secrets = [s.encode() for s in re.findall(r"\b[0-9a-f]{64}\b", key_file)]
        self.assertEqual(len(secrets), 2)
        secrets += [bytes.fromhex(s.decode()) for s in secrets]
        secrets += [line.encode() for line in (self.ledger.data / "signing.key").read_text().splitlines()]
        secrets.append(self.ledger.admin.encode())
        files = [p for p in (self.root / "backup").rglob("*") if p.is_file()]
        for file in files:
            content = file.read_bytes()
            for secret in secrets:
                self.assertNotIn(secret, content, file)
        names = {p.relative_to(self.root / "backup").parts[0] for p in files}
        self.assertEqual(names, {"backup.json", "documents", "ledger", "vault"})
        self.assertEqual({p.name for p in files if p.parent.name in ("ledger", "vault")}, {"data.mdb"})

    def test_restore_needs_the_keys_and_names_what_is_missing(self):
        self.assertEqual(self.back_up("backup").returncode, DONE)
        vkey = self.ledger.created["vkey"]
        self.refused(self.restore("backup", keys=False), KEY, vkey, "--signing-key")
        other = self.root / "other"
        self.assertEqual(run("init", "--data", other, "--origin", "ledger.example/test").returncode, DONE)
        self.refused(self.restore("backup", "--signing-key", other / "signing.key"), KEY, "no key in force")
        done = run("restore", "--from", self.root / "backup", "--data", self.root / "restored", "--master-key",
                   self.root / "other.key", "--signing-key", self.keys / "signing.key")
        self.refused(done, KEY, "master key")
        done = run("restore", "--from", self.root / "backup", "--data", self.root / "restored", "--signing-key",
                   self.keys / "signing.key")
        self.refused(done, KEY, "restored.key")

    def test_places_that_are_taken_or_are_none_are_refused(self):
        self.assertEqual(self.back_up("backup").returncode, DONE)
        self.refused(self.back_up("backup"), NO_LEDGER, "there already")
        self.refused(self.back_up(self.ledger.data / "within"), USAGE, "--to")
        self.refused(run("backup", "--data", self.root / "none", "--to", self.root / "b"), NO_LEDGER, "no ledger")
        self.refused(self.restore("backup", data=self.ledger.data), NO_LEDGER, "already")
        self.refused(self.restore("keys"), NO_LEDGER, "filing-ledger backup")
        self.refused(run("restore", "--from", self.root / "backup", "--data", self.root / "restored",
                         "--checkpoint-file", self.root / "lost"), USAGE, "no checkpoint file")
        self.assertFalse((self.root / "lost").exists())

    def test_without_a_checkpoint_file_it_says_that_nobody_was_asked(self):
        self.assertEqual(self.back_up("backup").returncode, DONE)
        done = self.restore("backup", file=False)
        self.assertEqual(done.returncode, DONE, done.stderr)
        self.assertIn("nothing could tell", done.stderr)

    def test_a_changed_backup_is_refused(self):
        self.assertEqual(self.back_up("backup").returncode, DONE)
        log = self.root / "backup" / "ledger" / "data.mdb"
        content = log.read_bytes()
        name = "示例科技有限公司".encode()
        self.assertIn(name, content)
        log.write_bytes(content.replace(name, "另外科技有限公司".encode()))
        self.refused(self.restore("backup"), DAMAGED, "root of the backup's checkpoint")

    def test_a_backup_that_died_is_cleared_away_by_the_next(self):
        left = self.root / "backup.new"
        (left / "ledger").mkdir(parents=True)
        (left / "ledger" / "data.mdb").write_bytes(b"half")
        # Not one of its own: somebody's directory is left alone.
        self.assertEqual(self.back_up("backup").returncode, 3)
        self.assertEqual((left / "ledger" / "data.mdb").read_bytes(), b"half")
        (left / "staging").touch()
        self.assertEqual(self.back_up("backup").returncode, DONE)
        self.assertFalse(left.exists())
        self.assertEqual(self.restore("backup").returncode, DONE)


if __name__ == "__main__":
    unittest.main(verbosity=2)
