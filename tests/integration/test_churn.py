"""Thousands come and go in every way, and nothing of them is left."""

import asyncio
import random

import pytest
from support.httpio import head_of
from support.rawws import CLOSE, TEXT, Peer, close_payload, frame, text, upgrade_headers
from support.timing import SANITIZED, eventually

CLIENTS = 5000
AT_ONCE = 40


async def half_a_handshake(gateway):
    peer = await Peer.connect(gateway.listen)
    await peer.send(head_of("GET", "/v1/ws", upgrade_headers(gateway.listen))[:60])
    return peer


async def member(gateway, n):
    peer = await Peer.open(gateway, f"?user=u{n % 7}")
    await peer.send(
        text(type="join", rooms=[f"r{n % 10}", f"own{n}"], presence=n % 2 == 0),
        text(type="subscribe", events=[f"e{n % 5}"]),
    )
    return peer


async def polite(gateway, n):
    peer = await member(gateway, n)
    await peer.send(
        text(type="publish", topic=f"room:r{n % 10}", event_type="t", payload=n, key=f"k{n}")
    )
    await peer.send(frame(CLOSE, close_payload(1000)))
    assert await peer.closed() == 1000
    peer.close()


async def polite_without_waiting(gateway, n):
    peer = await member(gateway, n)
    await peer.send(frame(CLOSE, close_payload(1001)))
    peer.close()


async def reset_at_once(gateway, n):
    (await member(gateway, n)).reset()


async def reset_inside_of_a_frame(gateway, n):
    peer = await member(gateway, n)
    await peer.send(frame(TEXT, b"x" * 3000, fin=False), frame(0, b"y" * 100)[:50])
    peer.reset()


async def gone_in_the_handshake(gateway, n):
    peer = await half_a_handshake(gateway)
    if n % 2:
        peer.reset()
    else:
        peer.close()


async def gone_without_a_word(gateway, _):
    (await Peer.connect(gateway.listen)).close()


async def promised_a_hello(gateway, n):
    peer = await Peer.open(gateway, "?hello=1")
    if n % 2:
        await peer.send(text(type="hello"))
    peer.reset()


WAYS = [
    polite,
    polite_without_waiting,
    reset_at_once,
    reset_inside_of_a_frame,
    gone_in_the_handshake,
    gone_without_a_word,
    promised_a_hello,
]


async def churn(gateway, count, seed):
    chance, gate = random.Random(seed), asyncio.Semaphore(AT_ONCE)

    async def one(n):
        async with gate:
            await chance.choice(WAYS)(gateway, n)

    await asyncio.gather(*(one(n) for n in range(count)))


@pytest.mark.limit(100)
async def test_after_thousands_of_clients_everything_is_back(start):
    gateway = start(max_rate=100000)
    async with await Peer.open(gateway) as stays:
        await stays.next("welcome")
        await churn(gateway, 1000, 1)  # tables and pools have grown to their size
        descriptors, rss = await settled(gateway)
        await churn(gateway, CLIENTS - 1000, 2)
        after, rss_after = await settled(gateway)
        assert after == descriptors
        if not SANITIZED:  # whose allocator keeps what was freed
            assert rss_after - rss < 4 << 10, "KiB that stayed"
        metrics = await gateway.metrics()
        assert metrics("queued_bytes") == 0
        assert metrics("connections_opened_total") > CLIENTS / 3
        left = metrics("connections_left_total") + metrics.sum("connections_closed_total")
        assert left + 1 >= metrics("connections_opened_total")
        await stays.send(text(type="join", id=1, room="r1", presence=True))
        answer = await stays.next("ack")
        assert answer["count"] == 1, "members are left in a room"


async def settled(gateway):
    """Descriptors and memory once only the one who stays is there, who is in `all` and no more."""

    async def alone():
        m = await gateway.metrics()
        return m("connections") == m("memberships") == m("topics") == 1 and m("rooms") == 0

    await eventually(alone, 20)
    descriptors = []
    for _ in range(20):  # connections whose end was not seen yet go meanwhile
        descriptors.append(gateway.descriptors())
        await asyncio.sleep(0.02)
    return min(descriptors), gateway.rss_kib()


async def test_one_client_may_join_and_leave_for_ever(start):
    gateway = start(max_rate=1000000)
    async with await Peer.open(gateway) as peer:
        for n in range(3000):
            await peer.send(text(type="join", room=f"r{n}"), text(type="leave", room=f"r{n}"))
        await peer.send(text(type="ping", id="end"))
        await peer.next("pong", timeout=20)

        async def empty():
            m = await gateway.metrics()
            return m("rooms") == 0 and m("memberships") == m("topics") == 1

        await eventually(empty)
