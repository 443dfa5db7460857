"""The live stream of the built server: catch-up and live without a seam, readers that drop and resume while the server is
killed under them, slow readers, tickets, and lists that the stream goes on from."""

import asyncio
import http.client
import json
import os
import random
import re
import shutil
import socket
import subprocess
import threading
import time
import unittest

import websockets

from ledger_client import Ledger


STALL_SECONDS = float(os.environ.get("FILING_LEDGER_STALL_SECONDS", "61"))


class Sse:
    """One connection to the stream; iterate for (kind, id, data)."""

    def __init__(self, ledger, query="", token=None, last=None, timeout=30):
        self.connection = http.client.HTTPConnection("127.0.0.1", ledger.port, timeout=timeout)
        headers = {"Accept": "text/event-stream"}
        if token:
            headers["Authorization"] = "Bearer " + token
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        self.connection.request("GET", "/v1/stream" + query, headers=headers)
        self.response = self.connection.getresponse()
        if self.response.status != 200:
            body = self.response.read()
            self.close()
            raise RuntimeError("%d %s" % (self.response.status, body))

    def __iter__(self):
        kind, cursor, data = "event", None, None
        while True:
            line = self.response.readline()
            if not line:
                return
            line = line.decode().rstrip("\n")
            if line == "":
                if data is not None:
                    yield kind, cursor, json.loads(data)
                kind, cursor, data = "event", None, None
            elif line.startswith("id: "):
                cursor = int(line[4:])
            elif line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                assert data is None, "an event of more than one data line"
                data = line[6:]
            elif not line.startswith(":"):
                raise AssertionError("no line of ours: " + line)

    def until_caught_up(self):
        events = []
        for kind, cursor, data in self:
            if kind == "event":
                events.append((cursor, data))
            elif kind == "caught_up":
                return events
        raise AssertionError("the stream ended")

    def close(self):
        self.connection.close()


class Ws:
    """The same over a WebSocket: iterate for (kind, position, data). `last` goes into the query, as a browser would."""

    def __init__(self, ledger, query="", token=None, last=None, timeout=30):
        if last is not None:
            query += ("&" if query else "?") + "after=%d" % last
        headers = {"Authorization": "Bearer " + token} if token else {}
        self.timeout, self.loop, self.socket = timeout, asyncio.new_event_loop(), None
        try:
            asyncio.set_event_loop(self.loop)  # the library asks for it
            self.socket = self.wait(websockets.connect("ws://127.0.0.1:%d/v1/stream%s" % (ledger.port, query),
                                                       extra_headers=headers, max_queue=None))
        except BaseException:
            self.close()
            raise

    def wait(self, awaited):
        async def bounded():
            return await asyncio.wait_for(awaited, self.timeout)
        return self.loop.run_until_complete(bounded())

    def __iter__(self):
        while True:
            try:
                frame = json.loads(self.wait(self.socket.recv()))
            except websockets.ConnectionClosed:
                return
            if frame["kind"] != "heartbeat":
                yield frame["kind"], frame["position"], frame.get("event") or frame

    def close(self):
        try:
            if self.socket is not None:
                self.socket.transport.abort()
                self.wait(self.socket.wait_closed())
        except (OSError, asyncio.TimeoutError):
            pass
        self.loop.close()


GONE = (OSError, http.client.HTTPException, RuntimeError, AttributeError, ValueError, asyncio.TimeoutError,
        websockets.WebSocketException)


class Follower(threading.Thread):
    """Reads on and on, drops the connection at random points, resumes from the last id."""

    def __init__(self, ledger, seed, query="", token=None, opener=Sse):
        super().__init__(daemon=True)
        self.opener = opener
        self.ledger, self.query, self.token = ledger, query, token
        self.random = random.Random(seed)
        self.seen, self.last, self.connections = [], None, 0
        self.wrong = None
        self.finish_at = None  # a position: done once the cursor is there

    def run(self):
        while not self.done():
            try:
                stream = self.opener(self.ledger, self.query, self.token, self.last, timeout=5)
            except GONE:
                time.sleep(0.02)
                continue
            self.connections += 1
            left = self.random.choice([1, 3, 20, 200])
            try:
                for kind, cursor, data in stream:
                    self.take(kind, cursor, data)
                    left -= 1
                    if left == 0 or self.done():
                        break
            except GONE:
                pass
            finally:
                stream.close()

    def take(self, kind, cursor, data):
        if kind == "event":
            if self.last is not None and cursor <= self.last:
                self.wrong = self.wrong or "%d after %d" % (cursor, self.last)
            if data["sequence"] != str(cursor):
                self.wrong = self.wrong or "id %d of event %s" % (cursor, data["sequence"])
            self.seen.append((cursor, data["type"]))
        elif data["position"] != cursor:
            self.wrong = self.wrong or "frame %r at %r" % (data, cursor)
        self.last = cursor

    def done(self):
        return self.finish_at is not None and self.last is not None and self.last >= self.finish_at


def lasting(seen):
    """What a reader sees of the past as it was seen live: an assigned number is public only once it is published."""
    return [(cursor, kind) for cursor, kind in seen if kind != "number.assigned"]


class Stream(unittest.TestCase):
    def ledger(self, *args):
        ledger = Ledger()
        self.addCleanup(ledger.close)
        return ledger.start(*args)

    def published(self, ledger, staff, subject, filer, feature):
        filing = ledger.draft(subject, filer, ledger.filing_form(filer, [feature]))
        path = "/v1/filings/%s/" % filing
        ledger.must(ledger.post(path + "submit", filer, {"declared": True}))
        ledger.must(ledger.post(path + "start-review", staff["reviewer"]))
        version = ledger.version(filing, staff["reviewer"])
        ledger.must(ledger.post(path + "approve", staff["reviewer"], version=version))
        ledger.must(ledger.post(path + "assign-number", staff["registrar"], version=version + 1))
        ledger.must(ledger.post(path + "publish", staff["registrar"],
                                {"series": "algorithm", "batch": 1, "announced_on": time.strftime(
                                    "%Y-%m-%d", time.gmtime(time.time() + 8 * 3600))}, version=version + 2))
        return filing

    @unittest.skipUnless(shutil.which("curl"), "needs curl")
    def test_curl_catches_up_and_stays_live(self):
        ledger = self.ledger()
        auditor = ledger.grant("审计", "auditor")
        granted = ledger.size() - 1
        for n in range(1, 20):
            ledger.register(n)
        last = granted + 19
        curl = subprocess.Popen(["curl", "-sN", "-H", "Authorization: Bearer " + auditor,
                                 "http://127.0.0.1:%d/v1/stream?after=%d" % (ledger.port, granted - 1)],
                                stdout=subprocess.PIPE, text=True)
        self.addCleanup(curl.kill)
        ids, told = [], False
        for line in curl.stdout:
            if line.startswith("id: "):
                ids.append(int(line[4:]))
            if line.startswith("event: caught_up"):
                told = True
                ledger.register(20)
                ledger.register(21)
            if ids and ids[-1] == last + 2 and line == "\n":
                break
        self.assertTrue(told)
        # The last one is there twice: as an event, and as the cursor of caught_up.
        self.assertEqual(ids, list(range(granted, last + 1)) + [last, last + 1, last + 2])
        self.assertEqual(ledger.stop(), 0)  # an open stream does not hold up the end
        self.assertEqual(curl.wait(10), 0)
        curl.stdout.close()

    def test_readers_that_drop_and_resume_see_everything_once_across_kills(self):
        ledger = self.ledger()
        staff = ledger.staff()
        tellers = [ledger.qualified(staff, n) for n in range(1, 4)]
        trees = [ledger.tree(*teller) for teller in tellers]
        stop = threading.Event()

        def write(which):
            subject, filer = tellers[which]
            n = 0
            while not stop.is_set():
                try:
                    n += 1
                    if which == 0 and n % 5 == 0:
                        self.published(ledger, staff, subject, filer, trees[which][2])
                    ledger.post("/v1/subjects/%s/products" % subject, filer, {"name": "产品%d" % n, "form": "app"})
                    ledger.register(1000 * (which + 1) + n)
                except (*GONE, AssertionError, KeyError):
                    time.sleep(0.05)

        writers = [threading.Thread(target=write, args=(i,), daemon=True) for i in range(len(tellers))]
        followers = [Follower(ledger, i, "", staff["auditor"]) for i in range(12)]
        followers += [Follower(ledger, 100 + i, "", tellers[i % 3][1]) for i in range(9)]
        followers += [Follower(ledger, 200 + i, "?type=filing.published") for i in range(6)]
        followers += [Follower(ledger, 300 + i, "?type=product.added&subject_id=" + tellers[i % 3][0], staff["auditor"])
                      for i in range(6)]
        followers += [Follower(ledger, 400 + i, "", staff["auditor"], Ws) for i in range(9)]
        followers += [Follower(ledger, 500 + i, "?type=filing.published", None, Ws) for i in range(3)]
        followers += [Follower(ledger, 600 + i, "", tellers[i][1], Ws) for i in range(3)]
        for thread in writers + followers:
            thread.start()
        for _ in range(3):
            time.sleep(1.2)
            ledger.kill()
            ledger.start()
        time.sleep(1.2)
        stop.set()
        for writer in writers:
            writer.join(30)
        end = ledger.size()
        for follower in followers:
            follower.finish_at = end - 1
        # A filtered stream tells that it has come so far when it is asked anew, at the latest.
        for follower in followers:
            follower.join(60)
            self.assertFalse(follower.is_alive(), "%s stuck at %r of %d" % (
                follower.opener.__name__, follower.last, end))
            self.assertIsNone(follower.wrong)
            whole = Sse(ledger, follower.query, follower.token)
            expected = [(cursor, data["type"]) for cursor, data in whole.until_caught_up()]
            whole.close()
            self.assertEqual(lasting(follower.seen), lasting(expected))
            self.assertGreater(follower.connections, 3)
            self.assertGreater(len(expected), 0)
        self.assertEqual([cursor for cursor, _ in followers[0].seen], list(range(end)))

    def test_a_list_and_the_stream_behind_it_miss_nothing(self):
        ledger = self.ledger()
        staff = ledger.staff()
        subject, filer = ledger.qualified(staff)
        form = {"algorithm_name": "算法"}
        stop = threading.Event()

        def write():
            made = []
            while not stop.is_set():
                if len(made) < 20 or random.random() < 0.1:
                    made.append(ledger.draft(subject, filer, form))
                ledger.must(ledger.request("PUT", "/v1/filings/%s/draft" % random.choice(made), filer, {"form": form}))

        writers = [threading.Thread(target=write, daemon=True) for _ in range(3)]
        for writer in writers:
            writer.start()
        boards = []
        for _ in range(8):
            time.sleep(0.15)
            answer = ledger.get("/v1/filings?limit=1000", filer)
            board = {item["id"]: item["version"] for item in answer.json["items"]}
            boards.append((board, Sse(ledger, "?after=" + answer.headers["ledger-position"], filer)))
        stop.set()
        for writer in writers:
            writer.join(30)
        last = ledger.size() - 1
        now = {item["id"]: item["version"] for item in ledger.get("/v1/filings?limit=1000", filer).json["items"]}
        for board, stream in boards:
            for kind, cursor, data in stream:
                if kind == "event" and data["subject"].startswith("filing/"):
                    filing = data["subject"].split("/")[1]
                    self.assertEqual(data["streamversion"], board.get(filing, 0) + 1)
                    board[filing] = data["streamversion"]
                if cursor == last:
                    break
            stream.close()
            self.assertEqual(board, now)

    def test_readers_that_stall_for_a_minute_cost_no_memory_and_miss_nothing(self):
        ledger = Ledger()
        self.addCleanup(ledger.close)
        # A sanitizer keeps what was freed to find its use; that is not the server's memory.
        ledger.environment = dict(os.environ, ASAN_OPTIONS=":".join(filter(None, (
            os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=0", "thread_local_quarantine_size_kb=0"))))
        ledger.start()
        staff = ledger.staff()
        subject, filer = ledger.qualified(staff)
        form = {"algorithm_name": "算法", "details": {
            name: "说明" * 900 for name in ("data", "model", "strategy", "risk_and_prevention")}}
        filing = ledger.draft(subject, filer, form)

        def anonymous_kib():
            with open("/proc/%d/status" % ledger.process.pid, encoding="ascii") as status:
                return int(next(line for line in status if line.startswith("RssAnon")).split()[1])

        def save(count):
            for _ in range(count):
                ledger.must(ledger.request("PUT", "/v1/filings/%s/draft" % filing, filer, {"form": form}))

        writers = [threading.Thread(target=save, args=(100,), daemon=True) for _ in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(120)
        before = anonymous_kib()
        stalled = []
        bearer = "Authorization: Bearer %s\r\n" % filer
        upgrade = ("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
        for n in range(40):
            peer = socket.socket()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.settimeout(30)
            peer.connect(("127.0.0.1", ledger.port))
            asked = "GET /v1/stream HTTP/1.1\r\nHost: x\r\n" + bearer + (upgrade if n % 2 else "") + "\r\n"
            peer.sendall(asked.encode())
            stalled.append(peer)
        for _ in range(20):
            time.sleep(STALL_SECONDS / 20)
            save(1)
        grown = anonymous_kib() - before
        # 40 readers of 9 MB each; a page of each, and the one cache of renderings, are all there may be.
        self.assertLess(grown, 48 * 1024)
        end = ledger.size()
        for peer in random.sample(stalled[0::2], 2) + random.sample(stalled[1::2], 2):
            told = re.compile(rb'^id: (\d+)$|"kind":"\w+","position":(\d+)', re.MULTILINE)
            # Whoever stood still all the time has caught up only now, with what came meanwhile.
            last = re.compile(rb'event: caught_up\nid: %d\n|"kind":"caught_up","position":%d}' % (end - 1, end - 1))
            text = b""
            while not last.search(text[-200000:]):
                piece = peer.recv(1 << 20)
                self.assertTrue(piece)
                text += piece
            ids = [int(a or b) for a, b in told.findall(text)]
            self.assertEqual(sorted(set(ids)), sorted(set(ids), key=ids.index))
            self.assertEqual(text.count(b'"type":"draft.saved"'), 421)
        for peer in stalled:
            peer.close()

    def test_a_ticket_opens_one_stream(self):
        ledger = self.ledger()
        auditor = ledger.grant("审计", "auditor")
        ticket = ledger.must(ledger.request("POST", "/v1/stream/tickets", auditor), 201)
        stream = Sse(ledger, "?ticket=" + ticket["ticket"])
        self.assertEqual(len(stream.until_caught_up()), ledger.size())
        again = ledger.get("/v1/stream?ticket=" + ticket["ticket"])
        self.assertEqual((again.status, again.code), (401, "ticket_unknown"))
        grant = ledger.get("/v1/me", auditor).json["grant_id"]
        ledger.must(ledger.request("DELETE", "/v1/access/grants/" + grant, ledger.admin))
        kind, cursor, data = list(stream)[-1]
        self.assertEqual((kind, data), ("error", {"position": cursor, "code": "token_revoked"}))
        stream.close()
        time.sleep(0.2)
        self.assertFalse(any(ticket["ticket"] in line for line in ledger.log))


if __name__ == "__main__":
    unittest.main(verbosity=2)
