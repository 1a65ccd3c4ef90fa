"""Who reads slowly, under each policy; the others lose nothing."""

import asyncio

import pytest
from support.rawws import Closed, Peer, frame, text, TEXT
from support.timing import SANITIZED, eventually, seconds
from support.wsclient import connect

TIGHT = {
    "max_rate": 1000000,
    "queue_messages": 50,
    "queue_bytes": "256K",
    "max_message_bytes": "64K",
    "socket_send_buffer": "4K",
}
PAYLOAD = "x" * 1000


async def slow_member(gateway, *rooms):
    """Joined, and from now on reads only when told to."""
    peer = await Peer.open(gateway, receive_buffer=4096)
    await peer.send(text(type="join", id=1, rooms=list(rooms)))
    await peer.next("ack")
    return peer


async def talk(gateway, count, room="r", priority=lambda n: "normal", keeping_up=()):
    """Numbered messages, each acknowledged and received by those who keep up before the next."""
    async with connect(gateway) as bob:
        for n in range(count):
            await bob.ok(
                "publish",
                topic=f"room:{room}",
                event_type="t",
                payload=[n, PAYLOAD],
                priority=priority(n),
            )
            for client in keeping_up:
                assert (await client.event())["payload"][0] == n


async def account(peer, count, room="r"):
    """Read everything: each number must come, or be counted by the gap in its very place."""
    expected, gaps, seen = 0, [], []
    while expected < count:
        f = await peer.next()
        if f["type"] == "gap":
            assert f["topics"] == [f"room:{room}"]
            assert f["reason"] == "slow"
            assert f["count"] > 0
            gaps.append((expected, f["count"]))
            expected += f["count"]
        elif f["type"] == "event":
            assert f["payload"][0] == expected
            seen.append(expected)
            expected += 1
    assert expected == count
    neighbours = sum(a + n == b for (a, n), (b, _) in zip(gaps, gaps[1:]))
    assert neighbours <= 3, f"gaps did not merge (one that has gone already cannot): {gaps}"
    return seen, gaps


async def test_disconnect_closes_the_slow_one_with_4009(start):
    gateway = start(**TIGHT)
    async with connect(gateway) as ann, await slow_member(gateway, "r") as slow:
        await ann.ok("join", room="r")
        await talk(gateway, 500, keeping_up=[ann])
        numbers = []
        with pytest.raises(Closed) as end:
            while True:
                f = await slow.next()
                assert f["type"] == "event"
                numbers.append(f["payload"][0])
        assert end.value.code in (4009, None)  # None: it did not read in time to see the close
        assert numbers == list(range(len(numbers))) and len(numbers) < 500
        metrics = await gateway.metrics()
        assert metrics("connections_closed_total", reason="too_slow") == 1
        assert metrics("rooms") == 1 and metrics("connections") <= 2


async def test_a_slow_one_that_reads_again_in_time_hears_4009(start):
    gateway = start(**TIGHT)
    async with await slow_member(gateway, "r") as slow:

        async def too_slow():
            return (await gateway.metrics())("connections_closed_total", reason="too_slow") == 1

        async with connect(gateway) as bob:
            for n in range(500):
                await bob.send("publish", topic="room:r", event_type="t", payload=[n, PAYLOAD])
        assert await slow.closed() == 4009
        await eventually(too_slow)


@pytest.mark.parametrize("policy", ["drop_oldest", "drop_newest", "drop_low_first"])
async def test_every_dropped_message_is_counted_where_it_would_have_stood(start, policy):
    gateway = start(queue_policy=policy, **TIGHT)
    count = 600
    async with connect(gateway) as ann, await slow_member(gateway, "r") as slow:
        await ann.ok("join", room="r")
        await talk(gateway, count, keeping_up=[ann])
        await ann.silent("gap", 0)
        seen, gaps = await account(slow, count)
        assert gaps
        dropped = sum(n for _, n in gaps)
        assert len(seen) + dropped == count
        metrics = await gateway.metrics()
        assert metrics("messages_dropped_total", reason="slow") == dropped
        if policy == "drop_newest":
            assert gaps[0][0] >= 50, "the queue's first fifty must be among those that arrive"
        else:
            assert seen[-1] == count - 1, "the newest message must be among those that arrive"
            assert len(gaps) < 10  # one, or some where the socket took a few in between
        # it is a member like any other again
        await talk(gateway, 3, keeping_up=[ann])
        assert [(await slow.next("event"))["payload"][0] for _ in range(3)] == [0, 1, 2]


async def test_drop_low_first_gives_up_low_before_anything_else(start):
    gateway = start(queue_policy="drop_low_first", **{**TIGHT, "queue_messages": 100})
    count = 300
    async with connect(gateway) as ann, await slow_member(gateway, "r") as slow:
        await ann.ok("join", room="r")

        def priority(n):
            """Nine of ten are low; the others fit into the queue all together."""
            return "high" if n % 10 == 0 else "low"

        await talk(gateway, count, priority=priority, keeping_up=[ann])
        seen, gaps = await account(slow, count)
        assert gaps
        assert {n for n in range(count) if priority(n) == "high"} <= set(seen)


async def test_the_policy_of_a_room_goes_before_the_gateways(start):
    policies = (
        '[room "old.*"]\nqueue_policy = drop_oldest\n[room "new.*"]\nqueue_policy = drop_newest\n'
    )
    gateway = start(config=policies, **TIGHT)
    for room in ("old.1", "new.1"):
        async with await slow_member(gateway, room) as slow:
            await talk(gateway, 400, room)
            seen, gaps = await account(slow, 400, room)
            if room == "old.1":
                assert gaps[0][0] < 50 and seen[-1] == 399
            else:
                assert gaps[0][0] >= 50  # a whole queue and what the socket took


async def test_only_topics_that_allow_it_are_given_up(start):
    """A room with `disconnect` keeps all of its messages, however long the other room talks."""
    gateway = start(config='[room "feed"]\nqueue_policy = drop_oldest\n', **TIGHT)
    async with await slow_member(gateway, "feed", "orders") as slow, connect(gateway) as bob:
        await talk(gateway, 300, "feed")
        for n in range(20):
            await bob.ok("publish", topic="room:orders", event_type="t", payload=n)
        await talk(gateway, 300, "feed")
        orders, feed = [], 0
        while feed < 600:
            f = await slow.next()
            if f["type"] == "gap":
                assert f["topics"] == ["room:feed"]
                feed += f["count"]
            elif f["topic"] == "room:feed":
                feed += 1
            else:
                orders.append(f["payload"])
        assert orders == list(range(20))


async def test_an_empty_queue_takes_one_message_of_any_size(start):
    gateway = start(**{**TIGHT, "queue_bytes": "128K"})
    async with await slow_member(gateway, "r") as slow, connect(gateway) as bob:
        await bob.ok("publish", topic="room:r", event_type="t", payload="x" * 60000)
        assert len((await slow.next("event"))["payload"]) == 60000


async def test_a_room_of_high_priority_overtakes_and_keeps_its_own_order(start):
    gateway = start(config='[room "fast"]\npriority = high\n', **{**TIGHT, "queue_messages": 1000})
    async with await slow_member(gateway, "fast", "r") as slow, connect(gateway) as bob:
        await talk(gateway, 200, "r")
        for n in range(10):
            await bob.ok("publish", topic="room:fast", event_type="t", payload=n)
        order = []
        for _ in range(210):
            event = await slow.next("event")
            order.append(
                (
                    event["topic"],
                    event["payload"] if event["topic"] == "room:fast" else event["payload"][0],
                )
            )
        fast = [n for topic, n in order if topic == "room:fast"]
        normal = [n for topic, n in order if topic == "room:r"]
        assert fast == list(range(10)) and normal == list(range(200))
        behind = [n for topic, n in order[order.index(("room:fast", 9)) :] if topic == "room:r"]
        assert len(behind) > 50, "the fast room did not overtake"


async def test_answers_do_not_wait_behind_messages(start):
    gateway = start(**{**TIGHT, "queue_messages": 1000})
    async with await slow_member(gateway, "r") as slow:
        await talk(gateway, 200, "r")
        await slow.send(text(type="ping", id="overtakes"))
        await asyncio.sleep(0.2)
        before = 0
        while (await slow.next())["type"] != "pong":
            before += 1
        assert before < 150


async def test_who_asks_and_never_reads_the_answers_is_4009(start):
    """It is not read from any more; the answers that wait are bounded, and so is the time."""
    gateway = start(control_messages=20, control_timeout_ms=500, **TIGHT)
    async with await slow_member(gateway, "r") as slow:

        async def ask():
            for n in range(20000):
                await slow.send(text(type="ping", id="x" * 60))

        asking = asyncio.create_task(ask())

        async def too_slow():
            return (await gateway.metrics())("connections_closed_total", reason="too_slow") == 1

        await eventually(too_slow, 20)
        asking.cancel()


async def test_who_asks_faster_than_it_reads_waits_and_gets_every_answer(start):
    gateway = start(control_messages=20, **TIGHT)
    async with await slow_member(gateway, "r") as slow:
        count = 5000

        async def ask():
            for n in range(count):
                await slow.send(text(type="ping", id=n))

        asking = asyncio.create_task(ask())
        await asyncio.sleep(0.5)
        for n in range(count):
            assert (await slow.next("pong"))["id"] == n
        await asking


# ---- one big message ----


@pytest.mark.limit(60)
async def test_one_mib_to_200_clients_of_which_50_do_not_read(start):
    """The readers get it whole; the process holds it once, not two hundred times."""
    gateway = start(max_rate=1000000)
    readers = [await Peer.open(gateway) for _ in range(150)]
    stuck = [await Peer.open(gateway, receive_buffer=4096) for _ in range(50)]
    for peer in readers + stuck:
        await peer.send(text(type="join", id=1, room="r"))
        await peer.next("ack")
    filling = "0123456789abcdef" * ((1 << 20) // 16 - 16)
    body = f'{{"type":"publish","id":1,"topic":"room:r","event_type":"t","payload":"{filling}"}}'
    assert len(body) > (1 << 20) - 400
    async with await Peer.open(gateway) as publisher:
        await publisher.send(frame(TEXT, '{"type":"ping"}'))
        await publisher.next("pong")
        before, peak = gateway.rss_kib(), 0

        async def watch():
            nonlocal peak
            while True:
                peak = max(peak, gateway.rss_kib())
                await asyncio.sleep(0.005)

        watching = asyncio.create_task(watch())
        await publisher.send(frame(TEXT, body))
        await publisher.next("ack")

        async def read(peer):
            event = await peer.next("event", timeout=30)
            assert event["payload"] == filling
            assert max(peer.fragments) <= 16384

        await asyncio.gather(*(read(peer) for peer in readers))
        watching.cancel()
        metrics = await gateway.metrics()
        assert metrics("queued_bytes") < 4 << 20
        if not SANITIZED:  # whose allocator keeps what was freed
            assert max(peak, gateway.rss_kib()) - before < 40 << 10
        assert metrics("connections") == 201
    for peer in stuck[:5]:  # late, and still whole
        assert (await peer.next("event", timeout=seconds(10)))["payload"] == filling
    for peer in readers + stuck:
        peer.close()
