"""Rebuilds the views of a server that goes on serving: who may ask, what is told, and that nobody sees it happen.
LEDGER_SEED repeats the moments at which the server is stopped or killed."""

import http.client
import os
import pathlib
import random
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from ledger_client import Ledger  # noqa: E402

PATH = "/v1/admin/rebuild"


class Rebuild(unittest.TestCase):
    def setUp(self):
        self.ledger = Ledger().start()
        self.addCleanup(self.ledger.close)
        self.staff = self.ledger.staff()
        self.subject, self.filer = self.ledger.qualified(self.staff)
        self.filing = self.ledger.draft(self.subject, self.filer, {"algorithm_name": "视图"})

    def status(self):
        return self.ledger.must(self.ledger.get(PATH, self.ledger.admin))

    def ended(self):
        while self.status()["state"] == "running":
            time.sleep(0.005)
        return self.status()

    def test_an_admin_rebuilds_and_is_told_how_it_stands(self):
        before = self.status()
        self.assertEqual((before["state"], before["started_at"], before["events"]), ("none", None, 0))
        inode = (self.ledger.data / "views" / "data.mdb").stat().st_ino
        begun = self.ledger.request("POST", PATH, self.ledger.admin)
        self.assertEqual(begun.status, 202, begun)
        self.assertEqual(begun.headers["location"], PATH)
        self.assertIn(begun.json["state"], ("running", "done"))
        after = self.ended()
        self.assertEqual(after["state"], "done", after)
        self.assertEqual(after["events"], after["total"])
        self.assertEqual((after["remaining_seconds"], after["failure"]), (None, None))
        self.assertGreater(after["events_per_second"], 0)
        self.assertNotEqual((self.ledger.data / "views" / "data.mdb").stat().st_ino, inode)
        self.assertFalse((self.ledger.data / "views.new").exists())
        metrics = self.ledger.get("/metrics").body.decode()
        self.assertIn("ledger_rebuild_running 0", metrics)
        self.assertIn("ledger_rebuild_events %d" % after["events"], metrics)
        self.assertEqual(self.ledger.stop(), 0)
        self.ledger.log.clear()
        self.ledger.start()
        self.assertFalse([line for line in self.ledger.log if "rebuilding the views" in line])

    def test_nobody_but_an_admin(self):
        for method in ("GET", "POST"):
            self.assertEqual(self.ledger.request(method, PATH).status, 401)
            for token in (self.filer, *self.staff.values()):
                self.assertEqual(self.ledger.request(method, PATH, token).code, "role_forbidden")
        self.assertEqual(self.ledger.post(PATH, self.ledger.admin, {"all": True}).status, 422)
        self.assertEqual(self.ledger.request("POST", PATH, self.ledger.admin, raw=b"{").code, "bad_json")
        self.assertEqual(self.ledger.request("POST", PATH + "?x=1", self.ledger.admin).code, "bad_query")
        self.assertEqual(self.ledger.request("DELETE", PATH, self.ledger.admin).status, 405)
        self.assertEqual(self.status()["state"], "none")

    def test_readers_and_writers_do_not_notice(self):
        stop, failures, saved = threading.Event(), [], []

        def save():
            while not stop.is_set():
                answer = self.ledger.request("PUT", "/v1/filings/%s/draft" % self.filing, self.filer,
                                             {"form": {"algorithm_name": "算法%d" % len(saved)}})
                if answer.status != 200:
                    failures.append(answer)
                    return
                saved.append(answer.json["version"])

        def read():
            seen = 0
            while not stop.is_set():
                answer = self.ledger.get("/v1/filings/" + self.filing, self.filer)
                if answer.status != 200 or answer.json["version"] < seen:
                    failures.append(answer)
                    return
                seen = answer.json["version"]

        threads = [threading.Thread(target=save), threading.Thread(target=read)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            self.assertEqual(self.ledger.request("POST", PATH, self.ledger.admin).status, 202)
            self.assertEqual(self.ended()["state"], "done")
        stop.set()
        for thread in threads:
            thread.join(30)
        self.assertEqual(failures, [])
        self.assertEqual(saved, list(range(2, len(saved) + 2)))
        self.assertEqual(self.ledger.must(self.ledger.get("/v1/filings/" + self.filing, self.filer))["version"], saved[-1])

    def test_stopped_and_killed_at_any_moment_the_next_start_shows_the_same(self):
        seed = int(os.environ.get("LEDGER_SEED", str(time.time_ns() % 1_000_000)))
        print("LEDGER_SEED=%d" % seed, flush=True)
        chance = random.Random(seed)
        before = self.ledger.must(self.ledger.get("/v1/filings/" + self.filing, self.filer))
        for round_ in range(10):
            for _ in range(3):
                try:
                    self.ledger.request("POST", PATH, self.ledger.admin)
                except (OSError, http.client.HTTPException):
                    break
            time.sleep(chance.uniform(0, 0.02))
            if round_ % 2:
                self.ledger.kill()
            else:
                self.assertEqual(self.ledger.stop(), 0)
            self.ledger.log.clear()
            self.ledger.start()
            self.assertFalse([line for line in self.ledger.log if "rebuilding the views" in line])
            self.assertFalse((self.ledger.data / "views.new").exists())
            self.assertEqual(self.ledger.must(self.ledger.get("/v1/filings/" + self.filing, self.filer)), before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
