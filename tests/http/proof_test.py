"""The transparency log over HTTP, as an auditor's own code reads it: checkpoint, tiles, entries, proofs; and erasure."""

import base64
import datetime
import hashlib
import json
import subprocess
import unittest

from ledger_client import BINARY, Ledger


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def leaf(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def root_of(leaves):
    """RFC 6962, section 2.1, by its own words."""
    if len(leaves) == 1:
        return leaves[0]
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    return node(root_of(leaves[:middle]), root_of(leaves[middle:]))


def path_of(index, leaves):
    if len(leaves) == 1:
        return []
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    if index < middle:
        return path_of(index, leaves[:middle]) + [root_of(leaves[middle:])]
    return path_of(index - middle, leaves[middle:]) + [root_of(leaves[:middle])]


def consistency_of(size, leaves, known=True):
    if size == len(leaves):
        return [] if known else [root_of(leaves)]
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    if size <= middle:
        return consistency_of(size, leaves[:middle], known) + [root_of(leaves[middle:])]
    return consistency_of(size - middle, leaves[middle:], False) + [root_of(leaves[:middle])]


def hashes(texts):
    return [base64.b64decode(text) for text in texts]


class Auditing(unittest.TestCase):
    """A served ledger, and how an auditor reads it."""

    def setUp(self):
        self.ledger = Ledger().start()
        self.addCleanup(self.ledger.close)
        self.staff = self.ledger.staff()
        self.auditor = self.staff["auditor"]

    def checkpoint(self):
        answer = self.ledger.get("/log/checkpoint")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["content-type"], "text/plain; charset=utf-8")
        self.assertEqual(answer.headers["cache-control"], "no-store")
        origin, size, root = answer.body.decode().split("\n")[:3]
        self.assertEqual(origin, "ledger.example/test")
        return int(size), base64.b64decode(root), answer.body.decode()

    def tile(self, name, token=None, status=200):
        answer = self.ledger.get("/log/tile/" + name, token)
        self.assertEqual(answer.status, status, answer)
        return answer

    def entries(self, size):
        """The whole ledger, as a mirror fetches it."""
        found = []
        for index in range((size + 255) // 256):
            width = min(256, size - 256 * index)
            bundle = self.tile("entries/%03d%s" % (index, "" if width == 256 else ".p/%d" % width), self.auditor).body
            at = 0
            while at < len(bundle):
                length = int.from_bytes(bundle[at:at + 2], "big")
                found.append(bundle[at + 2:at + 2 + length])
                at += 2 + length
            self.assertEqual(at, len(bundle))
        self.assertEqual(len(found), size)
        return found

    def grow(self, count):
        """Drafts, so that the log passes a full tile."""
        subject, filer = self.ledger.qualified(self.staff)
        for n in range(count):
            self.ledger.draft(subject, filer, {"algorithm_name": "草稿%d" % n})

    def published(self):
        ledger, staff = self.ledger, self.staff
        subject, filer = ledger.qualified(staff, 2)
        _, _, feature = ledger.tree(subject, filer)
        filing = ledger.draft(subject, filer, ledger.filing_form(filer, [feature]))
        ledger.must(ledger.post("/v1/filings/%s/submit" % filing, filer, {"declared": True}))
        ledger.must(ledger.post("/v1/filings/%s/start-review" % filing, staff["reviewer"]))
        for act, role in (("approve", "reviewer"), ("assign-number", "registrar")):
            ledger.must(ledger.post("/v1/filings/%s/%s" % (filing, act), staff[role],
                                    version=ledger.version(filing, staff[role])))
        today = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=8)).date().isoformat()
        done = ledger.must(ledger.post("/v1/filings/%s/publish" % filing, staff["registrar"],
                                       {"series": "algorithm", "batch": 1, "announced_on": today},
                                       version=ledger.version(filing, staff["registrar"])))
        return subject, filer, filing, done["position"]


class Proof(Auditing):
    def test_a_mirror_follows_the_whole_ledger(self):
        self.grow(300)
        size, root, _ = self.checkpoint()
        self.assertGreater(size, 256)
        entries = self.entries(size)
        leaves = [leaf(entry) for entry in entries]
        self.assertEqual(root_of(leaves), root)
        full = self.tile("0/000")
        self.assertEqual(full.body, b"".join(leaves[:256]))
        self.assertEqual(full.headers["cache-control"], "public, max-age=604800, immutable")
        self.assertEqual(full.headers["content-type"], "application/octet-stream")
        self.assertEqual(full.headers["access-control-allow-origin"], "*")
        self.assertEqual(self.tile("0/001.p/%d" % (size - 256)).body, b"".join(leaves[256:]))
        self.assertEqual(self.tile("1/000.p/1").body, root_of(leaves[:256]))
        # Any earlier width stays: a partial tile is the beginning of a wider one.
        for width in (1, 17, 255):
            self.assertEqual(self.tile("0/000.p/%d" % width).body, b"".join(leaves[:width]))
        # Entries are the bytes that one event is served as, too.
        self.assertEqual(self.ledger.get("/v1/events/7", self.auditor, Accept="application/octet-stream").body,
                         entries[7])

    def test_proofs_are_those_of_the_definition(self):
        self.grow(40)
        size, root, text = self.checkpoint()
        leaves = [leaf(entry) for entry in self.entries(size)]
        for index in (0, 1, 7, size // 2, size - 1):
            answer = self.ledger.get("/v1/events/%d/proof" % index, self.auditor, Accept="application/json").json
            self.assertEqual((answer["index"], answer["size"]), (index, size))
            self.assertEqual(hashes([answer["leaf_hash"], answer["root_hash"]]), [leaves[index], root])
            self.assertEqual(hashes(answer["hashes"]), path_of(index, leaves))
            self.assertEqual(answer["checkpoint"], text)
            plain = self.ledger.get("/v1/events/%d/proof" % index, self.auditor)
            self.assertEqual(plain.headers["content-type"], "text/plain; charset=utf-8")
            head, checkpoint = plain.body.decode().split("\n\n", 1)
            self.assertEqual(head.split("\n")[:2], ["c2sp.org/tlog-proof@v1", "index %d" % index])
            self.assertEqual(hashes(head.split("\n")[2:]), path_of(index, leaves))
            self.assertEqual(checkpoint, text)
        for past in (3, size // 2, size - 1):
            answer = self.ledger.get("/v1/events/2/proof?size=%d" % past, self.auditor, Accept="application/json").json
            self.assertEqual(hashes(answer["hashes"]), path_of(2, leaves[:past]))
            self.assertEqual(hashes([answer["root_hash"]]), [root_of(leaves[:past])])
            self.assertIn("\n%d\n" % past, answer["checkpoint"])
        for first in (1, 2, 5, size // 2, size - 1, size):
            answer = self.ledger.get("/v1/consistency?from=%d&to=%d" % (first, size))
            self.assertEqual(answer.json["from"], first)
            self.assertEqual(hashes(answer.json["hashes"]), consistency_of(first, leaves))
            self.assertIn("immutable", answer.headers["cache-control"])
        self.assertEqual(self.ledger.get("/v1/consistency?from=4").json["to"], size)

    def test_what_lies_beyond_the_log_is_told_with_its_size(self):
        size, _, _ = self.checkpoint()
        for path in ("/v1/events/%d/proof" % size, "/v1/events/0/proof?size=%d" % (size + 1),
                     "/v1/events/9007199254740992/proof", "/v1/consistency?from=1&to=%d" % (size + 1),
                     "/v1/consistency?from=%d&to=%d" % (size + 1, size + 2), "/log/tile/0/000",
                     "/log/tile/0/000.p/%d" % (size + 1), "/log/tile/1/000.p/1", "/log/tile/63/000",
                     "/log/tile/0/x123/456.p/1"):
            answer = self.ledger.get(path, self.auditor)
            self.assertEqual((answer.status, answer.code), (404, "beyond_log"), (path, answer))
            self.assertEqual(answer.json["size"], size, path)
        for path in ("/v1/consistency", "/v1/consistency?from=0&to=2", "/v1/consistency?from=3&to=2",
                     "/v1/consistency?from=x", "/v1/consistency?from=1&to=18446744073709551616",
                     "/v1/events/2/proof?size=2", "/v1/events/2/proof?size=0", "/v1/events/2/proof?sizes=4",
                     "/log/checkpoint?x=1", "/log/tile/0/000.p/1?x=1"):
            self.assertEqual(self.ledger.get(path, self.auditor).code, "bad_query", path)
        for path in ("/v1/events/-1/proof", "/v1/events/01/proof", "/v1/events/x/proof"):
            self.assertEqual(self.ledger.get(path, self.auditor).code, "bad_id", path)
        for path in ("/log", "/log/tile/0", "/log/tile/64/000", "/log/tile/0/0", "/log/tile/0/000.p/0",
                     "/log/tile/0/000.p/256", "/log/tile/00/000", "/log/tile/0/x000/001", "/log/tile/0/000/",
                     "/log/tile/0/..%2f000", "/log/tile/%30/000.p/1", "/log/tile/entries/0/000"):
            self.assertEqual((self.ledger.get(path, self.auditor).status, path), (404, path))

    def test_entries_and_proofs_are_for_those_who_may_see_the_events(self):
        subject, filer, filing, position = self.published()
        self.assertEqual(self.tile("entries/000.p/1", None, 401).code, "token_missing")
        for role in ("reviewer", "registrar", "initial_reviewer", "supervisor"):
            self.assertEqual(self.tile("entries/000.p/1", self.staff[role], 403).code, "role_forbidden")
        self.tile("entries/000.p/1", filer, 403)
        entries = self.tile("entries/000.p/1", self.auditor)
        self.assertEqual(entries.headers["cache-control"], "private, max-age=604800, immutable")
        self.assertEqual(self.ledger.get("/v1/events/%d/proof" % position).status, 200)
        self.assertEqual(self.ledger.get("/v1/events/%d/proof" % (position - 2)).status, 404)
        own = self.ledger.get("/v1/filings/%s/events" % filing, filer).json["items"]
        self.assertEqual(self.ledger.get("/v1/events/%s/proof" % own[0]["sequence"], filer).status, 200)
        _, stranger = self.ledger.register(9)
        self.assertEqual(self.ledger.get("/v1/events/%s/proof" % own[0]["sequence"], stranger).status, 404)
        self.assertEqual(self.ledger.get("/v1/events/%d/proof" % position, "fl1_1_bad").status, 401)
        self.assertEqual(self.ledger.get("/v1/events/%d/proof" % position, Accept="image/png").status, 406)

    def test_every_answer_is_covered_by_the_checkpoint_that_follows_it(self):
        for n in range(20, 40):
            self.ledger.register(n)
            answer = self.ledger.get("/v1/me", self.auditor)
            self.assertGreater(self.checkpoint()[0], int(answer.headers["ledger-position"]))

    def test_erasure_takes_the_values_and_leaves_the_proofs(self):
        ledger, staff = self.ledger, self.staff
        subject, filer, filing, position = self.published()
        size, root, before = self.checkpoint()
        entries = self.entries(size)
        self.assertIn("排序策略说明", ledger.get("/v1/filings/" + filing, staff["reviewer"]).body.decode())
        self.assertIn("张三丰", ledger.get("/v1/subjects/" + subject, staff["initial_reviewer"]).body.decode())
        digest = ledger.get("/v1/filings/" + filing, filer).json["form"]["basic"]["documents"]["public_disclosure"]
        self.assertEqual(ledger.get("/v1/documents/" + digest).status, 200)
        path = "/v1/subjects/%s/erase" % subject

        self.assertEqual(ledger.post(path, staff["supervisor"], {"basis": "pipl-47"}).status, 403)
        refused = ledger.post(path, ledger.admin, {"basis": "because", "records": ["x"], "more": 1})
        self.assertEqual(refused.status, 422)
        self.assertEqual({error["pointer"] for error in refused.json["errors"]}, {"/basis", "/records/0", "/more"})
        ledger.must(ledger.post("/v1/subjects/%s/hold" % subject, ledger.admin, {"note": "诉讼"}))
        held = ledger.post(path, ledger.admin, {"basis": "pipl-47"})
        self.assertEqual((held.status, held.code), (409, "legal_hold"))
        ledger.must(ledger.request("DELETE", "/v1/subjects/%s/hold" % subject, ledger.admin))

        erased = ledger.must(ledger.post(path, ledger.admin, {"basis": "pipl-47", "note": "本人请求"}, key="erase-1"))
        self.assertEqual(erased["warnings"], [{"code": "vault_backups_void"}])
        self.assertEqual([event["type"] for event in erased["events"]], ["personal_data.erased"])
        again = ledger.must(ledger.post(path, ledger.admin, {"basis": "pipl-47", "note": "本人请求"}, key="erase-1"))
        self.assertEqual(again, erased)
        self.assertEqual(ledger.post(path, ledger.admin, {"basis": "pipl-47"}).code, "already_erased")
        for thing, reader in (("filings/" + filing, staff["reviewer"]), ("filings/" + filing, filer),
                              ("subjects/" + subject, staff["initial_reviewer"]), ("subjects/" + subject, filer),
                              ("subjects/%s/products" % subject, staff["reviewer"]),
                              ("filings/%s/events" % filing, staff["reviewer"])):
            body = ledger.must(ledger.get("/v1/" + thing, reader))
            for text in ("排序策略说明", "张三丰", "李四光", "王五", "推荐流", "首页"):
                self.assertNotIn(text, json.dumps(body, ensure_ascii=False), thing)
        self.assertEqual(ledger.get("/v1/documents/" + digest).status, 404)
        # What is public stays: the list, the number, the entry, and its proof.
        self.assertEqual(ledger.get("/v1/announcements").json["items"][0]["status"], "published")
        now, _, _ = self.checkpoint()
        self.assertEqual(self.entries(now)[:size], entries)
        leaves = [leaf(entry) for entry in self.entries(now)]
        self.assertEqual(root_of(leaves[:size]), root)
        answer = ledger.get("/v1/consistency?from=%d&to=%d" % (size, now)).json
        self.assertEqual(hashes(answer["hashes"]), consistency_of(size, leaves))

        # A restart finds nothing to bring back, and nothing of it lies in any file.
        self.assertEqual(ledger.stop(), 0)
        ledger.start()
        self.assertNotIn("张三丰", ledger.get("/v1/subjects/" + subject, staff["initial_reviewer"]).body.decode())
        self.assertEqual(self.checkpoint()[0], now)

    def test_keys_change_with_an_overlap(self):
        ledger = self.ledger
        first = ledger.created["vkey"]
        ledger.stop()
        added = ledger_command(ledger, "add")
        keys = json.loads(added.stdout)["vkeys"]
        self.assertEqual(len(keys), 2)
        self.assertEqual(keys[0], first)
        self.assertEqual(ledger_command(ledger, "list").stdout.split(), keys)
        ledger.start()
        _, _, text = self.checkpoint()
        self.assertEqual(text.count("\n\u2014 ledger.example/test "), 2)
        ledger.stop()
        self.assertEqual(ledger_command(ledger, "retire", "--vkey", "nobody+00000000+AAAA").returncode, 1)
        retired = ledger_command(ledger, "retire", "--vkey", first)
        self.assertEqual(json.loads(retired.stdout)["vkeys"], keys[1:])
        self.assertEqual(ledger_command(ledger, "retire", "--vkey", keys[1]).returncode, 1)
        self.assertFalse((ledger.data / "signing.key").exists())
        ledger.start()
        ledger.register(5)
        _, _, text = self.checkpoint()
        self.assertEqual(text.count("\n\u2014 ledger.example/test "), 1)


def ledger_command(ledger, verb, *args):
    return subprocess.run([BINARY, "signing-key", verb, "--data", str(ledger.data), *args], capture_output=True,
                          text=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
