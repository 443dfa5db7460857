"""The live stream of the built server over WebSockets, with a library's client: the frames of Server-Sent Events and no
others, across kills of the server, behind tickets, with reasons to close."""

import asyncio
import json
import unittest

import websockets

from ledger_client import Ledger


class StreamOverWebSocket(unittest.IsolatedAsyncioTestCase):
    def ledger(self, *args):
        ledger = Ledger()
        self.addCleanup(ledger.close)
        return ledger.start(*args)

    def follow(self, ledger, query="", token=None):
        headers = {"Authorization": "Bearer " + token} if token else {}
        return websockets.connect("ws://127.0.0.1:%d/v1/stream%s" % (ledger.port, query), extra_headers=headers,
                                  open_timeout=30, close_timeout=10)

    async def frame(self, stream):
        return json.loads(await asyncio.wait_for(stream.recv(), 30))

    async def until_caught_up(self, stream):
        events = []
        while True:
            frame = await self.frame(stream)
            if frame["kind"] == "caught_up":
                return events, frame["position"]
            self.assertEqual(frame["kind"], "event")
            self.assertEqual(frame["event"]["sequence"], str(frame["position"]))
            events.append(frame["event"])

    async def closed(self, stream):
        with self.assertRaises(websockets.ConnectionClosed) as closed:
            while True:
                await self.frame(stream)
        return closed.exception.rcvd.code, closed.exception.rcvd.reason

    async def test_frames_catch_up_then_are_live_and_carry_the_events_of_the_log(self):
        ledger = self.ledger()
        auditor = ledger.grant("审计", "auditor")
        for n in range(1, 20):
            ledger.register(n)
        async with self.follow(ledger, "", auditor) as stream:
            events, position = await self.until_caught_up(stream)
            log = ledger.must(ledger.get("/v1/events?limit=1000", auditor))["items"]
            self.assertEqual(events, log)
            self.assertEqual(position, len(log) - 1)
            ledger.register(20)
            live = await self.frame(stream)
            self.assertEqual((live["kind"], live["position"]), ("event", position + 1))
        async with self.follow(ledger, "?after=%d" % position, auditor) as stream:
            self.assertEqual(await self.frame(stream), live)

    async def test_no_event_is_missing_or_twice_across_a_kill_of_the_server(self):
        ledger = self.ledger()
        auditor = ledger.grant("审计", "auditor")
        seen = []
        for n in range(3):
            query = "?after=%d" % seen[-1] if seen else ""
            for i in range(5):
                ledger.register(10 * n + i)
            async with self.follow(ledger, query, auditor) as stream:
                events, _ = await self.until_caught_up(stream)
                seen += [int(event["sequence"]) for event in events]
                ledger.kill()
                with self.assertRaises(websockets.ConnectionClosed):
                    await stream.recv()
            ledger.start()
        self.assertEqual(seen, list(range(len(seen))))
        self.assertGreater(len(seen), 15)

    async def test_an_end_of_the_server_closes_with_1001(self):
        ledger = self.ledger()
        async with self.follow(ledger) as stream:
            await self.until_caught_up(stream)
            stopping = asyncio.get_running_loop().run_in_executor(None, ledger.stop)
            self.assertEqual((await self.closed(stream))[0], 1001)
            self.assertEqual(await stopping, 0)

    async def test_a_revoked_grant_closes_with_1008_and_says_so(self):
        ledger = self.ledger()
        auditor = ledger.grant("审计", "auditor")
        ticket = ledger.must(ledger.request("POST", "/v1/stream/tickets", auditor), 201)["ticket"]
        async with self.follow(ledger, "?ticket=" + ticket) as stream:
            events, position = await self.until_caught_up(stream)
            self.assertGreater(len(events), 0)
            grant = ledger.get("/v1/me", auditor).json["grant_id"]
            ledger.must(ledger.request("DELETE", "/v1/access/grants/" + grant, ledger.admin))
            frame = await self.frame(stream)
            self.assertEqual((frame["kind"], frame["code"]), ("error", "token_revoked"))
            self.assertEqual(await self.closed(stream), (1008, "token_revoked"))

    async def test_a_message_of_the_client_closes_with_1008(self):
        ledger = self.ledger()
        async with self.follow(ledger) as stream:
            await stream.send("hello")
            self.assertEqual((await self.closed(stream))[0], 1008)

    async def test_what_is_wrong_is_refused_before_the_upgrade(self):
        ledger = self.ledger()
        auditor = ledger.grant("审计", "auditor")
        ticket = ledger.must(ledger.request("POST", "/v1/stream/tickets", auditor), 201)["ticket"]
        async with self.follow(ledger, "?ticket=" + ticket):
            pass
        for query, status in (("?after=x", 400), ("?after=100000", 400), ("?nothing=1", 400), ("?ticket=" + ticket, 401)):
            with self.assertRaises(websockets.InvalidStatusCode, msg=query) as refused:
                async with self.follow(ledger, query):
                    pass
            self.assertEqual(refused.exception.status_code, status, query)
            self.assertEqual(refused.exception.headers["Content-Type"], "application/problem+json", query)

    def test_a_handshake_that_is_none_is_told_what_is_missing(self):
        ledger = self.ledger()
        asked = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        old = ledger.get("/v1/stream", **asked, Sec_WebSocket_Version="8")
        self.assertEqual((old.status, old.code, old.headers["sec-websocket-version"]), (426, "upgrade_required", "13"))
        asked["Sec_WebSocket_Key"] = "short"
        bad = ledger.get("/v1/stream", **asked, Sec_WebSocket_Version="13")
        self.assertEqual((bad.status, bad.code), (400, "bad_request"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
