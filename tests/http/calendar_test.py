"""The calendars that `init` publishes, and one more that arrives: what was provisional before it is counted anew."""

import csv
import datetime
import pathlib
import unittest

from ledger_client import Ledger

SHIPPED = pathlib.Path(__file__).resolve().parents[2] / "schema" / "calendars" / "prc.csv"


def day(text):
    return datetime.date.fromisoformat(text)


def counted(start, days, calendars):
    """The day that many working days lead to, one day after the other."""
    off = {text for item in calendars for text in item["holidays"]}
    on = {text for item in calendars for text in item["working_days"]}
    at = day(start)
    while days:
        at += datetime.timedelta(1)
        if at.isoformat() in on or (at.weekday() < 5 and at.isoformat() not in off):
            days -= 1
    return at.isoformat()


class Calendars(unittest.TestCase):
    def setUp(self):
        self.ledger = Ledger().start()
        self.addCleanup(self.ledger.close)

    def published(self):
        return self.ledger.must(self.ledger.get("/v1/calendars"))["items"]

    def test_init_publishes_every_shipped_year(self):
        with open(SHIPPED, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        items = self.published()
        self.assertEqual([item["year"] for item in items], sorted({int(row["day"][:4]) for row in rows}))
        for kind, name in (("holiday", "holidays"), ("working_day", "working_days")):
            self.assertEqual([text for item in items for text in item[name]],
                             [row["day"] for row in rows if row["is"] == kind])
        # In one commit with the ledger and its admin, in this order.
        events = self.ledger.must(self.ledger.get("/v1/events?limit=1000", self.ledger.grant("审计", "auditor")))
        first = events["items"][:2 + len(items)]
        self.assertEqual([event["type"] for event in first],
                         ["ledger.created", "access.granted"] + ["calendar.published"] * len(items))
        self.assertEqual(len({event["commandid"] for event in first}), 1)
        self.assertEqual([int(event["sequence"]) for event in first[2:]], [item["position"] for item in items])
        for start, days, due in (("2024-02-08", 30, "2024-03-27"), ("2025-01-24", 30, "2025-03-13"),
                                 ("2025-09-25", 10, "2025-10-15"), ("2026-02-11", 10, "2026-03-03"),
                                 ("2026-04-29", 20, "2026-05-29")):
            self.assertEqual(counted(start, days, items), due)

    def test_a_calendar_that_arrives_mends_what_was_provisional(self):
        ledger = self.ledger
        staff = ledger.staff()
        subject, filer = ledger.qualified(staff)
        _, _, feature = ledger.tree(subject, filer)
        form = ledger.filing_form(filer, [feature])
        form["basic"]["launched_on"] = "2099-02-02"  # ahead of every calendar there is
        filing = ledger.draft(subject, filer, form)
        ledger.must(ledger.post("/v1/filings/%s/submit" % filing, filer, {"declared": True}))

        seen = ledger.must(ledger.get("/v1/filings/" + filing, filer))
        first = seen["first_filing"]
        self.assertEqual(first["due_on"], counted("2099-02-02", 10, []))
        self.assertTrue(first["due_provisional"])
        self.assertEqual((first["due_provisional_reason"]["code"], first["due_provisional_reason"]["year"]),
                         ("calendar_unpublished", 2099))
        self.assertFalse(first["late"])

        year = {"year": 2099, "holidays": ["2099-02-03", "2099-02-04", "2099-02-05"],
                "working_days": ["2099-02-07"], "source": "虚构的通知"}
        self.assertEqual(ledger.post("/v1/calendars", filer, year).code, "role_forbidden")
        self.assertEqual(ledger.post("/v1/calendars", ledger.admin, dict(year, holidays=["2099-02-07"])).status, 422)
        made = ledger.must(ledger.post("/v1/calendars", ledger.admin, year, key="2099"), 201)
        self.assertEqual([event["type"] for event in made["events"]], ["calendar.published"])
        self.assertEqual(ledger.post("/v1/calendars", ledger.admin, year).code, "calendar_published")

        mended = ledger.must(ledger.get("/v1/filings/" + filing, filer))
        self.assertEqual(mended["version"], seen["version"])
        self.assertEqual(mended["first_filing"]["due_on"], counted("2099-02-02", 10, [year]))
        self.assertNotEqual(mended["first_filing"]["due_on"], first["due_on"])
        self.assertFalse(mended["first_filing"]["due_provisional"])
        # Looking back to before it arrived, the clock counts as it did then.
        then = ledger.must(ledger.get("/v1/filings/%s?at_position=%d" % (filing, seen["position"]), filer))
        self.assertEqual(then["first_filing"], first)

        # The review's clock, with whatever is published by now, is the same wherever it is shown.
        submitted = datetime.datetime.fromisoformat(mended["submitted_at"].replace("Z", "+00:00"))
        start = (submitted + datetime.timedelta(hours=8)).date().isoformat()
        due = counted(start, 30, self.published())
        self.assertEqual(mended["due_on"], due)
        queued = ledger.must(ledger.get("/v1/filings/%s/timeline" % filing, filer))["stages"][-1]
        item = ledger.must(ledger.get("/v1/review-queue?stage=review", staff["reviewer"]))["items"][0]
        for shown in (queued, item):
            self.assertEqual((shown["due_on"], shown["overdue"], shown["due_provisional"]),
                             (due, False, mended["due_provisional"]))

        # A due date is nobody's event: views that are built anew say the same.
        self.assertEqual(ledger.stop(), 0)
        self.assertEqual(ledger.run("rebuild").returncode, 0)
        ledger.start()
        self.assertEqual(ledger.must(ledger.get("/v1/filings/" + filing, filer))["first_filing"], mended["first_filing"])
        self.assertEqual(self.published()[-1]["holidays"], year["holidays"])


if __name__ == "__main__":
    unittest.main()
