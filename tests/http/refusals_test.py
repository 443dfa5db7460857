"""Each refusal of the design over HTTP: its status, its code, its pointers, and that nothing was appended."""

import json
import unittest

from ledger_client import Ledger, credit_code


class Refusals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ledger = Ledger().start()
        cls.addClassCleanup(cls.ledger.close)
        cls.staff = cls.ledger.staff()
        cls.subject, cls.filer = cls.ledger.qualified(cls.staff)
        cls.product, cls.path, cls.feature = cls.ledger.tree(cls.subject, cls.filer)
        cls.other_subject, cls.other_filer = cls.ledger.register(2, "另一家有限公司")

    def size(self):
        return int(self.ledger.get("/v1/announcements").headers["ledger-position"])

    def refused(self, answer, status, code, pointers=None, before=None):
        self.assertEqual((answer.status, answer.code), (status, code), answer)
        self.assertEqual(answer.headers["content-type"].split(";")[0], "application/problem+json")
        for member in ("type", "title", "status", "detail"):
            self.assertIn(member, answer.json)
        if pointers is not None:
            self.assertEqual(sorted(e["pointer"] for e in answer.json["errors"]), sorted(pointers), answer)
        if before is not None:
            self.assertEqual(self.size(), before)

    def filing(self, state="draft"):
        ledger, staff = self.ledger, self.staff
        filing = ledger.draft(self.subject, self.filer, ledger.filing_form(self.filer, [self.feature]))
        if state == "draft":
            return filing
        ledger.must(ledger.post("/v1/filings/%s/submit" % filing, self.filer, {"declared": True}))
        if state == "submitted":
            return filing
        ledger.must(ledger.post("/v1/filings/%s/start-review" % filing, staff["reviewer"]))
        if state == "in_review":
            return filing
        ledger.must(ledger.post("/v1/filings/%s/approve" % filing, staff["reviewer"],
                                version=ledger.version(filing, staff["reviewer"])))
        return filing

    def test_unreadable_bodies_are_400_and_append_nothing(self):
        before = self.size()
        bodies = {
            b"": "bad_json", b"{": "bad_json", b"[1,]": "bad_json", b"{} {}": "bad_json", b"nul": "bad_json",
            b'{"organization_name": "\xff\xfe"}': "invalid_utf8",
            b'{"organization_name": "\\ud800"}': "lone_surrogate",
            b"[" * 100 + b"]" * 100: "too_deep",
            b'{"region": "1", "region": "2"}': "duplicate_key",
        }
        for body, code in bodies.items():
            with self.subTest(body[:40]):
                answer = self.ledger.request("POST", "/v1/subjects", raw=body,
                                             headers={"Content-Type": "application/json"})
                self.refused(answer, 400, code, before=before)

    def test_wrong_fields_are_422_all_at_once(self):
        before = self.size()
        answer = self.ledger.post("/v1/subjects", None, {
            "organization_name": "带\u0007控制符", "credit_code": 5, "region": "110108", "extra": 1,
            "contact": {"name": "x" * 65, "phone": None, "email": "w@example.cn"}})
        self.refused(answer, 422, "fields_invalid",
                     ["/organization_name", "/credit_code", "/extra", "/contact/name", "/contact/phone"], before)
        codes = {e["pointer"]: e["code"] for e in answer.json["errors"]}
        self.assertEqual(codes["/organization_name"], "control_character")
        self.assertEqual(codes["/credit_code"], "wrong_type")
        self.assertEqual(codes["/extra"], "unknown_field")
        self.assertEqual(codes["/contact/name"], "too_long")

    def test_credit_code_check_character_region_and_uniqueness(self):
        contact = {"name": "a", "phone": "b", "email": "c@d.e"}
        wrong = credit_code(7)[:-1] + ("0" if credit_code(7)[-1] != "0" else "1")
        answer = self.ledger.post("/v1/subjects", None, {"organization_name": "某公司", "credit_code": wrong,
                                                         "region": "406301", "contact": contact})
        self.refused(answer, 422, "fields_invalid", ["/credit_code", "/region"])
        answer = self.ledger.post("/v1/subjects", None, {"organization_name": "某公司", "credit_code": credit_code(1),
                                                         "region": "110108", "contact": contact})
        self.refused(answer, 409, "credit_code_taken")

    def test_a_huge_body_is_413_and_the_wrong_type_415(self):
        answer = self.ledger.request("POST", "/v1/subjects", raw=b" " * 300_000,
                                     headers={"Content-Type": "application/json"})
        self.refused(answer, 413, "body_too_large")
        answer = self.ledger.request("POST", "/v1/subjects", raw=b"{}", headers={"Content-Type": "text/plain"})
        self.refused(answer, 415, "media_type_unsupported")

    def test_tokens_roles_and_others_things(self):
        filing = self.filing()
        path = "/v1/filings/%s/submit" % filing
        self.refused(self.ledger.post(path, None, {"declared": True}), 401, "token_missing")
        self.refused(self.ledger.post(path, "fl1_1_nonsense", {"declared": True}), 401, "token_unknown")
        self.refused(self.ledger.post(path, self.staff["reviewer"], {"declared": True}), 403, "role_forbidden")
        self.refused(self.ledger.post(path, self.other_filer, {"declared": True}), 404, "not_found")
        self.refused(self.ledger.get("/v1/filings/" + filing, self.other_filer), 404, "not_found")
        self.refused(self.ledger.get("/v1/filings/" + filing), 401, "token_missing")
        self.refused(self.ledger.get("/v1/events", self.filer), 403, "role_forbidden")
        self.refused(self.ledger.get("/v1/filings/not-an-id", self.filer), 400, "bad_id")
        self.refused(self.ledger.get("/v1/nothing"), 404, "not_found")
        self.refused(self.ledger.request("DELETE", "/v1/subjects"), 405, "method_not_allowed")
        self.assertIn("POST", self.ledger.request("DELETE", "/v1/subjects").headers["allow"])

    def test_a_revoked_token_is_refused(self):
        made = self.ledger.must(self.ledger.post("/v1/access/grants", self.ledger.admin,
                                                 {"principal": "临时", "role": "auditor"}), 201)
        self.ledger.must(self.ledger.get("/v1/events?limit=1", made["token"]))
        self.ledger.must(self.ledger.request("DELETE", "/v1/access/grants/" + made["id"], self.ledger.admin))
        self.assertEqual(self.ledger.get("/v1/events?limit=1", made["token"]).status, 401)

    def test_illegal_transitions_are_409_with_the_state(self):
        filing = self.filing()
        for path, token, body in (
                ("start-review", "reviewer", {}), ("withdraw", None, {}),
                ("request-cancellation", None, {}), ("change/withdraw", None, {})):
            with self.subTest(path):
                answer = self.ledger.post("/v1/filings/%s/%s" % (filing, path),
                                          self.staff[token] if token else self.filer, body)
                self.refused(answer, 409, "illegal_transition")
                self.assertEqual(answer.json["state"], "draft")
        answer = self.ledger.post("/v1/subjects/%s/submit" % self.subject, self.filer,
                                  self.ledger.subject_form(self.filer))
        self.refused(answer, 409, "illegal_transition")
        self.assertEqual(answer.json["state"], "qualified")

    def test_decisions_need_the_version_that_was_read(self):
        filing = self.filing("in_review")
        path = "/v1/filings/%s/approve" % filing
        reviewer = self.staff["reviewer"]
        self.refused(self.ledger.post(path, reviewer), 428, "precondition_required")
        self.refused(self.ledger.post(path, reviewer, If_Match="*"), 428, "precondition_wildcard")
        answer = self.ledger.post(path, reviewer, version=1)
        self.refused(answer, 412, "version_mismatch")
        self.assertEqual(answer.json["current_version"], self.ledger.version(filing, reviewer))
        answer = self.ledger.request("PUT", "/v1/filings/%s/draft" % self.filing(), self.filer, {"form": {}},
                                     {"If-Match": '"9"'})
        self.refused(answer, 412, "version_mismatch")

    def test_a_submission_needs_every_part(self):
        filing = self.ledger.draft(self.subject, self.filer, {})
        answer = self.ledger.post("/v1/filings/%s/submit" % filing, self.filer, {"declared": False})
        self.refused(answer, 422, "fields_invalid", [
            "/algorithm_name", "/role", "/purpose", "/basic/algorithm_type", "/basic/application_field",
            "/basic/launched_on", "/basic/documents/self_assessment_report", "/basic/documents/public_disclosure",
            "/details/data", "/details/model", "/details/strategy", "/details/risk_and_prevention", "/scope",
            "/declared"])
        answer = self.ledger.post("/v1/subjects/%s/submit" % self.other_subject, self.other_filer, {})
        self.assertEqual(answer.status, 422)
        self.assertIn("/documents/commitment_letter", [e["pointer"] for e in answer.json["errors"]])
        answer = self.ledger.post("/v1/filings", self.other_filer, {"subject_id": self.other_subject, "form": {}})
        self.refused(answer, 409, "subject_not_qualified")

    def test_a_filing_without_a_readable_subject_is_422(self):
        for body, pointers in (({"form": {"zz": 1}}, ["/subject_id", "/form/zz"]),
                               ({"subject_id": 5, "form": {}}, ["/subject_id"]),
                               ({"subject_id": "zz", "form": {}}, ["/subject_id"])):
            with self.subTest(body):
                self.refused(self.ledger.post("/v1/filings", self.filer, body), 422, "fields_invalid", pointers)

    def test_documents_belong_to_their_subject(self):
        foreign = self.ledger.upload(self.other_filer, b"foreign")
        form = self.ledger.filing_form(self.filer, [self.feature])
        form["basic"]["documents"]["public_disclosure"] = foreign
        filing = self.ledger.draft(self.subject, self.filer, form)
        answer = self.ledger.post("/v1/filings/%s/submit" % filing, self.filer, {"declared": True})
        self.refused(answer, 422, "fields_invalid", ["/basic/documents/public_disclosure"])
        self.assertEqual(answer.json["errors"][0]["code"], "document_unknown")
        self.assertEqual(self.ledger.get("/v1/documents/" + foreign, self.filer).status, 404)

    def test_rejections_need_reasons_that_point_into_the_form(self):
        filing = self.filing("in_review")
        version = self.ledger.version(filing, self.staff["reviewer"])
        path = "/v1/filings/%s/reject" % filing
        answer = self.ledger.post(path, self.staff["reviewer"], {"reasons": []}, version=version)
        self.refused(answer, 422, "fields_invalid", ["/reasons"])
        answer = self.ledger.post(path, self.staff["reviewer"],
                                  {"reasons": [{"code": "nonsense", "field": "details"}]}, version=version)
        self.refused(answer, 422, "fields_invalid", ["/reasons/0/code", "/reasons/0/field"])

    def test_four_eyes(self):
        ledger = self.ledger
        both = {role: ledger.grant("同一个人", role) for role in ("initial_reviewer", "reviewer", "registrar")}
        subject, filer = ledger.register(3, "四眼有限公司")
        ledger.must(ledger.post("/v1/subjects/%s/submit" % subject, filer, ledger.subject_form(filer, 3)))
        version = ledger.get("/v1/subjects/" + subject, filer).json["version"]
        ledger.must(ledger.post("/v1/subjects/%s/approve" % subject, both["initial_reviewer"], version=version))
        _, _, feature = ledger.tree(subject, filer)
        filing = ledger.draft(subject, filer, ledger.filing_form(filer, [feature]))
        ledger.must(ledger.post("/v1/filings/%s/submit" % filing, filer, {"declared": True}))
        self.refused(ledger.post("/v1/filings/%s/start-review" % filing, both["reviewer"]), 403, "four_eyes")
        approved = self.filing("approved")
        other = ledger.grant("staff reviewer", "registrar")
        self.refused(ledger.post("/v1/filings/%s/assign-number" % approved, other,
                                 version=ledger.version(approved, other)), 403, "four_eyes")
        self.refused(ledger.post("/v1/access/grants", ledger.admin, {"principal": "同一个人", "role": "admin"}),
                     409, "role_conflict")

    def test_what_a_scope_names_is_locked(self):
        self.filing("submitted")
        answer = self.ledger.request("DELETE", "/v1/products/" + self.product, self.filer)
        self.refused(answer, 409, "scope_locked")
        answer = self.ledger.post("/v1/subjects/%s/products" % self.subject, self.filer,
                                  {"name": "示例应用", "form": "website"})
        self.refused(answer, 409, "name_taken")
        self.assertEqual(answer.json["state"], "present")

    def test_a_repeated_key_gives_the_same_answer_and_appends_nothing(self):
        form = {"subject_id": self.subject, "form": {"algorithm_name": "幂等"}}
        first = self.ledger.post("/v1/filings", self.filer, form, key="k-1")
        before = self.size()
        again = self.ledger.post("/v1/filings", self.filer, form, key="k-1")
        self.assertEqual((again.status, again.body, again.etag), (first.status, first.body, first.etag))
        self.assertEqual(self.size(), before)
        other = self.ledger.post("/v1/filings", self.filer, {"subject_id": self.subject, "form": {}}, key="k-1")
        self.refused(other, 422, "idempotency_mismatch", before=before)
        registration = {"organization_name": "重试有限公司", "credit_code": credit_code(9), "region": "110108",
                        "contact": {"name": "a", "phone": "b", "email": "c@d.e"}}
        first = self.ledger.post("/v1/subjects", None, registration, key="r-1")
        again = self.ledger.post("/v1/subjects", None, registration, key="r-1")
        self.assertEqual(first.json["token"], again.json["token"])
        self.assertEqual(first.body, again.body)

    def test_queries_and_cursors_are_strict(self):
        for path in ("/v1/announcements?limit=0", "/v1/announcements?limit=1001", "/v1/announcements?nonsense=1",
                     "/v1/announcements?limit=1&limit=2", "/v1/announcements?limit=x"):
            with self.subTest(path):
                self.refused(self.ledger.get(path), 400, "bad_query")
        self.refused(self.ledger.get("/v1/announcements?cursor=zzz"), 400, "bad_cursor")
        self.assertEqual(self.ledger.get("/v1/announcements", Accept="image/png").code, "not_acceptable")

    def test_numbers_are_explained(self):
        for text, status, code in (("123", 422, "number_length"), ("演示备110108100000102260012号", 422, "number_check_digit"),
                                   ("演示备110108100000102269991号", None, None)):
            with self.subTest(text):
                import urllib.parse
                answer = self.ledger.get("/v1/numbers/" + urllib.parse.quote(text))
                if status:
                    self.refused(answer, status, code)
                    self.assertIn("suggestions", answer.json)
                else:
                    self.assertIn(answer.status, (404, 422))

    def test_titles_speak_two_languages(self):
        zh = self.ledger.get("/v1/filings", Accept_Language="zh-CN,zh;q=0.9,en;q=0.5").json["title"]
        en = self.ledger.get("/v1/filings", Accept_Language="en").json["title"]
        self.assertTrue(any("\u4e00" <= c <= "\u9fff" for c in zh), zh)
        self.assertTrue(en.isascii(), en)

    def test_filers_see_roles_and_no_principals(self):
        path = "/v1/subjects/%s/events" % self.subject
        self.assertNotIn(b"principal", self.ledger.get(path, self.filer).body)
        self.assertIn(b"principal_id", self.ledger.get(path, self.staff["auditor"]).body)

    def test_private_values_are_committed_for_others(self):
        filing = self.filing("submitted")
        seen = json.dumps(self.ledger.get("/v1/filings/" + filing, self.staff["registrar"]).json, ensure_ascii=False)
        self.assertIn('{"committed": true}', seen)
        self.assertNotIn("协同过滤", seen)
        self.assertIn("协同过滤", self.ledger.get("/v1/filings/" + filing, self.staff["reviewer"]).body.decode())
        subject = self.ledger.get("/v1/subjects/" + self.subject, self.staff["auditor"]).body.decode()
        self.assertNotIn("张三丰", subject)

    def test_paths_that_are_not_there_answer_404(self):
        for path in ("/v1/statistics", "/v1/estimates/none", "/v1/filing"):
            with self.subTest(path):
                self.assertEqual(self.ledger.get(path, self.staff["auditor"]).status, 404)


if __name__ == "__main__":
    unittest.main(verbosity=2)
