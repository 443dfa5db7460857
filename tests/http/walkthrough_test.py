"""The whole life of a filing over HTTP, against the built binary, as a filer and an authority live it."""

import datetime
import unittest
import urllib.parse

from ledger_client import Ledger


def today():
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=8)).date().isoformat()


class Walkthrough(unittest.TestCase):
    def setUp(self):
        self.ledger = Ledger().start()
        self.addCleanup(self.ledger.close)

    def decide(self, path, token, body=None):
        """A decision, bound to the version that its maker has read."""
        thing = path.split("/")[3]
        kind = path.split("/")[2]
        version = self.ledger.must(self.ledger.get("/v1/%s/%s" % (kind, thing), token))["version"]
        return self.ledger.must(self.ledger.post(path, token, body, version=version))

    def test_from_registration_to_cancellation(self):
        ledger = self.ledger
        staff = ledger.staff()
        subject, filer = ledger.register()

        # The initial review rejects once.
        form = ledger.subject_form(filer)
        submitted = ledger.must(ledger.post("/v1/subjects/%s/submit" % subject, filer, form))
        self.assertEqual(submitted["state"], "submitted")
        self.assertEqual(submitted["stream"], "subject/" + subject)
        rejected = self.decide("/v1/subjects/%s/reject" % subject, staff["initial_reviewer"], {"reasons": [
            {"code": "unsigned", "field": "/documents/commitment_letter", "note": "请盖章"}]})
        self.assertEqual(rejected["state"], "rejected")
        seen = ledger.must(ledger.get("/v1/subjects/" + subject, filer))
        self.assertEqual(seen["reasons"][0]["code"], "unsigned")
        self.assertEqual(seen["reasons"][0]["note"], "请盖章")

        again = ledger.must(ledger.post("/v1/subjects/%s/submit" % subject, filer, form))
        self.assertEqual(again["warnings"], [{"code": "unchanged"}])
        approved = self.decide("/v1/subjects/%s/approve" % subject, staff["initial_reviewer"])
        self.assertEqual(approved["state"], "qualified")
        self.assertEqual(ledger.get("/v1/subjects/" + subject, filer).json["subject_number"], 1000001)

        # The product tree, and a draft that grows.
        product, path, feature = ledger.tree(subject, filer)
        tree = ledger.must(ledger.get("/v1/subjects/%s/products" % subject, filer))
        self.assertEqual(tree["items"][0]["access_paths"][0]["features"][0]["name"], "推荐流")
        filing = ledger.draft(subject, filer, {"algorithm_name": "示例推荐算法"})
        box = ledger.must(ledger.get("/v1/drafts", filer))
        self.assertEqual([d["id"] for d in box["items"]], [filing])
        self.assertEqual(set(box["items"][0]["steps"]), {"basic", "details", "scope"})
        self.assertEqual(ledger.get("/v1/filings/" + filing, staff["reviewer"]).status, 404)
        form = ledger.filing_form(filer, [])
        form["scope"]["products"] = [product]
        saved = ledger.must(ledger.request("PUT", "/v1/filings/%s/draft" % filing, filer, {"form": form}))
        self.assertEqual(saved["version"], 2)
        shown = ledger.must(ledger.get("/v1/filings/" + filing, filer))
        self.assertEqual(shown["form"], form)

        submitted = ledger.must(ledger.post("/v1/filings/%s/submit" % filing, filer, {"declared": True}))
        self.assertEqual(submitted["state"], "submitted")
        shown = ledger.must(ledger.get("/v1/filings/" + filing, filer))
        self.assertEqual(shown["resolved_features"], [feature])
        queue = ledger.must(ledger.get("/v1/review-queue?stage=review", staff["reviewer"]))
        self.assertEqual([item["id"] for item in queue["items"]], [filing])

        # Two rejections with rework.
        for attempt in (1, 2):
            ledger.must(ledger.post("/v1/filings/%s/start-review" % filing, staff["reviewer"]))
            refused = self.decide("/v1/filings/%s/reject" % filing, staff["reviewer"], {"reasons": [
                {"code": "mechanism_vague", "field": "/details/model", "note": "请补充流程图"}]})
            self.assertEqual(refused["state"], "rejected")
            form["details"]["model"] += "，第%d次补充" % attempt
            ledger.must(ledger.request("PUT", "/v1/filings/%s/draft" % filing, filer, {"form": form}))
            ledger.must(ledger.post("/v1/filings/%s/submit" % filing, filer, {"declared": True}))
        shown = ledger.must(ledger.get("/v1/filings/" + filing, filer))
        self.assertEqual((shown["attempt"], shown["rejections"]), (3, 2))

        ledger.must(ledger.post("/v1/filings/%s/start-review" % filing, staff["reviewer"]))
        self.assertEqual(self.decide("/v1/filings/%s/approve" % filing, staff["reviewer"])["state"], "approved")
        self.assertEqual(self.decide("/v1/filings/%s/assign-number" % filing, staff["registrar"])["state"], "numbered")
        published = self.decide("/v1/filings/%s/publish" % filing, staff["registrar"],
                                {"series": "algorithm", "batch": 1, "announced_on": today()})
        self.assertEqual(published["state"], "published")
        shown = ledger.must(ledger.get("/v1/filings/" + filing, filer))
        number = shown["number"]
        self.assertTrue(number.startswith("演示备110108100000102") and number.endswith("号"))
        self.assertEqual(shown["published"], {"series": "algorithm", "batch": 1, "announced_on": today()})

        # What the public sees.
        items = ledger.must(ledger.get("/v1/announcements?query=" + urllib.parse.quote("推荐")))["items"]
        self.assertEqual([i["number"] for i in items], [number])
        self.assertEqual(items[0]["products"], "示例应用（APP）")
        looked = ledger.must(ledger.get("/v1/numbers/" + urllib.parse.quote(number)))
        self.assertEqual(looked["number"], number)
        disclosure = form["basic"]["documents"]["public_disclosure"]
        document = ledger.get("/v1/documents/" + disclosure)
        self.assertEqual((document.status, document.body), (200, b"disclosure"))
        self.assertIn("attachment", document.headers["content-disposition"])
        self.assertEqual(ledger.get("/v1/documents/" + form["basic"]["documents"]["self_assessment_report"]).status, 404)

        # Display, change, cancellation.
        ledger.must(ledger.post("/v1/filings/%s/display" % filing, filer, {"channel": "app", "location": "关于页"}))
        form["algorithm_name"] = "示例推荐算法（新版）"
        ledger.must(ledger.post("/v1/filings/%s/change" % filing, filer, {"form": form, "changed_on": today()}))
        self.assertEqual(self.decide("/v1/filings/%s/change/approve" % filing, staff["reviewer"])["state"], "published")
        items = ledger.must(ledger.get("/v1/announcements"))["items"]
        self.assertEqual(items[0]["algorithm_name"], "示例推荐算法（新版）")
        ledger.must(ledger.post("/v1/filings/%s/request-cancellation" % filing, filer,
                                {"ended_on": today(), "note": "产品下线"}))
        cancelled = ledger.must(ledger.post("/v1/filings/%s/cancel" % filing, staff["reviewer"], {}))
        self.assertEqual(cancelled["state"], "cancelled")
        items = ledger.must(ledger.get("/v1/announcements"))["items"]
        self.assertEqual((items[0]["status"], items[0]["number"]), ("cancelled", number))

        # Its history, in order, and its stages.
        timeline = ledger.must(ledger.get("/v1/filings/%s/timeline" % filing, filer))["stages"]
        self.assertEqual([s["stage"] for s in timeline],
                         ["drafting", "queued", "review", "rework", "queued", "review", "rework", "queued", "review",
                          "numbering", "publication"])
        self.assertEqual([s["outcome"] for s in timeline if s["stage"] == "review"], ["rejected", "rejected", "approved"])
        events = ledger.must(ledger.get("/v1/filings/%s/events" % filing, filer))["items"]
        self.assertEqual([e["type"] for e in events],
                         ["draft.saved", "draft.saved", "filing.submitted"] +
                         ["review.started", "filing.rejected", "draft.saved", "filing.submitted"] * 2 +
                         ["review.started", "filing.approved", "number.assigned", "filing.published",
                          "display.recorded", "change.submitted", "change.approved", "cancellation.requested",
                          "filing.cancelled"])
        auditor = ledger.must(ledger.get("/v1/events?limit=1000", staff["auditor"]))["items"]
        self.assertEqual([int(e["sequence"]) for e in auditor], list(range(len(auditor))))

        # Nothing private lies in clear in any file, and a restart shows the same.
        before = ledger.get("/v1/filings/" + filing, filer).body
        self.assertEqual(ledger.stop(), 0)
        secrets = ["张三丰", "李四光", "王五", "13800000000", "zhang@example.cn", "协同过滤模型说明", "请补充流程图", "产品下线", "推荐流"]
        for file in ledger.root.rglob("*"):
            if file.is_file():
                content = file.read_bytes()
                for secret in secrets:
                    self.assertNotIn(secret.encode(), content, "%s in %s" % (secret, file))
        for line in ledger.log:
            for secret in secrets + [filer]:
                self.assertNotIn(secret, line)
        ledger.start()
        self.assertEqual(ledger.get("/v1/filings/" + filing, filer).body, before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
