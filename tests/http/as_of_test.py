"""Any past moment over HTTP: what was answered then is answered again, to every reader, byte for byte."""

import datetime
import os
import random
import re
import unittest

from ledger_client import Ledger

SHANGHAI = datetime.timezone(datetime.timedelta(hours=8))


def later(path, **query):
    return path + ("&" if "?" in path else "?") + "&".join("%s=%s" % pair for pair in query.items())


def day_of(time):
    return datetime.datetime.fromisoformat(time.replace("Z", "+00:00")).astimezone(SHANGHAI).date()


def flat(value, pointer=""):
    """Every leaf of a JSON value by its pointer; null, an empty list and what is not there are alike."""
    if value is None or value == []:
        return {}
    if isinstance(value, dict) and value and value != {"committed": True}:
        return {k: v for name, member in value.items()
                for k, v in flat(member, pointer + "/" + name.replace("~", "~0").replace("/", "~1")).items()}
    if isinstance(value, list) and value:
        return {k: v for i, element in enumerate(value) for k, v in flat(element, "%s/%d" % (pointer, i)).items()}
    return {pointer: value}


class Registry(unittest.TestCase):
    """A served ledger with staff, one qualified subject and a product tree."""

    def setUp(self):
        self.ledger = Ledger().start()
        self.addCleanup(self.ledger.close)
        self.staff = self.ledger.staff()
        self.subject, self.filer = self.ledger.qualified(self.staff)
        self.product, self.path, self.feature = self.ledger.tree(self.subject, self.filer)

    def head(self):
        return int(self.ledger.get("/v1/announcements?limit=1").headers["ledger-position"])

    def ask(self, path, token, body=None, decided_by=None):
        """A command; decisions name the version that is there."""
        version = None
        if decided_by is not None:
            there = self.ledger.get("/v1/filings/" + decided_by, token)
            if there.status != 200:
                return there
            version = there.json["version"]
        return self.ledger.post(path, token, body, version=version)

    def form(self, **changes):
        return self.ledger.filing_form(self.filer, [self.feature], **changes)

    def submitted(self):
        filing = self.ledger.draft(self.subject, self.filer, self.form())
        self.ledger.must(self.ledger.post("/v1/filings/%s/submit" % filing, self.filer, {"declared": True}))
        return filing

    def decide(self, filing, what, role="reviewer", body=None):
        return self.ledger.must(self.ask("/v1/filings/%s/%s" % (filing, what), self.staff[role], body, filing))

    def published(self):
        filing = self.submitted()
        self.ledger.must(self.ledger.post("/v1/filings/%s/start-review" % filing, self.staff["reviewer"]))
        self.decide(filing, "approve")
        self.decide(filing, "assign-number", "registrar")
        self.publish(filing)
        return filing

    def publish(self, filing):
        today = datetime.datetime.now(SHANGHAI).date().isoformat()
        return self.decide(filing, "publish", "registrar", {"series": "algorithm", "batch": 1, "announced_on": today})


class LookingBack(Registry):
    def test_answers_of_then_are_given_again_to_every_reader(self):
        seed = int(os.environ.get("LEDGER_SEED", random.randrange(1 << 32)))
        print("LEDGER_SEED=%d" % seed, flush=True)
        dice = random.Random(seed)
        other, other_filer = self.ledger.qualified(self.staff, 2)
        readers = {"filer": self.filer, "other filer": other_filer, "reviewer": self.staff["reviewer"],
                   "registrar": self.staff["registrar"], "auditor": self.staff["auditor"]}
        filings, numbers = [], set()

        def act():
            filing = dice.choice(filings) if filings else None
            base = "/v1/filings/%s/" % filing
            deed = dice.randrange(15 if filing else 1)
            reasons = {"reasons": [{"code": "mechanism_vague", "field": "/details/model", "note": "请补充"}]}
            if deed == 0:
                filings.append(self.ledger.draft(self.subject, self.filer, self.form()))
            elif deed == 1:
                self.ledger.request("PUT", base + "draft", self.filer,
                                    {"form": self.form(algorithm_name="算法%d" % dice.randrange(100))})
            elif deed in (2, 3, 4):
                self.ledger.post(base + "submit", self.filer, {"declared": True})
            elif deed == 5:
                self.ledger.post(base + "withdraw", self.filer)
            elif deed in (6, 7):
                self.ledger.post(base + "start-review", self.staff["reviewer"])
            elif deed == 8:
                self.ask(base + "reject", self.staff["reviewer"], reasons, filing)
            elif deed in (9, 10):
                self.ask(base + "approve", self.staff["reviewer"], None, filing)
                self.ask(base + "assign-number", self.staff["registrar"], None, filing)
                today = datetime.datetime.now(SHANGHAI).date().isoformat()
                done = self.ask(base + "publish", self.staff["registrar"],
                                {"series": "algorithm", "batch": 1, "announced_on": today}, filing)
                if done.status == 200:
                    numbers.add(self.ledger.get("/v1/filings/" + filing, self.filer).json["number"])
            elif deed == 11:
                self.ask(base + "correct", self.staff["registrar"],
                         {"public_record": {"algorithm_name": "更正%d" % dice.randrange(100)}, "note": "更正"}, filing)
            elif deed == 12:
                self.ledger.tree(self.subject, self.filer, "产品%d" % dice.randrange(10 ** 6))
            elif deed == 13:
                products = self.ledger.get("/v1/subjects/%s/products" % self.subject, self.filer).json["items"]
                spare = [product["id"] for product in products if product["id"] != self.product]
                if spare:
                    self.ledger.request("DELETE", "/v1/products/" + dice.choice(spare), self.filer)
            elif dice.randrange(4) == 0:
                self.ask(base + "revoke", self.staff["supervisor"], {"ground": "隐瞒", "note": "说明"}, filing)

        def paths():
            for filing in filings:
                for tail in ("", "/timeline", "/events"):
                    yield "/v1/filings/" + filing + tail, None
            for tail in ("", "/products", "/timeline", "/events"):
                yield "/v1/subjects/" + self.subject + tail, None
            yield "/v1/announcements", "application/json"
            yield "/v1/announcements", "text/csv"
            yield "/v1/announcements", "application/atom+xml"
            yield "/v1/announcements?query=%E6%9B%B4%E6%AD%A3", "application/json"
            for number in sorted(numbers):
                yield "/v1/numbers/" + number[3:-1], None

        def asked(path, accept, token):
            answer = self.ledger.request("GET", path, token, headers={"Accept": accept} if accept else None)
            # A feed names the page that it is, and that is another one.
            body = re.sub(rb'<link rel="self"[^>]*>', b"", answer.body)
            return (answer.status, answer.headers.get("etag"), answer.headers.get("ledger-position"), body)

        said = {}  # position, path, form, reader: answer
        for step in range(110):
            act()
            if dice.randrange(6) != 0:
                continue
            position = self.head()
            answers = {(position, path, accept, name): asked(path, accept, token)
                       for path, accept in paths() for name, token in readers.items()}
            # What is asked as of now is dated today, what is asked as of a position on that event's day.
            recorded = self.ledger.get("/v1/events/%d" % position, self.staff["auditor"]).json["time"]
            if day_of(recorded) == datetime.datetime.now(SHANGHAI).date():
                said.update(answers)
        self.assertGreater(len(said), 500)
        self.assertGreater(len({answer[0] for answer in said.values()}), 1, "somebody was refused something")
        for (position, path, accept, name), then in said.items():
            now = asked(later(path, at_position=position), accept, readers[name])
            # A problem's text does not hang on the position; a refusal carries none of its own.
            self.assertEqual(now, then, "%s as %s at %d (LEDGER_SEED=%d)" % (path, name, position, seed))

    def test_what_was_never_submitted_then_stays_its_filers_own(self):
        filing = self.ledger.draft(self.subject, self.filer, self.form())
        drafted = self.head()
        self.ledger.must(self.ledger.post("/v1/filings/%s/submit" % filing, self.filer, {"declared": True}))
        for tail in ("", "/timeline", "/events"):
            path = "/v1/filings/" + filing + tail
            self.assertEqual(self.ledger.get(later(path, at_position=drafted), self.filer).status, 200)
            for role in ("reviewer", "registrar", "auditor"):
                self.assertEqual(self.ledger.get(path, self.staff[role]).status, 200)
                answer = self.ledger.get(later(path, at_position=drafted), self.staff[role])
                self.assertEqual((answer.status, answer.code), (404, "not_found"), path + " as " + role)
        self.assertEqual(self.ledger.get("/v1/filings/%s?at_position=%d" % (filing, drafted - 1), self.filer).code,
                         "not_found")

    def test_a_time_means_the_last_event_recorded_until_then(self):
        filing = self.published()
        events = self.ledger.get("/v1/filings/%s/events" % filing, self.filer).json["items"]
        for event in events:
            answer = self.ledger.get("/v1/filings/%s?as_of=%s" % (filing, event["time"]), self.filer)
            position = int(answer.headers["ledger-position"])
            self.assertGreaterEqual(position, int(event["sequence"]))
            self.assertEqual(self.ledger.get("/v1/events/%d" % position, self.staff["auditor"]).json["time"], event["time"])
            self.assertEqual(answer.body, self.ledger.get("/v1/filings/%s?at_position=%d" % (filing, position),
                                                          self.filer).body)
        # Any offset of the clock means the same moment; its plus sign need not be escaped.
        utc = datetime.datetime.fromisoformat(events[-1]["time"].replace("Z", "+00:00"))
        shanghai = utc.astimezone(SHANGHAI).isoformat(timespec="microseconds")
        self.assertTrue(shanghai.endswith("+08:00"))
        self.assertEqual(self.ledger.get("/v1/announcements?as_of=" + shanghai).body,
                         self.ledger.get("/v1/announcements?as_of=" + events[-1]["time"]).body)

    def test_bad_moments_are_told_apart(self):
        filing = self.published()
        head = self.head()
        number = self.ledger.get("/v1/filings/" + filing, self.filer).json["number"][3:-1]
        paths = ["/v1/filings/" + filing + tail for tail in ("", "/timeline", "/events")]
        paths += ["/v1/subjects/" + self.subject + tail for tail in ("", "/products", "/timeline", "/events")]
        paths += ["/v1/announcements", "/v1/numbers/" + number]
        tomorrow = (datetime.datetime.now(SHANGHAI) + datetime.timedelta(days=1)).isoformat()
        today = datetime.datetime.now(SHANGHAI).date().isoformat()
        for path in paths:
            for query, status, code in (
                    ("at_position=%d" % (head + 1), 404, "beyond_log"),
                    ("at_position=9007199254740992", 404, "beyond_log"),
                    ("at_position=9007199254740993", 400, "bad_query"),
                    ("at_position=-1", 400, "bad_query"), ("at_position=", 400, "bad_query"),
                    ("at_position=1&at_position=1", 400, "bad_query"),
                    ("as_of=" + tomorrow, 400, "bad_query"), ("as_of=" + today, 400, "bad_query"),
                    ("as_of=soon", 400, "bad_query"), ("as_of=2026-02-30", 400, "bad_query"),
                    ("as_of=2020-01-01T00:00:00Z&at_position=1", 400, "bad_query"),
                    ("as_of=2020-01-01", 404, "not_found")):
                answer = self.ledger.get(later(path, **dict([query.split("=", 1)])), self.filer)
                self.assertEqual((answer.status, answer.code), (status, code), path + " " + query)
                if code == "beyond_log":
                    self.assertEqual(answer.json["size"], head + 1)
        self.assertEqual(self.ledger.get("/v1/filings?at_position=1", self.filer).code, "bad_query")
        both = self.ledger.get("/v1/announcements?at_position=x&as_of=soon").json["detail"]
        self.assertIn("at_position", both)
        self.assertIn("as_of", both)

    def test_a_list_of_then_is_paged_on_while_the_list_grows(self):
        first, second = self.published(), self.published()
        then = self.head()
        page = self.ledger.get("/v1/announcements?limit=1&as_of=" +
                               self.ledger.get("/v1/events/%d" % then).json["time"])
        self.assertEqual([item["filing_id"] for item in page.json["items"]], [second])
        self.published()
        self.decide(first, "correct", "registrar", {"public_record": {"algorithm_name": "后来更正"}, "note": "更正"})
        following = re.match(r'<(.*)>; rel="next"', page.headers["link"]).group(1)
        self.assertIn("at_position=%d" % then, following)
        rest = self.ledger.get(following)
        self.assertEqual([(item["filing_id"], item["algorithm_name"]) for item in rest.json["items"]],
                         [(first, "示例推荐算法")])
        self.assertEqual((rest.json["position"], rest.json["next_cursor"]), (then, None))
        cursor = page.json["next_cursor"]
        self.assertEqual(self.ledger.get("/v1/announcements?limit=1&cursor=" + cursor).code, "bad_cursor")
        self.assertEqual(self.ledger.get("/v1/announcements?limit=1&at_position=%d&cursor=%s" % (then - 1, cursor)).code,
                         "bad_cursor")
        self.assertEqual(len(self.ledger.get("/v1/announcements").json["items"]), 3)
        tagged = self.ledger.get("/v1/announcements?at_position=%d" % then)
        self.assertEqual(self.ledger.get("/v1/announcements?at_position=%d" % then, If_None_Match=tagged.etag).status, 304)

    def test_dates_of_announcements_are_bounds_of_their_own(self):
        self.published()
        today = datetime.datetime.now(SHANGHAI).date()
        listed = lambda query: len(self.ledger.get("/v1/announcements?" + query).json["items"])
        self.assertEqual(listed("announced_from=%s&announced_until=%s" % (today, today)), 1)
        self.assertEqual(listed("announced_from=%s" % (today + datetime.timedelta(days=1))), 0)
        self.assertEqual(listed("announced_until=%s" % (today - datetime.timedelta(days=1))), 0)
        self.assertEqual(listed("announced_from=%s&at_position=0" % today), 0)
        for query in ("announced_from=2026-02-30", "announced_until=x", "announced_from=",
                      "announced_from=2026-05-02&announced_until=2026-05-01", "announced_from=2026-05-01T00:00:00Z"):
            self.assertEqual(self.ledger.get("/v1/announcements?" + query).code, "bad_query", query)


class Differences(Registry):
    def diff(self, filing, token, status=200, **query):
        answer = self.ledger.get(later("/v1/filings/%s/diff" % filing, **query), token)
        self.assertEqual(answer.status, status, answer)
        return answer.json

    def body(self, filing, token, position):
        answer = self.ledger.get("/v1/filings/%s?at_position=%d" % (filing, position), token)
        return answer.json if answer.status == 200 else None

    def test_a_difference_names_every_field_that_differs_and_no_other(self):
        before = self.head()
        filing = self.submitted()
        self.ledger.must(self.ledger.post("/v1/filings/%s/start-review" % filing, self.staff["reviewer"]))
        self.decide(filing, "reject", body={"reasons": [
            {"code": "mechanism_vague", "field": "/details/model", "note": "请补充"}]})
        self.ledger.must(self.ledger.request("PUT", "/v1/filings/%s/draft" % filing, self.filer,
                                             {"form": self.form(algorithm_name="改名")}))
        self.ledger.must(self.ledger.post("/v1/filings/%s/submit" % filing, self.filer, {"declared": True}))
        events = self.ledger.get("/v1/filings/%s/events" % filing, self.filer).json["items"]
        positions = [before] + [int(event["sequence"]) for event in events]
        for token in (self.filer, self.staff["reviewer"]):
            for i, start in enumerate(positions):
                for end in positions[i:]:
                    old, new = self.body(filing, token, start), self.body(filing, token, end)
                    if new is None:
                        self.diff(filing, token, 404, **{"from": start, "to": end})
                        continue
                    told = self.diff(filing, token, **{"from": start, "to": end})
                    old_leaves, new_leaves = flat(old), flat(new)
                    expected = {p for p in {**old_leaves, **new_leaves} if old_leaves.get(p) != new_leaves.get(p)}
                    found = {}
                    for change in told["changes"]:
                        for pointer in {**flat(change["before"], change["pointer"]),
                                        **flat(change["after"], change["pointer"])}:
                            found[pointer] = change
                    self.assertEqual(set(found) & expected, expected, "%d to %d" % (start, end))
                    for pointer in set(found) - expected:  # of a list or form that changed as a whole
                        self.assertNotEqual(found[pointer]["before"], found[pointer]["after"])
                    self.assertEqual(told["to"]["version"], new["version"])
                    self.assertEqual(told["from"]["state"], old["state"] if old else None)
                    self.assertEqual([event["position"] for event in told["events"]],
                                     [p for p in positions[1:] if start < p <= end])
        told = self.diff(filing, self.filer, **{"from": positions[1], "to": positions[-1]})
        self.assertIn({"pointer": "/algorithm_name", "before": "示例推荐算法", "after": "改名"}, told["changes"])
        self.assertEqual([event["type"] for event in told["events"]],
                         ["filing.submitted", "review.started", "filing.rejected", "draft.saved", "filing.submitted"])
        self.assertIsNone(told["next_cursor"])

    def test_commitments_are_compared_without_being_opened(self):
        filing = self.submitted()
        self.ledger.must(self.ledger.post("/v1/filings/%s/start-review" % filing, self.staff["reviewer"]))
        first = self.head()
        self.decide(filing, "reject", body={"reasons": [
            {"code": "mechanism_vague", "field": "/details/model", "note": "请补充"}]})
        second = self.head()
        self.ledger.must(self.ledger.request("PUT", "/v1/filings/%s/draft" % filing, self.filer, {"form": self.form()}))
        self.ledger.must(self.ledger.post("/v1/filings/%s/submit" % filing, self.filer, {"declared": True}))
        third = self.head()
        registrar = self.staff["registrar"]
        hidden = {"committed": True}
        between = self.diff(filing, registrar, **{"from": first, "to": third})["changes"]
        self.assertIn({"pointer": "/form/details/model", "before": hidden, "after": hidden}, between)
        # The same submission on both sides: the same commitments.
        same = self.diff(filing, registrar, **{"from": first, "to": second})["changes"]
        self.assertEqual([change for change in same if change["pointer"].startswith("/form")], [])
        # Who may read the values is told what became of them, and here nothing did.
        opened = self.diff(filing, self.filer, **{"from": first, "to": third})["changes"]
        self.assertEqual([change for change in opened if change["pointer"].startswith("/form/details")], [])
        self.assertNotIn("协同过滤", str(between))

    def test_bad_ends_are_refused(self):
        filing = self.ledger.draft(self.subject, self.filer, self.form())
        head = self.head()
        for query, status, code in (("", 400, "bad_query"), ("?from=x", 400, "bad_query"),
                                    ("?from=%d&to=%d" % (head, head - 1), 400, "bad_query"),
                                    ("?from=%d" % (head + 1), 404, "beyond_log"),
                                    ("?from=0&to=%d" % (head + 1), 404, "beyond_log"),
                                    ("?from=0&to=%d" % (head - 1), 404, "not_found"),
                                    ("?from=0&at_position=1", 400, "bad_query")):
            answer = self.ledger.get("/v1/filings/%s/diff%s" % (filing, query), self.filer)
            self.assertEqual((answer.status, answer.code), (status, code), query)
        self.assertEqual(self.ledger.get("/v1/filings/%s/diff?from=0" % filing, self.staff["reviewer"]).code, "not_found")
        self.assertEqual(self.diff(filing, self.filer, **{"from": head, "to": head})["changes"], [])
        whole = self.diff(filing, self.filer, **{"from": 0})
        self.assertEqual(whole["from"]["state"], None)
        self.assertIn({"pointer": "/state", "before": None, "after": "draft"}, whole["changes"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
