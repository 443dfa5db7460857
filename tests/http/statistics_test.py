"""Survival statistics over HTTP and as exported samples: who sees what, as of when, and that both say the same."""

import csv
import datetime
import io
import math
import subprocess
import unittest
import xml.etree.ElementTree

from ledger_client import BINARY, Ledger

PATH = "/v1/statistics/durations"
STAGES = ("drafting", "queued", "review", "rework", "numbering", "publication", "registration", "initial_review")
REASONS = {"reasons": [{"code": "mechanism_vague", "field": "/details/model", "note": "请补充"}]}


def today():
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=8)).date().isoformat()


def kaplan_meier(samples):
    """[(days, survival, lower, upper, at_risk)] of [(days, event)], by the formulas of docs/statistics.md."""
    curve, survival, variance = [], 1.0, 0.0
    for at in sorted({days for days, event in samples if event}):
        risk = sum(days >= at for days, _ in samples)
        ended = sum(days == at and event for days, event in samples)
        survival *= (risk - ended) / risk
        lower = upper = None
        if ended < risk:
            variance += ended / (risk * (risk - ended))
            factor = math.exp(1.959963984540054 * math.sqrt(variance))
            lower, upper = survival / factor, min(1.0, survival * factor)
        curve.append((at, survival, lower, upper, risk))
    return curve


class Checking(unittest.TestCase):
    """How answers are compared with exported samples."""

    def ask(self, query, token=None):
        return self.ledger.must(self.ledger.get(PATH + "?" + query, token))

    def export(self, *args):
        done = subprocess.run([BINARY, "export", "durations", "--data", str(self.ledger.data), *args],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.split("\n")[0], "stage,attempt,days,event,outcome,type,region")
        return list(csv.DictReader(io.StringIO(done.stdout)))

    def check_against(self, rows, answer):
        rows = [row for row in rows if row["stage"] == answer["stage"]]
        self.assertEqual(set(answer), {"stage", "samples", "events", "unit", "curve", "incidence", "position"})
        self.assertEqual((answer["samples"], answer["events"], answer["unit"]),
                         (len(rows), sum(row["event"] == "1" for row in rows), "days"))
        expected = kaplan_meier([(float(row["days"]), row["event"] == "1") for row in rows])
        self.assertEqual([point["days"] for point in answer["curve"]], [point[0] for point in expected])
        self.assertEqual([point["at_risk"] for point in answer["curve"]], [point[4] for point in expected])
        for point, (_, survival, lower, upper, _) in zip(answer["curve"], expected):
            self.assertAlmostEqual(point["survival"], survival, 9)
            if lower is None:
                self.assertEqual((point["lower"], point["upper"]), (None, None))
            else:
                self.assertAlmostEqual(point["lower"], lower, 9)
                self.assertAlmostEqual(point["upper"], upper, 9)
        self.assertEqual(set(answer["incidence"]), {row["outcome"] for row in rows if row["event"] == "1"})
        if answer["curve"]:
            ends = sum(points[-1]["probability"] for points in answer["incidence"].values())
            self.assertAlmostEqual(ends + answer["curve"][-1]["survival"], 1, 9)


class Statistics(Checking):
    @classmethod
    def setUpClass(cls):
        cls.ledger = Ledger().start()
        cls.addClassCleanup(cls.ledger.close)
        cls.staff = cls.ledger.staff()
        subject, cls.filer = cls.ledger.qualified(cls.staff)
        _, _, feature = cls.ledger.tree(subject, cls.filer)
        cls.form = cls.ledger.filing_form(cls.filer, [feature])
        cls.subject = subject
        cls.before = cls.ledger.get(PATH + "?stage=registration")
        filings = [cls.reviewed() for _ in range(35)]
        for filing in filings[:3]:
            cls.decide(filing, "reject", "reviewer", REASONS)
        for filing in filings[3:]:
            cls.decide(filing, "approve", "reviewer")
            cls.decide(filing, "assign-number", "registrar")
        for filing in filings[3:]:
            cls.last = cls.decide(filing, "publish", "registrar",
                                  {"series": "algorithm", "batch": 1, "announced_on": today()})["position"]
        # Behind the last announcement: what the public is not told yet.
        cls.decide(cls.reviewed(), "approve", "reviewer")
        cls.reviewed()

    @classmethod
    def reviewed(cls):
        return cls.ledger.reviewed(cls.subject, cls.filer, cls.staff, cls.form)

    @classmethod
    def decide(cls, filing, what, role, body=None):
        return cls.ledger.decide(filing, what, cls.staff[role], body)

    def test_the_answers_are_those_of_the_exported_samples(self):
        rows = self.export()
        self.assertEqual({row["stage"] for row in rows}, set(STAGES))
        for stage in STAGES:
            answer = self.ask("stage=" + stage, self.staff["auditor"])
            self.check_against(rows, answer)
        review = self.ask("stage=review", self.staff["auditor"])
        self.assertEqual((review["samples"], review["events"]), (37, 36))
        for row in rows:
            self.assertRegex(row["days"], r"^\d+\.\d{6}$")
            self.assertEqual(row["outcome"] == "", row["event"] == "0")
            self.assertEqual(row["region"], "110108")
            self.assertEqual(row["type"], "personalized_push" if row["stage"] not in
                             ("drafting", "registration", "initial_review") else "")

    def test_any_position_and_time_can_be_asked_for(self):
        position = self.last - 20
        rows = self.export("--at-position", str(position))
        for stage in STAGES:
            answer = self.ask("stage=%s&at_position=%d" % (stage, position), self.staff["registrar"])
            self.assertEqual(answer["position"], position)
            self.check_against(rows, answer)
        publication = self.ask("stage=publication&at_position=%d" % position, self.ledger.admin)
        self.assertEqual((publication["samples"], publication["events"]), (32, 12))
        event = self.ledger.must(self.ledger.get("/v1/events/%d" % position, self.staff["auditor"]))
        then = self.ask("stage=publication&as_of=" + event["time"], self.staff["auditor"])
        self.assertEqual(then, publication)
        start = self.ask("stage=review&at_position=0", self.staff["auditor"])
        self.assertEqual((start["samples"], start["events"], start["curve"], start["incidence"]), (0, 0, [], {}))

    def test_the_public_sees_the_last_announcement_and_nothing_behind_it(self):
        answer = self.ledger.get(PATH + "?stage=review")
        seen = self.ledger.must(answer)
        self.assertEqual((seen["samples"], seen["events"], seen["position"]), (35, 35, self.last))
        self.assertEqual(answer.headers["ledger-position"], str(self.last))
        self.assertEqual(answer.headers["cache-control"], "public, no-cache")
        # Three rejections are too few to be told, and what is left would tell them.
        self.assertEqual(set(seen["incidence"]), {"other"})
        then = self.ask("stage=review&at_position=%d" % self.last, self.staff["auditor"])
        self.assertEqual(set(then["incidence"]), {"approved", "rejected"})
        self.assertEqual(then["curve"], seen["curve"])
        self.assertEqual(self.ledger.get(PATH + "?stage=review", self.filer).body, answer.body)
        self.assertEqual(self.ledger.get(PATH + "?stage=review", if_none_match=answer.etag).status, 304)
        publication = self.ask("stage=publication")
        self.assertEqual((publication["events"], set(publication["incidence"])), (32, {"published"}))

    def test_small_cells_are_not_public_and_say_so(self):
        for query in ("stage=rework", "stage=registration", "stage=review&attempt=2", "stage=review&type=content_filtering",
                      "stage=review&region=44", "stage=review&role=technical_supporter", "stage=review&stream=subject"):
            seen = self.ask(query)
            self.assertEqual((seen["samples"], seen["events"], seen["curve"], seen["incidence"]), (None, None, [], {}))
            self.assertEqual((seen["suppressed"], seen["minimum"], seen["position"]), (True, 30, self.last))
        before = self.ledger.must(self.before)
        self.assertEqual((before["suppressed"], before["position"]), (True, 0))

    def test_strata_divide_the_stays(self):
        auditor = self.staff["auditor"]
        every = self.ask("stage=review", auditor)["samples"]
        for query, samples in (("attempt=1", every), ("attempt=2", 0), ("attempt=1%2B", every), ("attempt=2%2B", 0),
                               ("region=11", every), ("region=1101", every), ("region=110108", every),
                               ("region=110000", every), ("region=440305", 0), ("type=personalized_push", every),
                               ("type=dispatch_decision", 0), ("role=provider", every), ("stream=filing", every),
                               ("stream=subject", 0), ("attempt=1&region=11&type=personalized_push&role=provider", every)):
            self.assertEqual(self.ask("stage=review&" + query, auditor)["samples"], samples, query)
        self.assertEqual(self.ask("stage=rework&stream=filing", auditor)["samples"], 3)

    def test_what_makes_no_sense_is_named(self):
        auditor = self.staff["auditor"]
        for query, field in (("", "stage"), ("stage=", "stage"), ("stage=reviewing", "stage"),
                             ("stage=review&attempt=0", "attempt"), ("stage=review&attempt=one", "attempt"),
                             ("stage=review&attempt=%2B", "attempt"), ("stage=review&region=999999", "region"),
                             ("stage=review&region=1", "region"), ("stage=review&type=01", "type"),
                             ("stage=review&role=filer", "role"), ("stage=review&stream=product", "stream"),
                             ("stage=review&at_position=-1", "at_position"), ("stage=review&as_of=yesterday", "as_of"),
                             ("stage=review&as_of=2999-01-01T00:00:00Z", "as_of"),
                             ("stage=review&at_position=1&as_of=2026-01-01T00:00:00Z", "as_of"),
                             ("stage=review&stage=review", "stage"), ("stage=review&limit=1", "limit")):
            for path in (PATH, PATH + ".svg"):
                answer = self.ledger.get(path + "?" + query, auditor)
                self.assertEqual((answer.status, answer.code), (400, "bad_query"), query)
                self.assertIn(field, answer.json["detail"], query)
        beyond = self.ledger.get(PATH + "?stage=review&at_position=99999999", auditor)
        self.assertEqual((beyond.status, beyond.code), (404, "beyond_log"))
        self.assertIn("size", beyond.json)
        early = self.ledger.get(PATH + "?stage=review&as_of=1999-01-01T00:00:00Z", auditor)
        self.assertEqual((early.status, early.code), (404, "not_found"))
        for token in (None, self.filer):
            for past in ("at_position=3", "as_of=2026-01-01T00:00:00Z"):
                self.assertEqual(self.ledger.get(PATH + "?stage=review&" + past, token).code, "role_forbidden")
        self.assertEqual(self.ledger.get(PATH + "?stage=review", Accept="text/csv").code, "not_acceptable")

    def test_the_same_is_drawn(self):
        for query, token in (("stage=review", None), ("stage=rework", None), ("stage=rework", self.staff["auditor"]),
                             ("stage=review&at_position=0", self.staff["auditor"])):
            answer = self.ledger.get(PATH + ".svg?" + query, token, Accept="image/svg+xml,*/*;q=0.8")
            self.assertEqual((answer.status, answer.headers["content-type"]), (200, "image/svg+xml"), answer)
            self.assertIn("default-src 'none'", answer.headers["content-security-policy"])
            root = xml.etree.ElementTree.fromstring(answer.body)
            name = "{http://www.w3.org/2000/svg}"
            self.assertEqual(root.tag, name + "svg")
            self.assertRegex(root.find(name + "title").text, "历时 · Time in")
            self.assertTrue(root.find(name + "desc").text)
            curves = [path for path in root.iter(name + "path") if path.get("class") == "curve"]
            self.assertEqual(len(curves), 1 if query == "stage=review" else 0, query)
        self.assertIn("30", self.ledger.get(PATH + ".svg?stage=rework").body.decode())


class OfASimulatedHistory(Checking):
    @classmethod
    def setUpClass(cls):
        cls.ledger = Ledger("--at", "2024-01-05T01:00:00Z")
        cls.addClassCleanup(cls.ledger.close)
        made = cls.ledger.run("simulate", "--filings", "300", "--seed", "5", "--to", "2026-03-02")
        if made.returncode != 0:
            raise RuntimeError(made.stderr)
        cls.ledger.start("--accept-clock")

    def test_curves_with_much_censoring_and_every_outcome_are_those_of_the_samples(self):
        head = self.ledger.must(self.ledger.get("/v1/announcements?limit=1"))["position"]
        for position in (head, head // 2):
            rows = self.export("--at-position", str(position))
            self.assertGreater(sum(row["event"] == "0" for row in rows), 10)
            for stage in STAGES:
                answer = self.ask("stage=%s&at_position=%d" % (stage, position), self.ledger.admin)
                self.assertTrue(answer.pop("simulated"))
                self.check_against(rows, answer)
                second = self.ask("stage=%s&attempt=2%%2B&at_position=%d" % (stage, position), self.ledger.admin)
                self.assertTrue(second.pop("simulated"))
                self.check_against([row for row in rows if int(row["attempt"]) >= 2], second)

    def test_the_public_sees_reviews_and_that_they_are_made_up(self):
        answer = self.ask("stage=review")
        self.assertTrue(answer["simulated"])
        self.assertGreater(answer["events"], 200)
        self.assertIn("approved", answer["incidence"])
        drawing = self.ledger.get(PATH + ".svg?stage=review")
        self.assertIn("模拟数据 simulated", drawing.body.decode())
        self.assertEqual(drawing.headers["ledger-simulated"], "true")


if __name__ == "__main__":
    unittest.main(verbosity=2)
