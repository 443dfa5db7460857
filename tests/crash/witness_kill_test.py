"""Kills the witness with SIGKILL at random moments while a log and its other history race to be cosigned. Whatever it
cosigned, of all its lives together, is one history that only grew. SIGKILL does not test power loss. LEDGER_SEED
repeats the moments."""

import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
from witness_story import Log, Witness, verify_cosignature  # noqa: E402

ROUNDS = int(os.environ.get("LEDGER_KILLS", "12"))
ORIGIN = "ledger.example/kill"
SIZE, FORK = 256, 3


class Sender(threading.Thread):
    """Shows one history to the witness, in small steps, until the connection breaks."""

    def __init__(self, witness, log, cosigned, seed):
        super().__init__(daemon=True)
        self.witness, self.log, self.cosigned, self.chance = witness, log, cosigned, random.Random(seed)
        self.wrong = []

    def run(self):
        old = 0
        while True:
            size = min(SIZE, old + self.chance.randint(0, 2))
            try:
                status, body, _ = self.witness.add(self.log.request(old, max(size, 1)))
            except OSError:
                return
            except Exception as error:  # http.client: cut in the middle of an answer
                if type(error).__module__ != "http.client":
                    self.wrong.append(repr(error))
                return
            if status == 200:
                self.cosigned.append((max(size, 1), self.log, body))
                old = max(size, 1)
            elif status == 409:
                old = int(body)
            elif status != 422:
                self.wrong.append((status, body))
                return


class WitnessKill(unittest.TestCase):
    def test_no_life_of_a_witness_contradicts_an_earlier_one(self):
        seed = int(os.environ.get("LEDGER_SEED", str(time.time_ns() % 1_000_000)))
        print("LEDGER_SEED=%d" % seed, flush=True)
        chance = random.Random(seed)
        place = tempfile.mkdtemp(prefix="filing-ledger-")
        self.addCleanup(shutil.rmtree, place, True)
        logs = [Log(place, ORIGIN, b"\x07" * 32, SIZE), Log(place, ORIGIN, b"\x07" * 32, SIZE, FORK)]
        for log in logs:  # signing takes openssl a while: not while the clock of a life runs
            for size in range(1, SIZE + 1):
                log.checkpoint(size)
        witness = Witness(pathlib.Path(place) / "witness", "witness.example/kill", logs[0].vkey)
        self.addCleanup(witness.close)
        cosigned = []
        for life in range(ROUNDS):
            witness.start()
            at_start = witness.latest(ORIGIN)
            largest = max((size for size, _, _ in cosigned), default=0)
            if largest:
                # What was answered was durable; at most the answers that got lost lie beyond.
                self.assertEqual(at_start[0], 200)
                stood = int(at_start[1].splitlines()[1])
                self.assertGreaterEqual(stood, largest)
                for log in logs:
                    for old in (0, max(1, stood // 2), stood - 1):
                        if old < stood:
                            self.assertEqual(witness.add(log.request(old, stood))[:2], (409, "%d\n" % stood))
            senders = [Sender(witness, log, cosigned, chance.random()) for log in logs]
            for sender in senders:
                sender.start()
            if life % 2 == 0:  # in the other lives the first answer may not come
                self.await_more(cosigned, len(cosigned))
            time.sleep(chance.uniform(0, 0.1))
            witness.kill()
            for sender in senders:
                sender.join(30)
                self.assertFalse(sender.is_alive())
                self.assertEqual(sender.wrong, [])
        self.check(witness, cosigned, logs)

    def await_more(self, cosigned, count):
        end = time.monotonic() + 30
        while len(cosigned) == count:
            self.assertLess(time.monotonic(), end, "nothing is cosigned any more")
            time.sleep(0.001)

    def check(self, witness, cosigned, logs):
        histories = {logs.index(log) for size, log, _ in cosigned if size > FORK}
        self.assertLessEqual(len(histories), 1, "both histories were cosigned")
        for size, log, lines in cosigned[:5] + cosigned[-5:]:
            verify_cosignature(witness.vkey, log.checkpoint(size), lines)
        print("%d cosignatures up to %d entries, %d kills" % (len(cosigned), max(s for s, _, _ in cosigned), ROUNDS))


if __name__ == "__main__":
    unittest.main(verbosity=2)
