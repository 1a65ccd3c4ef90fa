"""One order for every topic, nothing lost, nothing twice (PROTOCOL.md, section 5)."""

import asyncio
from collections import Counter

from support.rawws import TEXT, Peer, frame, text
from support.timing import SANITIZED
from support.wsclient import connect, connect_many

MESSAGES = 10000
FAST = {"max_rate": 1000000, "queue_messages": 100000, "queue_bytes": "64M"}


async def publish_all(peer, topic, who, count, window=250):
    """`count` numbered messages, a window of them on the way at a time; each is acknowledged."""
    for first in range(0, count, window):
        await peer.send(
            *(
                text(type="publish", id=n, topic=topic, event_type="t", payload=[who, n])
                for n in range(first, min(first + window, count))
            )
        )
        for n in range(first, min(first + window, count)):
            assert (await peer.next("ack"))["id"] == n


async def collect(client, count):
    return [tuple((await client.event(timeout=20))["payload"]) for _ in range(count)]


async def test_ten_thousand_messages_of_four_publishers_come_in_one_order(start):
    gateway = start(**FAST)
    async with connect_many(gateway, 4) as subscribers:
        for client in subscribers:
            await client.ok("join", room="r")
        peers = [await Peer.open(gateway) for _ in range(4)]
        async with asyncio.timeout(100 if SANITIZED else 50):
            *orders, _ = await asyncio.gather(
                *(collect(client, MESSAGES) for client in subscribers),
                asyncio.gather(
                    *(publish_all(p, "room:r", who, MESSAGES // 4) for who, p in enumerate(peers))
                ),
            )
        assert all(order == orders[0] for order in orders)
        assert len(set(orders[0])) == MESSAGES
        for who in range(4):
            assert [n for w, n in orders[0] if w == who] == list(range(MESSAGES // 4))
        for client in subscribers:
            await client.silent("event", 0.1)
        for peer in peers:
            peer.close()


async def test_publishers_that_listen_too_see_the_same_order(start):
    """Their own messages take the same road as everybody's."""
    gateway = start(**FAST)
    async with connect_many(gateway, 3) as clients:
        for client in clients:
            await client.ok("join", room="r")

        async def talk(who, client):
            for n in range(300):
                await client.send("publish", topic="room:r", event_type="t", payload=[who, n])

        await asyncio.gather(*(talk(who, c) for who, c in enumerate(clients)))
        orders = [await collect(c, 900) for c in clients]
        assert orders[0] == orders[1] == orders[2]
        assert Counter(w for w, _ in orders[0]) == {0: 300, 1: 300, 2: 300}


async def test_several_topics_each_keep_their_order(start):
    gateway = start(**FAST)
    topics = ["room:a", "room:b", "event:t", "user:ann", "all"]
    async with connect(gateway, user="ann") as ann, connect(gateway) as bob:
        await ann.ok("join", rooms=["a", "b"])
        await ann.ok("subscribe", events=["t"])
        for n in range(200):
            for topic in topics:
                await bob.send("publish", topic=topic, event_type="t", payload=n)
        seen = {topic: [] for topic in topics}
        for _ in range(200 * len(topics)):
            event = await ann.event()
            seen[event["topic"]].append(event["payload"])
        assert all(numbers == list(range(200)) for numbers in seen.values())


async def test_big_and_small_messages_keep_one_order(start):
    gateway = start(**FAST)
    sizes = [10, 100000, 1, 16384, 16300, 40000, 3, 500000]
    async with connect(gateway) as ann, await Peer.open(gateway) as bob:
        await ann.ok("join", room="r")
        for n in range(40):
            await bob.send(
                text(
                    type="publish",
                    topic="room:r",
                    event_type="t",
                    payload=[n, "x" * sizes[n % len(sizes)]],
                )
            )
        for n in range(40):
            number, filling = (await ann.event())["payload"]
            assert number == n and len(filling) == sizes[n % len(sizes)]


async def test_messages_around_the_size_of_a_fragment_arrive_whole(start):
    """16 384 bytes of text are one frame, one more are two."""
    gateway = start(**FAST)
    async with await Peer.open(gateway) as ann:
        await ann.send(text(type="join", id=1, room="r"))
        await ann.next("ack")

        async def event_of(filling):
            await ann.send(
                text(type="publish", topic="room:r", event_type="t", payload="x" * filling)
            )
            opcode, data = await ann.message()
            assert opcode == TEXT
            return data, ann.fragments

        overhead = len((await event_of(0))[0])
        for size in [*range(16380, 16390), 32768, 32769, 65535, 65536, 65537, 3 * 16384]:
            data, fragments = await event_of(size - overhead)
            assert len(data) == size
            assert b"x" * (size - overhead) in data
            assert max(fragments) <= 16384
            assert len(fragments) == (size + 16383) // 16384


async def test_a_flood_of_frames_in_one_segment_is_taken_one_by_one(start):
    gateway = start(**FAST)
    async with await Peer.open(gateway) as ann:
        await ann.next("welcome")
        await ann.send(*(frame(TEXT, f'{{"type":"ping","id":{n}}}') for n in range(200)))
        assert [(await ann.next("pong"))["id"] for _ in range(200)] == list(range(200))
