"""SIGTERM: clients are sent away in good order, then the process ends."""

import asyncio
import signal
import time

import pytest
from support.rawws import CLOSE, Closed, Peer, Refused, close_payload, frame, text
from support.timing import eventually, seconds
from support.wsclient import connect, connect_many


async def ended(gateway, timeout=10):
    return await asyncio.to_thread(gateway.wait, timeout)


async def sent_away(client):
    """When the client was told to reconnect, and what the frame said."""
    frame_ = await client.next("reconnect", timeout=10)
    at = time.monotonic()
    assert await client.closed() == 1012
    return at, frame_


@pytest.mark.limit(60)
async def test_five_hundred_clients_are_sent_away_spread_over_the_time(start):
    drain = 2.0
    gateway = start(drain_ms=int(drain * 1000), max_connections=2000)
    async with connect_many(gateway, 500) as clients:
        waiting = [asyncio.create_task(sent_away(c)) for c in clients]
        began = time.monotonic()
        gateway.signal(signal.SIGTERM)
        ends = await asyncio.gather(*waiting)
        assert await ended(gateway) == 0
        took = time.monotonic() - began
    for _, said in ends:
        assert said["reason"] and isinstance(said["after_ms"], int) and said["after_ms"] >= 0
    assert len({said["after_ms"] for _, said in ends}) > 10, "all would come back at once"
    times = sorted(at - began for at, _ in ends)
    assert times[-1] < seconds(drain + 1)
    assert times[250] > drain * 0.2, "they were not spread over the time"
    assert max(sum(1 for t in times if a <= t < a + 0.2) for a in times) < 250, "too many at once"
    assert took < seconds(drain + 2)


async def test_while_draining_it_is_not_ready_and_takes_nobody(start):
    gateway = start(drain_ms=2000)
    async with connect_many(gateway, 20):
        assert (await gateway.http("GET", "/readyz")).status == 200
        gateway.signal(signal.SIGTERM)
        await asyncio.sleep(0.1)
        assert (await gateway.http("GET", "/readyz")).status == 503
        assert (await gateway.http("GET", "/livez")).status == 200
        metrics = await gateway.metrics()
        assert metrics("draining") == 1
        with pytest.raises((ConnectionRefusedError, Refused, Closed)):
            await Peer.open(gateway)
        assert await ended(gateway) == 0


async def test_during_the_grace_it_still_takes_clients(start):
    gateway = start(drain_ms=200, drain_grace_ms=1500)
    async with connect(gateway) as ann:
        gateway.signal(signal.SIGTERM)

        async def not_ready():
            return (await gateway.http("GET", "/readyz")).status == 503

        await eventually(not_ready)
        async with connect(gateway) as bob:
            await bob.ok("join", room="r")
            await ann.ok("publish", topic="room:r", event_type="t", payload=1)
            assert (await bob.event())["payload"] == 1
            assert (await sent_away(bob))[1]["reason"]
        assert await ended(gateway) == 0


async def test_what_was_accepted_before_still_arrives(start):
    gateway = start(drain_ms=500, max_rate=100000)
    async with connect(gateway) as ann, await Peer.open(gateway) as bob:
        await ann.ok("join", room="r")
        await bob.send(
            *(
                text(type="publish", id=n, topic="room:r", event_type="t", payload=n)
                for n in range(100)
            )
        )
        for n in range(100):
            assert (await bob.next("ack"))["id"] == n
        gateway.signal(signal.SIGTERM)
        assert await ann.closed() == 1012
        got = [f["payload"] for f in ann.inbox if f["type"] == "event"]
        assert got == list(range(100))
        assert await ended(gateway) == 0


async def test_a_peer_that_does_not_answer_is_cut(start):
    gateway = start(drain_ms=200)
    dead = [await Peer.open(gateway) for _ in range(5)]
    await dead[0].next("welcome")
    began = time.monotonic()
    gateway.signal(signal.SIGTERM)
    assert await ended(gateway) == 0
    assert time.monotonic() - began < seconds(4)
    for peer in dead:
        peer.close()


async def test_a_peer_whose_buffers_are_full_is_cut(start):
    gateway = start(drain_ms=200, max_rate=100000, socket_send_buffer="4K")
    stuck = await Peer.open(gateway, receive_buffer=4096)
    await stuck.send(text(type="join", id=1, room="r"))
    await stuck.next("ack")
    async with connect(gateway) as bob:
        for _ in range(300):
            await bob.ok("publish", topic="room:r", event_type="t", payload="x" * 2000)
    began = time.monotonic()
    gateway.signal(signal.SIGTERM)
    assert await ended(gateway) == 0
    assert time.monotonic() - began < seconds(4)
    stuck.close()


async def test_half_open_handshakes_do_not_hold_the_end_up(start):
    gateway = start(drain_ms=200)
    peers = [await Peer.connect(gateway.listen) for _ in range(5)]
    await peers[0].send(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\n")
    waiting = await Peer.open(gateway, "?hello=1")
    began = time.monotonic()
    gateway.signal(signal.SIGTERM)
    assert await ended(gateway) == 0
    assert time.monotonic() - began < seconds(4)
    for peer in [*peers, waiting]:
        peer.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_at_once(start, number):
    gateway = start(drain_ms=60000)
    async with connect_many(gateway, 10):
        gateway.signal(number)
        await asyncio.sleep(0.3)
        assert gateway.process.poll() is None
        began = time.monotonic()
        gateway.signal(number)
        gateway.exit_code = await ended(gateway)
        assert gateway.exit_code in (0, 1)
        assert time.monotonic() - began < seconds(2)


async def test_without_clients_it_ends_at_once(start):
    gateway = start(drain_ms=60000)
    began = time.monotonic()
    gateway.signal(signal.SIGTERM)
    assert await ended(gateway) == 0
    assert time.monotonic() - began < seconds(2)


async def test_clients_that_leave_by_themselves_shorten_it(start):
    gateway = start(drain_ms=60000)
    peers = [await Peer.open(gateway) for _ in range(10)]
    gateway.signal(signal.SIGTERM)
    await asyncio.sleep(0.1)
    for peer in peers:
        await peer.send(frame(CLOSE, close_payload(1000)))
        await peer.closed()
        peer.close()
    assert await ended(gateway, 5) == 0


async def test_its_listener_is_free_for_the_next_one(start):
    first = start(drain_ms=0)
    host, port = first.listen
    async with connect(first):
        first.stop()
    second = start(listen=f"{host}:{port}")
    async with connect(second) as ann:
        await ann.ok("join", room="r")
