"""The frames that the server writes: fragments, and what may stand between them.

Data goes out in coalesced raw writes next to the library's own pongs and closes; these must never
get into each other. Every byte that a Peer reads is checked to be a frame in its right place.
"""

import asyncio
import json

from support.rawws import (
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Closed,
    Peer,
    close_payload,
    frame,
    text,
)
from support.wsclient import connect

FAST = {
    "max_rate": 1000000,
    "queue_messages": 10000,
    "queue_bytes": "16M",
    "socket_send_buffer": "8K",
}
MIB = "0123456789abcdef" * ((1 << 20) // 16 - 16)


async def member(gateway, **kw):
    peer = await Peer.open(gateway, **kw)
    await peer.send(text(type="join", id=1, room="r"))
    await peer.next("ack")
    return peer


async def test_a_big_message_comes_in_fragments_of_at_most_16_kib(start):
    gateway = start(**FAST)
    async with await member(gateway) as peer, connect(gateway) as bob:
        await bob.ok("publish", topic="room:r", event_type="t", payload=MIB)
        opcode, data = await peer.message()
        assert opcode == TEXT
        assert json.loads(data)["payload"] == MIB
        assert len(peer.fragments) == (len(data) + 16383) // 16384
        assert set(peer.fragments[:-1]) == {16384} and 0 < peer.fragments[-1] <= 16384


async def test_pongs_stand_between_the_fragments_of_a_slow_reader(start):
    gateway = start(**FAST)
    async with await member(gateway, receive_buffer=4096) as peer, connect(gateway) as bob:
        await bob.ok("publish", topic="room:r", event_type="t", payload=MIB)
        f = await peer.frame()
        assert (f.opcode, f.fin, len(f.data)) == (TEXT, 0, 16384)
        whole, pongs, inside = [f.data], [], 0
        for n in range(10000):
            if n % 8 == 0:
                await peer.send(frame(PING, b"ping %d" % n))
            f = await peer.frame()
            assert f.rsv == 0
            if f.opcode == PONG:
                pongs.append(f.data)
                continue
            assert f.opcode == CONTINUATION, "another message inside of this one"
            whole.append(f.data)
            inside = len(pongs)
            if f.fin:
                break
        assert json.loads(b"".join(whole))["payload"] == MIB
        assert inside > 0, "no pong came inside of the message"
        assert all(p.startswith(b"ping ") for p in pongs)


async def test_answers_and_other_messages_wait_for_the_end_of_a_big_one(start):
    gateway = start(config='[room "fast"]\npriority = high\n', **FAST)
    async with await member(gateway, receive_buffer=4096) as peer, connect(gateway) as bob:
        await peer.send(text(type="join", id=2, room="fast"))
        await peer.next("ack")
        await bob.ok("publish", topic="room:r", event_type="t", payload=MIB)
        await peer.frame()  # it is on its way
        await peer.send(text(type="ping", id="while"))
        await bob.ok("publish", topic="room:fast", event_type="t", payload="fast")
        await bob.ok("publish", topic="room:r", event_type="t", payload="last")
        while not (f := await peer.frame()).fin:
            assert f.opcode == CONTINUATION
        assert await peer.next("pong") == {"type": "pong", "id": "while"}
        assert (await peer.next())["payload"] == "fast"
        assert (await peer.next())["payload"] == "last"


async def test_pongs_and_data_never_get_into_each_other(start):
    """Three who talk, one who pings all the time and reads in small sips."""
    gateway = start(**FAST)
    async with await member(gateway, receive_buffer=8192) as peer, connect(gateway) as bob:
        sizes = [1, 50, 125, 126, 4000, 16384, 16385, 20000, 65535, 65536, 100000]

        async def talk():
            for n in range(220):
                await bob.ok(
                    "publish", topic="room:r", event_type="t", payload=[n, "y" * sizes[n % 11]]
                )

        async def ping():
            for n in range(400):
                await peer.send(frame(PING, b"%d" % n), text(type="ping", id=n))
                await asyncio.sleep(0.001)

        talking, pinging = asyncio.create_task(talk()), asyncio.create_task(ping())
        numbers, pongs = [], 0
        while len(numbers) < 220 or pongs < 400:
            opcode, data = await peer.message()
            if opcode == TEXT:
                got = json.loads(data)
                if got["type"] == "event":
                    n, filling = got["payload"]
                    assert filling == "y" * sizes[n % 11]
                    numbers.append(n)
                elif got["type"] == "pong":
                    assert got["id"] == pongs
                    pongs += 1
        assert numbers == list(range(220))
        await asyncio.gather(talking, pinging)


async def test_a_close_stands_behind_the_last_whole_message(start):
    gateway = start(**FAST)
    async with await member(gateway, receive_buffer=4096) as peer, connect(gateway) as bob:
        for n in range(20):
            await bob.ok("publish", topic="room:r", event_type="t", payload=[n, "z" * 30000])
        await peer.frame()
        await peer.send(frame(CLOSE, close_payload(1000)))
        try:
            while True:
                f = await peer.frame()
                if f.opcode == CLOSE:
                    assert f.data[:2] == close_payload(1000)
                    break
                assert f.opcode in (TEXT, CONTINUATION)
        except Closed:
            pass  # cut instead: allowed, it has said good-bye
        assert await peer.ended()


async def test_every_server_frame_is_text_and_json(gateway):
    async with await Peer.open(gateway) as peer:
        await peer.send(
            text(type="join", id=1, room="r", presence=True), frame(TEXT, "{"), text(type="ping")
        )
        kinds = []
        for _ in range(4):
            opcode, data = await peer.message()
            assert opcode == TEXT
            kinds.append(json.loads(data)["type"])
        assert kinds[0] == "welcome" and set(kinds) >= {"ack", "error", "pong"}


async def test_messages_of_one_turn_come_in_few_segments(start):
    """Coalesced: a burst of small messages is not a burst of packets."""
    gateway = start(**{**FAST, "socket_send_buffer": "64K"})
    async with await member(gateway) as peer, await Peer.open(gateway) as bob:
        await bob.next("welcome")
        await bob.send(
            *(text(type="publish", topic="room:r", event_type="t", payload=n) for n in range(200))
        )
        for n in range(200):
            assert (await peer.next("event"))["payload"] == n
