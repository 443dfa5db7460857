"""`filing-ledger witness` as a second office runs it: made by its first start, asked by logs that are not ours."""

import json
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import time
import unittest

from refusals import Refusing
from witness_story import BINARY, Log, Witness, verify_cosignature

DONE, USAGE, NO_LEDGER, LOCKED, LISTEN = 0, 2, 3, 4, 8
VECTORS = pathlib.Path(os.environ.get("LEDGER_SHARED_DIR", "../shared")) / "vectors"
ORIGIN = "ledger.example/story"


class WitnessCommand(Refusing, unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="filing-ledger-"))
        self.addCleanup(shutil.rmtree, self.root, True)
        self.log = Log(self.root, ORIGIN, b"\x07" * 32)

    def witness(self, *logs, name="witness.example/w1"):
        made = Witness(self.root / "witness", name, *(logs or (self.log.vkey,)))
        self.addCleanup(made.close)
        return made

    def run_witness(self, *args):
        return subprocess.run([BINARY, "witness", "--data", str(self.root / "witness"), *args], capture_output=True,
                              text=True, timeout=60)

    def test_the_first_start_makes_the_witness_and_says_so(self):
        witness = self.witness().start()
        key = self.root / "witness" / "witness" / "witness.key"
        self.assertEqual(stat.S_IMODE(key.stat().st_mode), 0o600)
        vkey = witness.vkey
        self.assertTrue(vkey.startswith("witness.example/w1+"), vkey)
        self.assertEqual(witness.ask("GET", "/healthz")[:2], (200, "ok\n"))
        # The vkey can be asked for while it serves, and it serves once.
        shown = self.run_witness("--name", "witness.example/w1", "--print-vkey")
        self.assertEqual((shown.returncode, shown.stdout, shown.stderr), (DONE, vkey + "\n", ""))
        self.refused(self.run_witness("--name", "witness.example/w1", "--log", self.log.vkey), LOCKED, "in use")
        self.assertEqual(witness.stop(), DONE)
        self.assertIn("made the new witness witness.example/w1", "".join(witness.log))
        self.assertEqual(witness.start().vkey, vkey)
        self.assertNotIn("made the new witness", "".join(witness.log))
        self.assertEqual(witness.stop(), DONE)

    def test_a_vkey_is_printed_before_any_log_is_known(self):
        done = self.run_witness("--name", "witness.example/w1", "--print-vkey")
        self.assertEqual(done.returncode, DONE)
        self.assertIn("made the new witness", done.stderr)
        self.assertEqual(self.witness().start().vkey, done.stdout.strip())

    def test_it_cosigns_what_grew_and_openssl_agrees(self):
        witness = self.witness().start()
        before = int(time.time())
        for old, size in ((0, 6), (6, 13), (13, 13), (13, 64)):
            status, lines, _ = witness.add(self.log.request(old, size))
            self.assertEqual(status, 200, lines)
            at = verify_cosignature(witness.vkey, self.log.checkpoint(size), lines)
            self.assertTrue(before <= at <= time.time() + 1)
        status, latest, _ = witness.latest(ORIGIN)
        self.assertEqual((status, latest), (200, self.log.checkpoint(64) + lines))
        self.assertEqual(witness.stop(), DONE)
        # Nothing is forgotten.
        witness.start()
        self.assertEqual(witness.latest(ORIGIN)[1], latest)
        self.assertEqual(witness.add(self.log.request(13, 64))[:2], (409, "64\n"))

    def test_every_refusal_has_its_status(self):
        witness = self.witness().start()
        self.assertEqual(witness.latest(ORIGIN)[0], 404)
        self.assertEqual(witness.add(self.log.request(0, 6))[0], 200)
        fork = Log(self.root, ORIGIN, b"\x07" * 32, fork=5)
        thief = Log(self.root, ORIGIN, b"\x08" * 32)
        other = Log(self.root, "ledger.example/other", b"\x07" * 32)
        self.assertEqual(witness.add("nonsense")[0], 400)
        self.assertEqual(witness.add(self.log.request(13, 13).replace("\n13\n", "\n12\n"))[0], 403)
        self.assertEqual(witness.add("old 20\n\n" + self.log.checkpoint(13))[0], 400)
        self.assertEqual(witness.add(thief.request(6, 13))[0], 403)
        self.assertEqual(witness.add(other.request(0, 13))[0], 404)
        self.assertEqual(witness.add(self.log.request(0, 13)), (409, "6\n", "text/x.tlog.size"))
        self.assertEqual(witness.add(fork.request(6, 13))[0], 422)
        self.assertEqual(witness.add(fork.request(6, 6))[0], 422)
        self.assertEqual(witness.add("x" * (128 * 1024 + 1))[0], 413)
        self.assertEqual(witness.ask("GET", "/add-checkpoint")[0], 405)
        self.assertEqual(witness.ask("GET", "/elsewhere")[0], 404)
        self.assertEqual(witness.add(self.log.request(6, 13))[0], 200)
        witness.stop()
        # The evidence of the fork is in the log: the root that the log signed and should not have.
        alarms = [line for line in witness.log if " error " in line]
        self.assertEqual(len(alarms), 2, witness.log)
        self.assertIn(fork.checkpoint(13).splitlines()[2], alarms[0])

    def test_one_log_may_have_two_keys_and_one_witness_several_logs(self):
        successor = Log(self.root, ORIGIN, b"\x08" * 32)
        other = Log(self.root, "ledger.example/other", b"\x09" * 32)
        witness = self.witness(self.log.vkey, successor.vkey, other.vkey).start()
        self.assertEqual(witness.add(self.log.request(0, 6))[0], 200)
        self.assertEqual(witness.add(successor.request(6, 13))[0], 200)
        self.assertEqual(witness.add(other.request(0, 2))[0], 200)

    def test_the_vectors_of_the_model_are_served(self):
        folder = VECTORS / "derived-own"
        if not folder.is_dir():
            self.skipTest("no vectors at %s" % folder)
        keys = json.loads((folder / "keys.json").read_text())
        model = Log(self.root, keys["log_name"], bytes.fromhex(keys["log_ed25519_seed_hex"]), 13)
        self.assertEqual(model.vkey, keys["log_vkey"])
        witness = self.witness(keys["log_vkey"]).start()
        self.assertEqual(witness.add(model.request(0, 6))[0], 200)
        request = (folder / "add-checkpoint-request-6-to-13.txt").read_text()
        self.assertEqual(model.request(6, 13), request)
        status, lines, _ = witness.add(request)
        self.assertEqual(status, 200)
        verify_cosignature(witness.vkey, (folder / "checkpoint-13.txt").read_text(), lines)
        self.assertEqual(witness.ask("GET", "/%s/checkpoint" % keys["monitoring_origin_hash"])[1],
                         (folder / "checkpoint-13.txt").read_text() + lines)
        self.assertEqual(witness.add(request)[:2], (409, "13\n"))

    def test_arguments_and_directories_that_make_no_sense_are_refused(self):
        name = ("--name", "witness.example/w1")
        cosigner = self.run_witness(*name, "--print-vkey").stdout.strip()
        self.refused(self.run_witness(*name), USAGE, "--log")
        self.refused(self.run_witness("--log", self.log.vkey), USAGE, "--name")
        self.refused(self.run_witness(*name, "--log", "x+y+z"), USAGE, "--log", "x+y+z")
        self.refused(self.run_witness(*name, "--log", cosigner), USAGE, "--log", "witness")
        self.refused(self.run_witness("--name", "two words", "--log", self.log.vkey), USAGE, "--name")
        self.refused(self.run_witness("--name", "other", "--log", self.log.vkey), USAGE, "--name", "is the witness")
        self.refused(self.run_witness("--name", "other", "--print-vkey"), USAGE, "--name")
        self.refused(self.run_witness(*name, "--log", self.log.vkey, "--listen", "nowhere"), LISTEN, "--listen")
        shutil.move(self.root / "witness" / "witness" / "state", self.root / "state")
        self.refused(self.run_witness(*name, "--log", self.log.vkey), NO_LEDGER, "witness/state")
        self.refused(self.run_witness(*name, "--print-vkey"), NO_LEDGER, "witness/state")
        shutil.move(self.root / "state", self.root / "witness" / "witness" / "state")
        (self.root / "witness" / "witness" / "witness.key").unlink()
        self.refused(self.run_witness(*name, "--log", self.log.vkey), NO_LEDGER, "witness.key")
        shutil.rmtree(self.root / "witness")
        (self.root / "witness").mkdir()
        (self.root / "witness" / "notes.txt").write_text("mine")
        self.refused(self.run_witness(*name, "--log", self.log.vkey), NO_LEDGER, "holds no witness")
        self.assertEqual([p.name for p in (self.root / "witness").iterdir()], ["notes.txt"])

    def test_it_helps_with_an_example(self):
        done = self.run_witness("--help")
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        self.assertIn("filing-ledger witness --data", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
