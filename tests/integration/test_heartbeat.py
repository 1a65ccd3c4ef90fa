"""Heartbeat: silence is asked after, and ends a connection (PROTOCOL.md, section 6)."""

import asyncio
import time

from support.rawws import PING, PONG, TEXT, Peer, frame, text
from support.wsclient import connect

QUICK = {"ping_interval_ms": 200, "client_timeout_ms": 800}


async def test_a_peer_that_never_answers_is_pinged_and_closed_with_4008(start):
    gateway = start(**QUICK)
    async with await Peer.open(gateway) as peer:
        started = time.monotonic()
        assert (await peer.message())[0] == TEXT  # welcome
        opcode, data = await peer.message()
        assert opcode == PING and len(data) <= 125
        assert time.monotonic() - started > 0.15
        assert await closing(peer) == 4008
        assert 0.7 < time.monotonic() - started < 10
        assert await peer.ended()
    metrics = await gateway.metrics()
    assert metrics("pings_sent_total") >= 1
    assert metrics("connections_closed_total", reason="heartbeat") == 1
    assert metrics("connections") == 0


async def closing(peer):
    """The code of the close frame; pings are left unanswered."""
    while True:
        opcode, data = await peer.message()
        if opcode not in (PING, TEXT):
            return int.from_bytes(data[:2], "big")


async def test_a_peer_that_answers_pings_stays_and_its_round_trip_is_counted(start):
    gateway = start(**QUICK)
    async with await Peer.open(gateway) as peer:
        await peer.next("welcome")
        for _ in range(8):
            opcode, data = await peer.message()
            assert opcode == PING
            await peer.send(frame(PONG, data))
        await peer.send(text(type="ping", id=1))
        assert (await peer.next("pong"))["id"] == 1
        metrics = await gateway.metrics()
        assert metrics("ping_round_trip_seconds_count") == 8
        assert 0 < metrics("ping_round_trip_seconds_sum") < 8


async def test_any_byte_counts_as_life(start):
    """Pieces of a message that is not complete, unsolicited pongs, frames."""
    gateway = start(**QUICK)
    async with await Peer.open(gateway) as peer:
        whole = frame(TEXT, '{"type":"ping","id":"late"}' + " " * 40)
        for i in range(0, len(whole), 4):
            await peer.send(whole[i : i + 4])
            await asyncio.sleep(0.1)
        assert (await peer.next("pong"))["id"] == "late"
        for _ in range(10):
            await peer.send(frame(PONG, b""))
            await asyncio.sleep(0.1)
        await peer.send(text(type="ping", id=2))
        assert (await peer.next("pong"))["id"] == 2
        metrics = await gateway.metrics()
        assert metrics("pings_sent_total") == 0
        assert metrics("ping_round_trip_seconds_count") == 0


async def test_a_pong_that_answers_nothing_is_no_round_trip(start):
    gateway = start(**QUICK)
    async with await Peer.open(gateway) as peer:
        await peer.next("welcome")
        for data in (b"x" * 8, b"\0" * 8, b"\xff" * 8, b"x" * 125, b"short"):
            await peer.send(frame(PONG, data))
        await peer.send(text(type="ping", id=1))
        await peer.next("pong")
        metrics = await gateway.metrics()
        assert metrics("ping_round_trip_seconds_sum") < 10


async def test_without_an_interval_nobody_is_pinged(start):
    gateway = start(ping_interval_ms=0, client_timeout_ms=1000)
    async with connect(gateway) as ann:
        assert ann.welcome["ping_interval_ms"] == 0
        for _ in range(6):
            await asyncio.sleep(0.3)
            await ann.ask("ping")
        assert (await gateway.metrics())("pings_sent_total") == 0


async def test_without_pings_there_is_no_time_out_either(start):
    gateway = start(ping_interval_ms=0, client_timeout_ms=200)
    async with await Peer.open(gateway) as peer:
        await asyncio.sleep(1.5)
        await peer.send(text(type="ping", id=1))
        assert (await peer.next("pong"))["id"] == 1


async def test_a_half_open_member_leaves_its_rooms(start):
    gateway = start(**QUICK)
    async with await Peer.open(gateway) as dead, connect(gateway) as ann:
        await dead.send(text(type="join", id=1, room="r", presence=True))
        await dead.next("ack")
        answer = await ann.ok("join", room="r", presence=True)
        assert answer["count"] == 2
        while (await ann.next("presence"))["count"] > 1:
            pass


async def test_a_hundred_clients_are_each_asked_in_their_time(start):
    gateway = start(ping_interval_ms=300, client_timeout_ms=5000)
    peers = [await Peer.open(gateway) for _ in range(100)]

    async def pinged(peer):
        while (await peer.message())[0] != PING:
            pass

    await asyncio.gather(*(pinged(peer) for peer in peers))
    for peer in peers:
        peer.close()
