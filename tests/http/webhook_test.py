"""Webhooks from outside: registered over HTTP, received and verified by Python, over a SIGKILL in between."""

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
import unittest

from ledger_client import Ledger

ALLOWED = ("--webhook-allow-http", "--webhook-allow-private")


def verified(secret, headers, body):
    """What docs/webhooks.md tells receivers to do."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b"%s.%s.%s" % (headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body)
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    if abs(time.time() - int(headers["webhook-timestamp"])) > 300:
        return False
    return any(hmac.compare_digest("v1," + expected, given) for given in headers["webhook-signature"].split(" "))


class Receiver:
    """Collects what is posted to it; answers `status`."""

    def __init__(self):
        self.status = 204
        self.got = []
        self.lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer.lock:
                    if outer.status < 300:
                        outer.got.append((dict((k.lower(), v) for k, v in self.headers.items()), body))
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/hook" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def positions(self):
        with self.lock:
            return [int(json.loads(body)["sequence"]) for _, body in self.got]

    def wait(self, position):
        end = time.time() + 30
        while not self.positions() or self.positions()[-1] < position:
            assert time.time() < end, "position %d did not come: %r" % (position, self.positions())
            time.sleep(0.01)


class Webhooks(unittest.TestCase):
    def setUp(self):
        self.ledger = Ledger()
        self.addCleanup(self.ledger.close)
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)

    def register(self, **body):
        return self.ledger.must(self.ledger.post("/v1/webhooks", self.ledger.admin,
                                                 {"url": self.receiver.url, **body}), 201)

    def listed(self, webhook):
        items = self.ledger.must(self.ledger.get("/v1/webhooks", self.ledger.admin))["items"]
        return next((item for item in items if item["id"] == webhook), None)

    def grants(self, count):
        for _ in range(count):
            made = self.ledger.must(self.ledger.post("/v1/access/grants", self.ledger.admin,
                                                     {"principal": "someone", "role": "auditor"}), 201)
        return made["position"]

    def test_events_come_in_order_and_signed_over_a_kill(self):
        self.ledger.start(*ALLOWED)
        made = self.register(visibility="staff")
        self.assertEqual(made["state"], "active")
        first = made["position"] + 1
        last = self.grants(20)
        self.ledger.kill()
        self.ledger.start(*ALLOWED)
        last = self.grants(20)
        self.receiver.wait(last)
        got = self.receiver.positions()
        # At least once: what was in hand at the kill may come again, nothing is left out, order holds.
        self.assertEqual(sorted(set(got)), list(range(first, last + 1)))
        seen = 0
        for position in got:
            self.assertLessEqual(position, max(seen, first - 1) + 1)
            seen = max(seen, position)
        for headers, body in self.receiver.got:
            self.assertTrue(verified(made["secret"], headers, body))
            self.assertFalse(verified("whsec_" + base64.b64encode(b"x" * 32).decode(), headers, body))
            self.assertEqual(headers["webhook-id"], json.loads(body)["id"])

    def test_public_webhooks_get_public_events_alone(self):
        self.ledger.start(*ALLOWED)
        made = self.register()
        staff = self.ledger.staff()
        subject, filer = self.ledger.qualified(staff)
        _, _, feature = self.ledger.tree(subject, filer)
        filing = self.ledger.draft(subject, filer, self.ledger.filing_form(filer, [feature]))
        post, must, version = self.ledger.post, self.ledger.must, self.ledger.version
        path = "/v1/filings/%s/" % filing
        must(post(path + "submit", filer, {"declared": True}))
        must(post(path + "start-review", staff["reviewer"]))
        must(post(path + "approve", staff["reviewer"], version=version(filing, staff["reviewer"])))
        must(post(path + "assign-number", staff["registrar"], version=version(filing, staff["registrar"])))
        published = must(post(path + "publish", staff["registrar"],
                              {"series": "algorithm", "batch": 1,
                               "announced_on": time.strftime("%Y-%m-%d", time.gmtime(time.time() + 8 * 3600))},
                              version=version(filing, staff["registrar"])))
        self.receiver.wait(published["position"])
        self.assertEqual(self.receiver.positions(), [published["position"]])
        headers, body = self.receiver.got[0]
        self.assertTrue(verified(made["secret"], headers, body))
        anybody = self.ledger.get("/v1/events/%d" % published["position"])
        self.assertEqual(body, anybody.body)

    def test_a_webhook_that_is_gone_pauses_until_resumed(self):
        self.ledger.start(*ALLOWED)
        made = self.register(visibility="staff", types=["access.granted"])
        self.receiver.status = 410
        last = self.grants(3)
        end = time.time() + 20
        while self.listed(made["id"])["state"] != "paused":
            self.assertLess(time.time(), end)
            time.sleep(0.02)
        item = self.listed(made["id"])
        self.assertEqual((item["last_error"], item["lag"], item["types"]), ("answered 410", 3, ["access.granted"]))
        self.assertIn('ledger_webhook_paused{webhook="%s"} 1' % made["id"],
                      self.ledger.get("/metrics").body.decode())
        resume = "/v1/webhooks/%s/resume" % made["id"]
        self.assertEqual(self.ledger.post(resume, self.ledger.grant("x", "auditor")).status, 403)
        self.receiver.status = 200
        self.assertEqual(self.ledger.must(self.ledger.post(resume, self.ledger.admin))["state"], "active")
        self.receiver.wait(last)
        self.assertEqual(self.receiver.positions()[:3], [last - 2, last - 1, last])
        self.assertEqual(self.ledger.post(resume, self.ledger.admin, {"x": 1}).status, 422)
        self.assertEqual(self.ledger.post("/v1/webhooks/00000000/resume",
                                          self.ledger.admin).status, 400)

    def test_registration_says_all_that_is_wrong_and_shows_the_secret_to_its_repeats(self):
        self.ledger.start()
        post, admin = self.ledger.post, self.ledger.admin
        answer = post("/v1/webhooks", admin, {"url": self.receiver.url, "types": ["nothing"], "visibility": "own"})
        self.assertEqual((answer.status, sorted(e["pointer"] for e in answer.json["errors"])),
                         (422, ["/types/0", "/url", "/visibility"]))
        self.assertEqual(post("/v1/webhooks", None, {"url": "https://example.org/"}).status, 401)
        self.assertEqual(post("/v1/webhooks", self.ledger.grant("x", "auditor"),
                              {"url": "https://example.org/"}).status, 403)
        first = post("/v1/webhooks", admin, {"url": "https://example.org/"}, key="k")
        again = post("/v1/webhooks", admin, {"url": "https://example.org/"}, key="k")
        self.assertEqual((first.status, first.body), (201, again.body))
        self.assertTrue(first.json["secret"].startswith("whsec_"))
        webhook = first.json["id"]
        self.assertNotIn("secret", self.listed(webhook))
        self.assertEqual(self.ledger.request("DELETE", "/v1/webhooks/" + webhook, admin).json["state"], "removed")
        self.assertIsNone(self.listed(webhook))
        self.assertEqual(self.ledger.request("DELETE", "/v1/webhooks/" + webhook, admin).status, 404)
        self.assertEqual(post("/v1/webhooks/%s/resume" % webhook, admin).status, 404)

    def test_private_addresses_are_never_asked_unless_allowed(self):
        self.ledger.start("--webhook-allow-http")
        made = self.register(visibility="staff")
        self.grants(1)
        end = time.time() + 20
        while self.listed(made["id"])["last_error"] is None:
            self.assertLess(time.time(), end)
            time.sleep(0.02)
        self.assertIn("loopback", self.listed(made["id"])["last_error"])
        self.assertEqual(self.receiver.got, [])
        begun = time.time()
        self.assertEqual(self.ledger.stop(), 0)
        self.assertLess(time.time() - begun, 3)


if __name__ == "__main__":
    unittest.main()
