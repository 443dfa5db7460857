"""Streams, webhooks and the status page under ill will: what breaks the rules, comes in thousands, stands still, answers
badly or is killed at the worst moment. The server goes on, tells what is wrong, and grows by nothing."""

import os
import re
import resource
import socket
import struct
import threading
import time
import unittest

from ledger_client import Ledger
from webhook_test import ALLOWED, Receiver

HANDSHAKE = ("GET /v1/stream%s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n")


def resident_kib(ledger):
    with open("/proc/%d/status" % ledger.process.pid, encoding="ascii") as status:
        return int(next(line for line in status if line.startswith("RssAnon")).split()[1])


def sanitized(program):
    with open(program, "rb") as binary:
        return b"__ubsan_handle" in binary.read()


def descriptors(ledger):
    return len(os.listdir("/proc/%d/fd" % ledger.process.pid))


def until(holds, what, seconds=30):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise AssertionError("not within %d s: %s" % (seconds, what))
        time.sleep(0.02)


def client_frame(opcode, payload, fin=True, masked=True, rsv=0):
    mask = b"\x01\x02\x03\x04"
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    size = len(payload)
    bit = 0x80 if masked else 0
    head += bytes([bit | size]) if size < 126 else bytes([bit | 126]) + struct.pack(">H", size)
    if not masked:
        return head + payload
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


class Raw:
    """A socket that speaks as badly as it is told to."""

    def __init__(self, ledger, sent=b"", receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", ledger.port))
        if sent:
            self.socket.sendall(sent)

    def until(self, mark):
        text = b""
        while mark not in text:
            piece = self.socket.recv(65536)
            if not piece:
                raise AssertionError("ended before %r: %r" % (mark, text[-2000:]))
            text += piece
        return text

    def rest(self):
        text = b""
        try:
            while piece := self.socket.recv(1 << 20):
                text += piece
        except ConnectionResetError:
            pass
        return text

    def close(self):
        self.socket.close()


class Hostile(unittest.TestCase):
    def ledger(self, *args):
        ledger = Ledger()
        self.addCleanup(ledger.close)
        # A sanitizer keeps what was freed to find its use; that is not the server's memory.
        ledger.environment = dict(os.environ, ASAN_OPTIONS=":".join(filter(None, (
            os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=0", "thread_local_quarantine_size_kb=0"))))
        return ledger.start(*args)

    def healthy(self, ledger):
        self.assertEqual(ledger.get("/healthz").status, 200)
        self.assertEqual(ledger.get("/v1/announcements").status, 200)

    def closed_in_order(self, ledger, seconds=5):
        begun = time.monotonic()
        self.assertEqual(ledger.stop(), 0)
        self.assertLess(time.monotonic() - begun, seconds)

    # --- what is asked

    def test_cursors_and_filters_that_are_none_are_refused_with_their_code(self):
        ledger = self.ledger()
        for after in ("18446744073709551615", "18446744073709551616", "9223372036854775807", "9007199254740993", "1" * 30,
                      "-1", "%2B1", "1e3", "0x1", "01", "", "%20", "1%20", "1,2", "HEAD", "null", "%D9%A3", "%EF%BC%91"):
            refused = ledger.get("/v1/stream?after=" + after)
            self.assertEqual((refused.status, refused.code), (400, "bad_cursor"), after)
            # The header's values are bytes; what a browser would never send is refused as well.
            if "%" not in after:
                refused = ledger.get("/v1/stream", Last_Event_ID=after)
                self.assertEqual((refused.status, refused.code), (400, "bad_cursor"), after)
        for query in ("after=%ff", "type=%c0%80", "after=%zz", "type=%00", "%ff=1"):
            refused = ledger.get("/v1/stream?" + query)
            self.assertEqual((refused.status, refused.code), (400, "bad_query"), query)
        for query in ("type=", "type=,", "type=nothing", "type=" + ",".join(["filing.published"] * 300), "region=1", "region=%E4%BA%AC",
                      "stream=filing/x", "stream=filing/", "subject_id=1", "filing_id=" + "0" * 36, "unknown=1",
                      "after=0&after=0", "type=filing.published&type=filing.revoked"):
            refused = ledger.get("/v1/stream?" + query)
            self.assertEqual((refused.status, refused.code), (400, "bad_query"), query)
        self.healthy(ledger)

    def test_the_parameters_are_those_of_the_description(self):
        ledger = self.ledger()
        described = ledger.get("/asyncapi.yaml").body.decode()
        query = re.search(r"^    Query:\n.*?^      properties:\n(.*?)^    \S", described, re.MULTILINE | re.DOTALL).group(1)
        names = re.findall(r"^        (\w+):", query, re.MULTILINE)
        self.assertIn("filing_id", names)
        unknown = " is unknown here"
        self.assertIn(unknown, ledger.get("/v1/stream?nothing=~").json["detail"])
        for name in names:
            self.assertNotIn(unknown, ledger.get("/v1/stream?%s=~" % name).json["detail"], name)

    def test_heads_beyond_all_measure_are_refused_whatever_they_ask(self):
        ledger = self.ledger()
        million = ",".join(["filing.published"] * 1_000_000).encode()
        for sent, status in ((b"GET /v1/stream?type=" + million + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414"),
                             (b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nLast-Event-ID: " + million + b"\r\n\r\n", b"431"),
                             (b"GET /v1/stream HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 100_000 + b"\r\n", b"431")):
            raw = Raw(ledger)
            try:
                raw.socket.sendall(sent)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the refusal came before the end of it
            self.assertTrue(raw.rest().startswith(b"HTTP/1.1 " + status), status)
            raw.close()
        self.healthy(ledger)

    def test_frames_that_break_the_rules_close_with_their_code(self):
        ledger = self.ledger()
        long = b"x" * 5000
        for sent, code in ((client_frame(2, b"\x00"), 1003), (client_frame(1, b"hello"), 1008),
                           (client_frame(1, b"hello", masked=False), 1002), (client_frame(1, b"a", fin=False), 1008),
                           (client_frame(0, b"b"), 1002), (client_frame(9, b"p", fin=False), 1002),
                           (client_frame(1, long), 1009), (client_frame(9, b"p" * 126), 1009),
                           (client_frame(3, b""), 1002), (client_frame(1, b"z", rsv=4), 1002),
                           (client_frame(8, b"\x03"), 1002), (client_frame(8, struct.pack(">H", 1005)), 1002),
                           (client_frame(8, struct.pack(">H", 1000) + b"\xff"), 1007),
                           (b"\x81\xff" + struct.pack(">Q", 1 << 62), 1009)):
            raw = Raw(ledger, (HANDSHAKE % ("", "")).encode())
            raw.until(b"caught_up")
            raw.socket.sendall(sent)
            end = raw.rest()
            close = end.rfind(b"\x88")
            self.assertGreaterEqual(close, 0, sent[:20])
            self.assertEqual(struct.unpack(">H", end[close + 2:close + 4])[0], code, sent[:20])
            raw.close()
        self.healthy(ledger)

    def test_compression_is_declined_by_silence(self):
        ledger = self.ledger()
        raw = Raw(ledger, (HANDSHAKE % ("", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n")).encode())
        head = raw.until(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 101"))
        self.assertNotIn(b"extensions", head.lower())
        raw.close()

    # --- many, slow, and gone

    def test_a_process_without_descriptors_serves_whom_it_has_and_then_the_others(self):
        if sanitized(os.environ["FILING_LEDGER"]):
            # Its check of virtual calls opens a pipe to look at memory, and takes a failure for a bad object.
            self.skipTest("a sanitizer needs descriptors of its own; the release build is held to this")
        ledger = self.ledger()
        resource.prlimit(ledger.process.pid, resource.RLIMIT_NOFILE, (256, 256))
        held = Raw(ledger, b"GET /v1/stream HTTP/1.1\r\nHost: x\r\n\r\n")
        held.until(b"caught_up")
        half_open = [Raw(ledger, (HANDSHAKE % ("", ""))[:-10].encode()) for _ in range(400)]
        until(lambda: descriptors(ledger) > 240, "descriptors in use")
        self.assertIsNone(ledger.process.poll())
        for raw in half_open:
            raw.close()
        until(lambda: descriptors(ledger) < 100, "descriptors given back")
        self.healthy(ledger)
        for n in range(30):
            ledger.register(n)
        held.close()
        self.assertTrue(any("accept" in line for line in ledger.log), "the log says what was missing")
        self.closed_in_order(ledger)

    def test_half_a_handshake_costs_little_and_ends_by_itself(self):
        ledger = self.ledger()
        self.healthy(ledger)
        files, memory = descriptors(ledger), resident_kib(ledger)
        head = (HANDSHAKE % ("", "")).encode()
        slow = [Raw(ledger, head[:20]) for _ in range(1000)]
        begun = time.monotonic()
        sent = 20
        # One byte a second keeps nobody: the head has ten seconds, from its first byte.
        while descriptors(ledger) > files + 50:
            self.assertLess(time.monotonic() - begun, 40)
            for raw in slow:
                try:
                    raw.socket.sendall(head[sent:sent + 1])
                except OSError:
                    pass
            sent = min(sent + 1, len(head) - 3)
            self.healthy(ledger)
            time.sleep(1)
        self.assertLess((resident_kib(ledger) - memory) / len(slow), 64)
        for raw in slow:
            raw.close()
        self.healthy(ledger)

    def test_streams_that_come_and_go_leave_nothing_behind(self):
        ledger = self.ledger()
        auditor = ledger.grant("审计", "auditor")
        bearer = "Authorization: Bearer %s\r\n" % auditor

        def round_of(count):
            for n in range(count):
                upgrade = HANDSHAKE % ("", bearer)
                plain = "GET /v1/stream HTTP/1.1\r\nHost: x\r\n%s\r\n" % bearer
                raw = Raw(ledger, (upgrade if n % 2 else plain).encode())
                if n % 3:
                    raw.until(b"caught_up")
                if n % 5 == 0:  # gone with a reset
                    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raw.close()

        round_of(300)
        until(lambda: b'ledger_streams_open{reader="granted"} 0' in ledger.get("/metrics").body, "streams closed")
        files, memory = descriptors(ledger), resident_kib(ledger)
        for _ in range(3):
            round_of(500)
        until(lambda: b'ledger_streams_open{reader="granted"} 0' in ledger.get("/metrics").body, "streams closed")
        until(lambda: descriptors(ledger) <= files + 3, "descriptors given back")
        # A sanitized build pads every block, and looks for what was lost by itself at its end.
        padding = 2 if sanitized(os.environ["FILING_LEDGER"]) else 1
        self.assertLess(resident_kib(ledger) - memory, padding * 8 * 1024)

    def test_no_stream_outlives_its_grant_however_they_race(self):
        ledger = self.ledger()
        for _ in range(3):
            auditor = ledger.grant("审计", "auditor")
            grant = ledger.get("/v1/me", auditor).json["grant_id"]
            ticket = ledger.must(ledger.request("POST", "/v1/stream/tickets", auditor), 201)["ticket"]
            ends = []

            def follow(query, headers, upgrade):
                asked = HANDSHAKE % (query, headers) if upgrade else "GET /v1/stream%s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (query, headers)
                raw = Raw(ledger, asked.encode())
                head = raw.until(b"\r\n\r\n")
                ends.append(head if head.startswith(b"HTTP/1.1 401") else head + raw.rest())
                raw.close()

            def revoke():
                ledger.must(ledger.request("DELETE", "/v1/access/grants/" + grant, ledger.admin))

            bearer = "Authorization: Bearer %s\r\nConnection: close\r\n" % auditor
            threads = [threading.Thread(target=follow, args=("", bearer, False)) for n in range(12)]
            threads += [threading.Thread(target=follow, args=("?after=head", bearer.replace("Connection: close\r\n", ""), True)) for n in range(12)]
            threads.insert(12, threading.Thread(target=revoke))
            threads.insert(18, threading.Thread(target=follow, args=("?ticket=" + ticket, "Connection: close\r\n", False)))
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
                self.assertFalse(thread.is_alive(), "a stream outlives its grant")
            self.assertEqual(len(ends), len(threads) - 1)
            for end in ends:
                # An unknown token says no more than that it is none.
                self.assertRegex(end, b"token_revoked|^HTTP/1.1 401")
            self.assertEqual(ledger.get("/v1/stream", auditor).status, 401)

    # --- webhooks

    def register(self, ledger, url, **body):
        return ledger.post("/v1/webhooks", ledger.admin, {"url": url, "visibility": "staff", **body})

    def standing(self, ledger, webhook):
        items = ledger.must(ledger.get("/v1/webhooks", ledger.admin))["items"]
        return next(item for item in items if item["id"] == webhook)

    def test_no_spelling_of_this_machine_is_asked(self):
        ledger = self.ledger("--webhook-allow-http")
        connections = []
        listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        self.addCleanup(listener.close)

        def accept():
            try:
                while True:
                    connections.append(listener.accept())
            except OSError:
                pass

        threading.Thread(target=accept, daemon=True).start()
        port = listener.getsockname()[1]
        registered = []
        for host in ("127.0.0.1", "127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0", "0.0.0.0", "localhost",
                     "localhost.", "LOCALHOST", "127.0.0.1.", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
                     "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]", "[fc00::1]", "169.254.169.254", "10.0.0.1",
                     "100.64.0.1", "224.0.0.1", socket.gethostname()):
            made = self.register(ledger, "http://%s:%d/" % (host, port))
            if made.status == 201:
                registered.append((host, made.json["id"]))
            else:
                self.assertEqual((made.status, made.json["errors"][0]["pointer"]), (422, "/url"), host)
        for url in ("http://me@127.0.0.1:%d/", "http://127.0.0.1:%d@example.org/", "http://例子.cn:%d/", "http://example.org:%d\\@x/",
                    "http://[::1%%25lo]:%d/", "http://[::1]x:%d/", "//127.0.0.1:%d/", "gopher://127.0.0.1:%d/"):
            refused = self.register(ledger, url % port)
            self.assertEqual((refused.status, refused.json["errors"][0]["pointer"]), (422, "/url"), url)
        ledger.register(1)
        for host, webhook in registered:
            until(lambda webhook=webhook: self.standing(ledger, webhook)["last_error"] is not None, "no fault of " + host)
        self.assertGreater(len(registered), 15)
        self.assertEqual(connections, [])
        self.closed_in_order(ledger)

    def test_receivers_that_answer_badly_hold_up_nobody_else(self):
        ledger = self.ledger(*ALLOWED)
        good = Receiver()
        self.addCleanup(good.close)
        listeners, redirected = [], []

        def receiver(behave):
            listener = socket.create_server(("127.0.0.1", 0))
            listeners.append(listener)

            def serve():
                try:
                    while True:
                        peer, _ = listener.accept()
                        threading.Thread(target=attend, args=(peer,), daemon=True).start()
                except OSError:
                    pass

            def attend(peer):
                try:
                    behave(peer)
                except OSError:
                    pass
                peer.close()

            threading.Thread(target=serve, daemon=True).start()
            return "http://127.0.0.1:%d/" % listener.getsockname()[1]

        def drip(peer):
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 10_000:
                peer.sendall(bytes([byte]))
                time.sleep(0.05)

        def flood_of_heads(peer):
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 200 OK\r\n")
            while True:
                peer.sendall(b"X-More: " + b"y" * 4000 + b"\r\n")

        def flood(peer):
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                peer.sendall(b"10000\r\n" + b"z" * 65536 + b"\r\n")

        def reset(peer):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        def nonsense(peer):
            peer.sendall(b"\x00\xff" * 1000)

        def silent(peer):
            peer.recv(65536)
            time.sleep(60)

        aim = receiver(lambda peer: redirected.append(peer.recv(65536)))

        def redirect(peer):
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 307 Elsewhere\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % aim.encode())

        def continues(peer):
            peer.recv(65536)
            while True:
                peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                time.sleep(0.01)

        self.addCleanup(lambda: [listener.close() for listener in listeners])
        bad = [ledger.must(self.register(ledger, receiver(behave)), 201)["id"]
               for behave in (drip, flood_of_heads, flood, reset, nonsense, silent, redirect, continues)]
        while len(bad) < 63:
            bad.append(ledger.must(self.register(ledger, receiver(silent)), 201)["id"])
        webhook = ledger.must(self.register(ledger, good.url), 201)
        self.assertEqual(self.register(ledger, good.url).status, 409)
        memory = resident_kib(ledger)
        last = None
        for n in range(50):
            last = ledger.must(ledger.post("/v1/access/grants", ledger.admin, {"principal": "x", "role": "auditor"}), 201)["position"]
        good.wait(last)
        self.assertEqual(good.positions(), list(range(webhook["position"] + 1, last + 1)))
        for webhook in bad[:8]:
            until(lambda webhook=webhook: self.standing(ledger, webhook)["failures"] > 0, "a failure", 40)
        self.assertEqual(redirected, [])
        self.assertLess(resident_kib(ledger) - memory, 64 * 1024)
        self.healthy(ledger)
        self.closed_in_order(ledger)

    def test_an_event_killed_between_delivery_and_cursor_comes_again_and_in_order(self):
        ledger = self.ledger(*ALLOWED)
        receiver = Receiver()
        self.addCleanup(receiver.close)
        self.register(ledger, receiver.url)
        first = None
        for kill_at in range(3):
            position = None
            for n in range(4):
                position = ledger.must(ledger.post("/v1/access/grants", ledger.admin,
                                                   {"principal": "x", "role": "auditor"}), 201)["position"]
                first = first or position
            # Killed the moment that something of it arrived: its cursor can hardly be saved.
            until(lambda: receiver.positions() and receiver.positions()[-1] >= position - 3 + kill_at, "a delivery")
            ledger.kill()
            ledger.start(*ALLOWED)
        receiver.wait(position)
        seen = 0
        for got in receiver.positions():
            self.assertLessEqual(got, max(seen, first - 1) + 1)
            seen = max(seen, got)
        self.assertEqual(sorted(set(receiver.positions())), list(range(first, position + 1)))

    # --- the end

    def test_the_server_ends_in_time_whoever_hangs_on(self):
        ledger = self.ledger(*ALLOWED)
        staff = ledger.staff()
        for n in range(200):
            ledger.register(n)
        bearer = "Authorization: Bearer %s\r\n" % staff["auditor"]
        held = []
        for n in range(60):
            plain = "GET /v1/stream HTTP/1.1\r\nHost: x\r\n%s\r\n" % bearer
            held.append(Raw(ledger, (plain if n % 2 else HANDSHAKE % ("", bearer)).encode(), receive_buffer=2048))
        held += [Raw(ledger, b"GET /v1/stre") for _ in range(30)]
        held += [Raw(ledger, b"PUT /v1/documents HTTP/1.1\r\nHost: x\r\n%sContent-Length: 1000\r\n\r\nhalf" % bearer.encode())
                 for _ in range(10)]
        deaf = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(deaf.close)
        for _ in range(20):
            self.register(ledger, "http://127.0.0.1:%d/" % deaf.getsockname()[1])
        time.sleep(0.5)
        self.closed_in_order(ledger, 5)
        for raw in held:
            raw.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
