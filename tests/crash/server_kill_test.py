"""Kills the serving process with SIGKILL at random moments under concurrent load. After each restart every
acknowledged command is there exactly once, and an unacknowledged one is whole or absent: repeating it with its
key makes it happen exactly once either way. SIGKILL does not test power loss. LEDGER_SEED repeats the moments."""

import collections
import http.client
import os
import pathlib
import random
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "http"))
from ledger_client import Ledger  # noqa: E402

ROUNDS = int(os.environ.get("LEDGER_KILLS", "12"))
WRITERS = 6


class Writer(threading.Thread):
    """Saves drafts of one filing, one key each, until the connection breaks."""

    def __init__(self, ledger, token, filing, state):
        super().__init__(daemon=True)
        self.ledger, self.token, self.filing, self.state = ledger, token, filing, state

    def run(self):
        while True:
            if self.state["pending"] is None:
                self.state["sent"] += 1
                self.state["pending"] = "%s-%d" % (self.filing, self.state["sent"])
            key = self.state["pending"]
            try:
                answer = self.ledger.request(
                    "PUT", "/v1/filings/%s/draft" % self.filing, self.token,
                    {"form": {"algorithm_name": "算法" + key[-12:]}}, {"Idempotency-Key": key})
            except (OSError, http.client.HTTPException):
                return
            if answer.status != 200:
                if answer.status == 503:
                    return
                raise AssertionError("unexpected answer: %r" % answer)
            self.state["acknowledged"][key] = answer.body
            self.state["pending"] = None


class ServerKill(unittest.TestCase):
    def test_every_acknowledged_command_survives_exactly_once(self):
        seed = int(os.environ.get("LEDGER_SEED", str(time.time_ns() % 1_000_000)))
        print("LEDGER_SEED=%d" % seed, flush=True)
        chance = random.Random(seed)
        ledger = Ledger().start()
        self.addCleanup(ledger.close)
        staff = ledger.staff()
        subject, filer = ledger.qualified(staff)
        filings = [ledger.draft(subject, filer, {}) for _ in range(WRITERS)]
        states = {f: {"sent": 0, "pending": None, "acknowledged": {}} for f in filings}
        for _ in range(ROUNDS):
            writers = [Writer(ledger, filer, f, states[f]) for f in filings]
            for writer in writers:
                writer.start()
            time.sleep(chance.uniform(0.01, 0.6))
            ledger.kill()
            for writer in writers:
                writer.join(30)
                self.assertFalse(writer.is_alive())
            ledger.start()
            self.check(ledger, staff, filer, states, chance)
        total = sum(len(s["acknowledged"]) for s in states.values())
        self.assertGreater(total, ROUNDS * WRITERS)
        print("%d acknowledged commands, %d kills" % (total, ROUNDS))

    def check(self, ledger, staff, filer, states, chance):
        events, after = [], None
        while True:
            path = "/v1/events?limit=1000" + ("" if after is None else "&after=%d" % after)
            page = ledger.must(ledger.get(path, staff["auditor"]))["items"]
            if not page:
                break
            events += page
            after = int(page[-1]["sequence"])
        self.assertEqual([int(e["sequence"]) for e in events], list(range(len(events))))
        times = [e["time"] for e in events]
        self.assertEqual(times, sorted(times))
        saved = collections.Counter(e["subject"] for e in events if e["type"] == "draft.saved")
        for filing, state in states.items():
            # One draft made the filing; beyond what was acknowledged only the command in flight may be there.
            extra = saved["filing/" + filing] - 1 - len(state["acknowledged"])
            self.assertIn(extra, (0, 1) if state["pending"] else (0,))
            for key in chance.sample(sorted(state["acknowledged"]), min(3, len(state["acknowledged"]))):
                again = ledger.request("PUT", "/v1/filings/%s/draft" % filing, filer,
                                       {"form": {"algorithm_name": "算法" + key[-12:]}}, {"Idempotency-Key": key})
                self.assertEqual(again.body, state["acknowledged"][key])


if __name__ == "__main__":
    unittest.main(verbosity=2)
