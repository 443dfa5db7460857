"""Two offices, each with a ledger and a witness of its own, cosign for each other; and a ledger that was rolled back is
found out by the other office alone."""

import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "http"))

from ledger_client import BINARY, Ledger  # noqa: E402


class Witness:
    def __init__(self, name, *vkeys):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="filing-ledger-witness-"))
        self.arguments = [BINARY, "witness", "--data", str(self.root / "data"), "--name", name]
        for vkey in vkeys:
            self.arguments += ["--log", vkey]
        self.port = 0
        self.process = None

    def start(self):
        self.process = subprocess.Popen([*self.arguments, "--listen", "127.0.0.1:%d" % self.port],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.process.stdout:
            if line.startswith("vkey "):
                self.vkey = line.split()[1]
            found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found.group(1))
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return self
        raise RuntimeError("the witness did not start")

    def option(self):
        return "%s http://127.0.0.1:%d" % (self.vkey, self.port)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.root, ignore_errors=True)


def until(what, holds, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("not within %d s: %s" % (seconds, what))


class MutualWitness(unittest.TestCase):
    def setUp(self):
        self.ledgers = [Ledger(origin="office-%s.test/ledger" % name) for name in "ab"]
        for ledger in self.ledgers:
            self.addCleanup(ledger.close)
        # Each office witnesses the other's log.
        self.witnesses = [Witness("witness-%s.test" % name, other.created["vkey"]).start()
                          for name, other in zip("ab", reversed(self.ledgers))]
        for witness in self.witnesses:
            self.addCleanup(witness.close)

    def start(self, number, *more):
        self.ledgers[number].start("--witness", self.witnesses[1 - number].option(), *more)

    def checkpoint(self, ledger):
        return ledger.get("/log/checkpoint").body.decode()

    def cosigned(self, number):
        """Whether the newest checkpoint of a ledger carries the other office's cosignature."""
        return "\n\u2014 witness-%s.test " % "ba"[number] in self.checkpoint(self.ledgers[number])

    def metric(self, ledger, name):
        found = re.search(r"^%s(?:\{[^}]*\})? (\S+)$" % name, ledger.get("/metrics").body.decode(), re.M)
        return float(found.group(1))

    def test_two_servers_witness_each_other(self):
        for number in (0, 1):
            self.start(number)
        for round_ in range(3):
            for number, ledger in enumerate(self.ledgers):
                ledger.register(10 + round_)
                until("office %d is cosigned" % number, lambda n=number: self.cosigned(n))
                size = int(self.checkpoint(ledger).split("\n")[1])
                self.assertEqual(self.metric(ledger, "ledger_cosigned_size"), size)
                self.assertEqual(self.metric(ledger, "ledger_witness_cosigned_size"), size)
        # The witness serves what it cosigned, and a proof leads to it.
        proof = self.ledgers[0].get("/v1/events/0/proof", self.ledgers[0].admin).body.decode()
        self.assertIn("\u2014 witness-b.test ", proof)

    def test_a_witness_that_is_away_stops_nothing_and_catches_up(self):
        self.start(0)
        until("cosigned", lambda: self.cosigned(0))
        witness = self.witnesses[1]
        self.assertEqual(witness.stop(), 0)
        for n in range(20, 25):
            self.ledgers[0].register(n)
        self.assertFalse(self.cosigned(0))
        witness.process.stdout.close()
        witness.start()
        until("cosigned again", lambda: self.cosigned(0), 60)
        self.assertEqual(self.metric(self.ledgers[0], "ledger_writable"), 1)

    def test_a_rolled_back_ledger_is_found_out_by_its_witness_alone(self):
        ledger = self.ledgers[0]
        self.start(0)
        ledger.register(1)
        until("cosigned", lambda: self.cosigned(0))
        ledger.stop()
        older = ledger.root / "older"
        shutil.copytree(ledger.data, older)
        self.start(0)
        ledger.register(2)
        ledger.register(3)
        until("cosigned", lambda: self.cosigned(0))
        ledger.stop()
        newer = ledger.root / "newer"
        shutil.copytree(ledger.data, newer)

        shutil.rmtree(ledger.data)
        shutil.copytree(older, ledger.data)
        refused = subprocess.run([BINARY, "serve", "--data", str(ledger.data), "--listen", "127.0.0.1:0",
                                  "--witness", self.witnesses[1].option()], capture_output=True, text=True, timeout=60)
        self.assertEqual(refused.returncode, 9, refused.stderr)
        self.assertIn("witness-b.test", refused.stderr)
        # Without its witness it does not start either: the mark stays until somebody has looked.
        again = subprocess.run([BINARY, "serve", "--data", str(ledger.data), "--listen", "127.0.0.1:0"],
                               capture_output=True, text=True, timeout=60)
        self.assertEqual(again.returncode, 9, again.stderr)
        self.assertIn("signing-stopped", again.stderr)

        # Had it gone on alone, the fork shows when the witness is asked again; meanwhile nothing is lost that was said.
        (ledger.data / "signing-stopped").unlink()
        ledger.start()
        for n in range(40, 50):
            ledger.register(n)
        ledger.stop()
        forked = subprocess.run([BINARY, "serve", "--data", str(ledger.data), "--listen", "127.0.0.1:0",
                                 "--witness", self.witnesses[1].option()], capture_output=True, text=True, timeout=60)
        self.assertEqual(forked.returncode, 9, forked.stderr)

        shutil.rmtree(ledger.data)
        shutil.copytree(newer, ledger.data)
        self.start(0)
        ledger.register(4)
        until("cosigned", lambda: self.cosigned(0))

    def test_a_conflict_while_serving_stops_writes_and_leaves_reads(self):
        ledger = self.ledgers[0]
        self.start(0)
        until("cosigned", lambda: self.cosigned(0))
        ledger.stop()
        older = ledger.root / "older"
        shutil.copytree(ledger.data, older)
        # The twin runs ahead before its witness; then the witness comes to see the other one.
        self.start(0)
        for n in range(30, 33):
            ledger.register(n)
        until("cosigned", lambda: self.cosigned(0))
        ledger.stop()
        shutil.rmtree(ledger.data)
        shutil.copytree(older, ledger.data)
        self.assertEqual(self.witnesses[1].stop(), 0)
        self.witnesses[1].process.stdout.close()
        self.start(0)
        for n in range(60, 70):
            ledger.register(n)
        self.witnesses[1].start()
        until("signing stopped", lambda: self.metric(ledger, "ledger_signing_stopped") == 1, 90)
        refused = ledger.post("/v1/subjects", None, {"organization_name": "甲", "credit_code": "x", "region": "110108",
                                                     "contact": {"name": "甲", "phone": "1", "email": "a@b.cn"}})
        self.assertEqual(refused.status, 422)  # what is wrong with it is still told
        access = ledger.post("/v1/access/grants", ledger.admin, {"principal": "乙", "role": "auditor"})
        self.assertEqual((access.status, access.code), (503, "signing_stopped"))
        self.assertEqual(ledger.get("/v1/announcements").status, 200)
        self.assertTrue((ledger.data / "signing-stopped").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
