"""A WebSocket library's client against a port: counts messages, pings, closes. Exits 0 when all is as it should be."""

import asyncio
import sys

import websockets


async def count(port):
    # The library offers permessage-deflate; the server declines by silence.
    async with websockets.connect(f"ws://127.0.0.1:{port}/count/5000/250") as socket:
        assert socket.extensions == [], socket.extensions
        expected = 0
        try:
            while True:
                message = await socket.recv()
                assert message == f"消息 {expected}", message
                expected += 1
        except websockets.ConnectionClosed as closed:
            assert (closed.rcvd.code, closed.rcvd.reason) == (4000, "全部"), closed
        assert expected == 5000, expected


async def ping_and_leave(port):
    async with websockets.connect(f"ws://127.0.0.1:{port}/quiet") as socket:
        await asyncio.wait_for(await socket.ping(b"here?"), 30)
        await socket.close(4321, "enough")
    assert socket.close_code == 4321, socket.close_code


async def talk(port):
    async with websockets.connect(f"ws://127.0.0.1:{port}/quiet") as socket:
        await socket.send("hello")
        try:
            await socket.recv()
        except websockets.ConnectionClosed as closed:
            assert closed.rcvd.code == 1008, closed
        else:
            raise AssertionError("a message was taken")


async def main():
    port = int(sys.argv[1])
    await count(port)
    await ping_and_leave(port)
    await talk(port)


asyncio.run(main())
