"""Waiting times over HTTP and on the command line: on a young ledger that has no history to go by, beside a live server,
and on a simulated one that has years of it."""

import datetime
import json
import subprocess
import unittest
import xml.etree.ElementTree

from ledger_client import BINARY, Ledger

NOBODY = "018f2d5e-7c3a-7b6e-9d2f-0123456789ab"


def today():
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=8)).date().isoformat()


class YoungLedger(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ledger = Ledger().start()
        cls.addClassCleanup(cls.ledger.close)
        cls.staff = cls.ledger.staff()
        cls.subject, cls.filer = cls.ledger.qualified(cls.staff)
        _, _, feature = cls.ledger.tree(cls.subject, cls.filer)
        cls.form = cls.ledger.filing_form(cls.filer, [feature])
        cls.waiting = cls.reviewed()
        for _ in range(3):
            cls.published = cls.reviewed()
            cls.decide(cls.published, "approve", "reviewer")
        cls.decide(cls.published, "assign-number", "registrar")
        cls.decide(cls.published, "publish", "registrar", {"series": "algorithm", "batch": 1, "announced_on": today()})

    @classmethod
    def reviewed(cls):
        return cls.ledger.reviewed(cls.subject, cls.filer, cls.staff, cls.form)

    @classmethod
    def decide(cls, filing, what, role, body=None):
        return cls.ledger.decide(filing, what, cls.staff[role], body)

    def estimate(self, filing, query="", token=None):
        return self.ledger.get("/v1/filings/%s/estimate%s" % (filing, query), token or self.filer)

    def test_what_lacks_is_said_and_the_statutory_limit_given_instead(self):
        answer = self.estimate(self.waiting)
        said = self.ledger.must(answer)
        self.assertEqual(said["status"], "not_enough_history")
        self.assertEqual(said["lack"], {"what": "finished_reviews", "found": 3, "needed": 30})
        self.assertEqual(said["stage"], "review")
        self.assertIsNone(said["days"])
        self.assertIsNone(said["dates"])
        self.assertEqual(said["statutory"]["working_days_per_review"], 30)
        self.assertTrue(said["sentence"]["en"].startswith(
            "Not enough history: 3 finished reviews, 30 needed; statutory limit given instead: 30 working days"))
        self.assertIn("已办结审核 3 件，至少需要 30 件", said["sentence"]["zh"])
        self.assertEqual(answer.headers["cache-control"], "private, no-store")
        self.assertEqual(answer.headers["ledger-position"], str(said["position"]))

    def test_what_has_ended_has_no_waiting_time(self):
        said = self.ledger.must(self.estimate(self.published))
        self.assertEqual((said["status"], said["outcome"], said["days"]), ("ended", "published", None))

    def test_who_may_not_see_a_filing_may_not_ask_for_its_dates(self):
        self.assertEqual(self.ledger.get("/v1/filings/%s/estimate" % self.waiting).status, 401)
        _, stranger = self.ledger.qualified(self.staff, 2)
        self.assertEqual(self.estimate(self.waiting, token=stranger).code, "not_found")
        self.assertEqual(self.estimate(self.waiting, token=self.staff["auditor"]).status, 200)
        self.assertEqual(self.estimate(NOBODY).code, "not_found")

    def test_bad_questions_name_what_is_wrong_with_them(self):
        for query in ("?at_position=-1", "?as_of=gestern", "?as_of=2999-01-01T00:00:00Z", "?rejected_once_more=yes", "?x=1"):
            with self.subTest(query=query):
                answer = self.estimate(self.waiting, query)
                self.assertEqual((answer.status, answer.code), (400, "bad_query"))
                self.assertIn(query[1:].split("=")[0], answer.json["detail"])
        beyond = self.estimate(self.waiting, "?at_position=999999")
        self.assertEqual((beyond.status, beyond.code), (404, "beyond_log"))
        for query in ("?type=poetry", "?region=99", "?role=filer", "?rejections=-1", "?stage=nowhere"):
            with self.subTest(query=query):
                answer = self.ledger.get("/v1/estimates" + query)
                self.assertEqual((answer.status, answer.code), (400, "bad_query"))

    def test_the_public_answer_is_one_for_everybody_and_may_be_kept(self):
        answer = self.ledger.get("/v1/estimates?type=personalized_push&rejections=1")
        said = self.ledger.must(answer)
        self.assertEqual(said["status"], "not_enough_history")
        self.assertEqual(said["attempt"], 2)
        self.assertEqual(answer.headers["cache-control"], "public, no-cache")
        again = self.ledger.get("/v1/estimates?type=personalized_push&rejections=1", If_None_Match=answer.etag)
        self.assertEqual((again.status, again.body), (304, b""))

    def test_the_command_line_says_the_same_beside_the_server(self):
        told = self.ledger.run("estimate", "--filing", self.waiting, "--json")
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertEqual(json.loads(told.stdout), self.ledger.must(self.estimate(self.waiting)))
        sentence = self.ledger.run("estimate", "--type", "personalized_push", "--region", "11", "--rejections", "1")
        self.assertEqual(sentence.returncode, 0, sentence.stderr)
        self.assertIn("Not enough history: 3 finished reviews, 30 needed", sentence.stdout)
        self.assertIn("历史数据不足", sentence.stdout)

    def test_the_command_line_refuses_what_makes_no_sense(self):
        for args, word in ((("--filing", "nonsense"), "--filing"), (("--filing", NOBODY), NOBODY),
                           (("--type", "poetry"), "--type"), (("--region", "99"), "--region"),
                           (("--role", "filer"), "--role"), (("--stage", "nowhere"), "--stage"),
                           (("--rejections", "-1"), "rejections"), (("--at-position", "999999"), "--at-position"),
                           (("--filing", NOBODY, "--type", "dispatch_decision"), "excludes"),
                           (("--stage", "publication", "--rejected-once-more"), "--rejected-once-more")):
            with self.subTest(args=args):
                refused = self.ledger.run("estimate", *args)
                self.assertEqual(refused.returncode, 2, refused.stdout + refused.stderr)
                self.assertIn(word, refused.stderr)
        self.assertEqual(subprocess.run([BINARY, "estimate", "--data", "/nowhere"], capture_output=True).returncode, 3)

    def test_a_backtest_without_history_says_so(self):
        refused = self.ledger.run("backtest")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("Not enough history: 3 finished reviews, 30 needed", refused.stderr)


class SimulatedLedger(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ledger = Ledger("--at", "2023-01-01T00:00:00Z")
        cls.addClassCleanup(cls.ledger.close)
        made = cls.ledger.run("simulate", "--filings", "900", "--seed", "11", "--to", "2026-01-01")
        assert made.returncode == 0, made.stderr
        # Before the server appends anything, months later: time in which nobody worked is no follow-up.
        cls.plot = cls.ledger.root / "calibration.svg"
        cls.backtest = cls.ledger.run("backtest", "--json", "--svg", str(cls.plot))
        cls.ledger.start("--accept-clock")
        cls.staff = cls.ledger.staff()
        cls.open = cls.ledger.must(cls.ledger.get("/v1/filings?state=in_review", cls.staff["auditor"]))["items"]

    def estimate(self, query=""):
        return self.ledger.must(self.ledger.get("/v1/filings/%s/estimate%s" % (self.open[0]["id"], query),
                                                self.staff["auditor"]))

    def test_an_open_filing_gets_dates_with_chances_and_what_they_stand_on(self):
        said = self.estimate()
        self.assertEqual((said["status"], said["stage"]), ("estimated", "review"))
        quantiles = [said["days"][p] for p in ("p10", "p50", "p80", "p90", "p95")]
        self.assertEqual(quantiles, sorted(quantiles))
        self.assertGreater(quantiles[0], 0)
        dates = [said["dates"][p] for p in ("p10", "p50", "p80", "p90", "p95")]
        self.assertEqual(dates, sorted(dates))
        self.assertTrue(0 < said["rejection_probability"] < 1)
        self.assertGreaterEqual(said["samples"], 30)
        self.assertIn(said["dates"]["p50"], said["sentence"]["zh"])
        self.assertIn(said["dates"]["p90"], said["sentence"]["en"])

    def test_a_past_estimate_can_be_repeated_and_the_command_line_repeats_it(self):
        before = self.estimate()
        query = "?at_position=%d" % before["position"]
        self.assertEqual(self.estimate(query), before)
        told = self.ledger.run("estimate", "--filing", self.open[0]["id"], "--at-position", str(before["position"]), "--json")
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertEqual(json.loads(told.stdout), before)

    def test_one_more_rejection_takes_longer(self):
        once_more = self.estimate("?rejected_once_more=true")
        self.assertEqual(once_more["rejection_probability"], 1)
        self.assertGreater(once_more["days"]["p50"], self.estimate()["days"]["p50"])

    def test_everybody_may_ask_for_a_filing_that_does_not_exist(self):
        fresh = self.ledger.must(self.ledger.get("/v1/estimates"))
        self.assertEqual(fresh["status"], "estimated")
        for stage in fresh["stages"]:
            self.assertGreaterEqual(stage["samples"], 30)
        once = self.ledger.must(self.ledger.get("/v1/estimates?rejections=1&stage=rework"))
        self.assertEqual((once["status"], once["stage"], once["attempt"]), ("estimated", "rework", 2))

    def test_the_command_line_speaks_chinese_and_english(self):
        told = self.ledger.run("estimate", "--type", "personalized_push", "--rejections", "1")
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("一半的同类在", told.stdout)
        self.assertIn("Half of comparable filings are published by", told.stdout)
        self.assertIn("p90", told.stdout)

    def test_looking_back_the_model_beats_every_answer_without_one(self):
        self.assertEqual(self.backtest.returncode, 0, self.backtest.stderr)
        result = json.loads(self.backtest.stdout)
        print("backtest of a simulated ledger:", self.backtest.stdout.strip())
        self.assertEqual(result["cutoffs"], 12)
        self.assertGreater(result["samples"], 500)
        losses = result["pinball"]
        for naive in ("statutory", "median", "rule_of_thumb"):
            self.assertLess(losses["model"], losses[naive])
        # One history shares a dozen batches; what many say is held by estimate_calibration_test.
        self.assertTrue(0.55 < result["coverage"] < 0.98, result["coverage"])
        self.assertTrue(xml.etree.ElementTree.parse(self.plot).getroot().tag.endswith("svg"))
        table = self.ledger.run("backtest", "--cutoffs", "3")
        self.assertEqual(table.returncode, 0, table.stderr)
        self.assertIn("rule of thumb", table.stdout)


if __name__ == "__main__":
    unittest.main()
