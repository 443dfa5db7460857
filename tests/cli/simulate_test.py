"""`simulate` from outside: a ledger with a made-up history that can be served, and what gets refused."""

import datetime
import json
import pathlib
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "http"))
from ledger_client import BINARY, Ledger  # noqa: E402
from refusals import Refusing  # noqa: E402


def days_ago(days):
    return (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Simulate(unittest.TestCase, Refusing):
    def fresh(self, days=730):
        ledger = Ledger("--at", days_ago(days))
        self.addCleanup(ledger.close)
        return ledger

    def simulate(self, ledger, *args):
        done = ledger.run("simulate", *map(str, args), "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        return json.loads(done.stdout)

    @staticmethod
    def events(ledger):
        return subprocess.run([BINARY, "export", "events", "--data", str(ledger.data)], capture_output=True, text=True,
                              check=True).stdout.splitlines()

    def test_a_history_is_served_and_says_that_it_is_simulated(self):
        ledger = self.fresh()
        report = self.simulate(ledger, "--filings", 150, "--seed", 4)
        self.assertEqual((report["simulated"], report["seed"], report["filings"], report["stopped"]), (True, 4, 150, False))
        verified = ledger.run("verify")
        self.assertEqual(verified.returncode, 0, verified.stderr)

        ledger.start()
        token = ledger.admin
        auditor = ledger.grant("an auditor", "auditor")
        answers = [ledger.get("/v1/announcements?limit=5"), ledger.get("/v1/me", token), ledger.get("/readyz"),
                   ledger.get("/v1/filings?limit=1", auditor), ledger.get("/nowhere"),
                   ledger.get("/v1/numbers/1"), ledger.get("/v1/filings"),
                   ledger.request("POST", "/v1/access/grants", token, {}),
                   ledger.request("POST", "/v1/access/grants", token, raw=b"{", headers={"Content-Type": "application/json"})]
        self.assertEqual([a.status for a in answers], [200, 200, 200, 200, 404, 422, 401, 422, 400])
        for answer in answers:
            self.assertEqual(answer.headers["ledger-simulated"], "true")
            self.assertIs(answer.json["simulated"], True, answer)
        self.assertEqual(len(answers[0].json["items"]), 5)
        for answer in (ledger.get("/healthz"), ledger.get("/log/checkpoint"), ledger.get("/")):
            self.assertEqual((answer.status, answer.headers["ledger-simulated"]), (200, "true"))
        # What is proved or sealed stays as it is.
        events = ledger.get("/v1/events?limit=3", auditor).json
        self.assertIs(events["simulated"], True)
        self.assertTrue(all("simulated" not in event for event in events["items"]))
        first = [e["type"] for e in ledger.get("/v1/events?limit=100", auditor).json["items"]]
        self.assertIn("ledger.simulated", first)
        self.assertNotIn("subject.registered", first[:first.index("ledger.simulated")])
        filing = ledger.get("/v1/filings?state=published&limit=1", auditor).json["items"][0]["id"]
        bundle = ledger.get("/v1/filings/%s/bundle" % filing, auditor)
        file = ledger.root / "bundle.json"
        file.write_bytes(bundle.body)
        checked = subprocess.run([BINARY, "verify", "--bundle", str(file), "--vkey", ledger.created["vkey"]],
                                 capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_an_ordinary_ledger_says_nothing_of_it(self):
        ledger = self.fresh(1).start()
        answer = ledger.get("/v1/announcements")
        self.assertNotIn("ledger-simulated", answer.headers)
        self.assertNotIn("simulated", answer.json)

    def test_the_same_seed_gives_the_same_events(self):
        at, to = days_ago(400), days_ago(10)
        exports = []
        for seed in (1, 1, 2):
            ledger = Ledger("--at", at)
            self.addCleanup(ledger.close)
            self.simulate(ledger, "--filings", 40, "--seed", seed, "--to", to)
            lines = self.events(ledger)
            start = next(i for i, line in enumerate(lines) if '"ledger.simulated"' in line)
            exports.append(lines[start:])
        self.assertGreater(len(exports[0]), 300)
        self.assertEqual(exports[0], exports[1])
        self.assertNotEqual(exports[0], exports[2])

    def test_a_used_ledger_is_refused(self):
        ledger = self.fresh()
        self.simulate(ledger, "--filings", 3, "--seed", 1)
        self.refused(ledger.run("simulate", "--filings", "3", "--seed", "1"), 3, "history", "init")
        registered = self.fresh(1).start()
        registered.staff()
        registered.stop()
        self.refused(registered.run("simulate", "--filings", "3", "--seed", "1"), 3, "history")

    def test_a_server_holds_the_directory(self):
        ledger = self.fresh(1).start()
        self.refused(ledger.run("simulate", "--filings", "3", "--seed", "1"), 4)

    def test_arguments_that_make_no_sense_are_named(self):
        ledger = self.fresh(100)
        day = datetime.date.today()
        before = (day - datetime.timedelta(days=200)).isoformat()
        later = (day + datetime.timedelta(days=3)).isoformat()
        some = (day - datetime.timedelta(days=20)).isoformat()
        for words, args in ((["--filings"], ["--filings", "0"]), (["--filings"], ["--filings", "99999999999"]),
                            (["--from", "last entry"], ["--from", before]), (["--to", "future"], ["--to", later]),
                            (["--to"], ["--from", some, "--to", before]), (["--from"], ["--from", "yesterday"]),
                            (["--to"], ["--to", "2024-02-30"]), (["--parameters"], ["--parameters", "/nowhere.json"])):
            with self.subTest(args):
                given = (["--filings", "5"] if args[0] != "--filings" else []) + args
                self.refused(ledger.run("simulate", "--seed", "1", *given), 2, *words)
        file = ledger.root / "parameters.json"
        for text, words in (('{"rejected_first": 2}', ["/rejected_first", "out_of_range"]),
                            ('{"speed": 2}', ["/speed", "unknown_field"]), ("[", ["bad_json"])):
            file.write_text(text)
            self.refused(ledger.run("simulate", "--seed", "1", "--filings", "5", "--parameters", str(file)), 2, *words)
        file.write_text('{"rejected_first": 0, "subject_rejected": 0}')
        self.simulate(ledger, "--filings", 20, "--seed", 1, "--parameters", file)

    def interrupted(self, how):
        ledger = self.fresh()
        process = subprocess.Popen([BINARY, "simulate", "--data", str(ledger.data), "--filings", "200000", "--seed", "1"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # Once a batch is there it is in the middle of it.
        end = time.monotonic() + 300
        while time.monotonic() < end and len(self.events(ledger)) < 1000:
            self.assertIsNone(process.poll())
            time.sleep(0.2)
        process.send_signal(how)
        out, errors = process.communicate(timeout=120)
        verified = ledger.run("verify")
        self.assertEqual(verified.returncode, 0, verified.stderr)
        self.refused(ledger.run("simulate", "--filings", "3", "--seed", "1"), 3, "history")
        self.assertEqual(ledger.start("--accept-clock").get("/v1/announcements").json["simulated"], True)
        return process.returncode, out, errors

    def test_an_interrupted_simulation_leaves_a_whole_ledger_and_says_so(self):
        code, out, errors = self.interrupted(signal.SIGINT)
        self.assertEqual(code, 1)
        self.assertIn("events", out)
        self.assertIn("stopped at", errors)
        self.assertIn("whole", errors)

    def test_a_killed_simulation_leaves_a_whole_ledger(self):
        code, _, _ = self.interrupted(signal.SIGKILL)
        self.assertEqual(code, -signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
