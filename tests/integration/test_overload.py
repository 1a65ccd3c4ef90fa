"""Short of memory: what is refused, who is told, and how it ends."""

import pytest
from support.rawws import Peer, Refused, text
from support.timing import eventually
from support.wsclient import connect

LIMIT = 1 << 20
TINY = {
    "memory_limit": LIMIT,
    "max_message_bytes": "64K",
    "queue_bytes": "8M",
    "queue_messages": 10000,
    "max_rate": 1000000,
    "socket_send_buffer": "4K",
    "retry_after_ms": 3000,
}
PIECE = "x" * 20000


async def slow_member(gateway, room="r"):
    peer = await Peer.open(gateway, receive_buffer=4096)
    await peer.send(text(type="join", id=1, room=room))
    await peer.next("ack")
    return peer


async def state(gateway):
    return (await gateway.metrics())("overload_state")


async def fill(gateway, client, until, room="r"):
    """Publish until the gateway is in that state; returns how many were taken."""
    taken = 0
    for _ in range(500):
        if await state(gateway) >= until:
            return taken
        answer = await client.ask(
            "publish", topic=f"room:{room}", event_type="t", payload=[taken, PIECE]
        )
        taken += answer["type"] == "ack"
    raise AssertionError("it never got there")


async def test_pressured_refuses_low_priority_only(start):
    gateway = start(**TINY)
    async with connect(gateway) as bob, await slow_member(gateway):
        await fill(gateway, bob, 1)
        assert await state(gateway) == 1
        assert (await gateway.metrics())("queued_bytes") > 0.65 * LIMIT
        await bob.refused(
            "overloaded", "publish", topic="room:other", event_type="t", payload=1, priority="low"
        )
        await bob.ok("publish", topic="room:other", event_type="t", payload=1)
        await bob.ok("publish", topic="room:other", event_type="t", payload=1, priority="high")
        async with connect(gateway) as ann:  # still open to new ones
            await ann.ok("join", room="x")
        assert (await gateway.metrics())("overload_transitions_total", to="pressured") == 1


async def test_overloaded_refuses_publishes_and_new_clients(start):
    gateway = start(**TINY)
    async with connect(gateway) as bob, await slow_member(gateway):
        await fill(gateway, bob, 2)
        await bob.refused("overloaded", "publish", topic="room:other", event_type="t", payload=1)
        await bob.refused(
            "overloaded", "publish", topic="room:r", event_type="t", payload=1, priority="low"
        )
        with pytest.raises(Refused) as refused:
            await Peer.open(gateway)
        assert refused.value.answer.status == 503
        assert refused.value.answer.headers["retry-after"] == "3"
        await bob.ok("join", room="still")  # who is in may go on with what costs no memory
        assert (await bob.ask("ping"))["type"] == "pong"
        answer = await gateway.http(
            "POST", "/v1/publish", body={"topic": "all", "event_type": "t", "payload": 1}
        )
        assert answer.status == 503
        assert (await gateway.http("GET", "/livez")).status == 200
        metrics = await gateway.metrics()
        assert metrics("connections_refused_total", reason="overloaded") == 1
        assert metrics("overload_transitions_total", to="overloaded") == 1
        assert metrics("queued_bytes") < 1.2 * LIMIT
        assert metrics("errors_total", name="overloaded") >= 2


async def test_it_recovers_when_the_slow_one_has_read(start):
    gateway = start(**TINY)
    async with connect(gateway) as bob, await slow_member(gateway) as slow:
        taken = await fill(gateway, bob, 2)
        assert [(await slow.next("event"))["payload"][0] for _ in range(taken)] == list(
            range(taken)
        )
        await recovered(gateway)
        await bob.ok("publish", topic="room:r", event_type="t", payload=1, priority="low")
        async with connect(gateway):
            pass
        log = gateway.log()
        assert "overloaded" in log and "normal" in log


async def test_it_recovers_when_the_slow_one_has_gone(start):
    gateway = start(**TINY)
    async with connect(gateway) as bob:
        slow = await slow_member(gateway)
        await fill(gateway, bob, 2)
        slow.reset()
        await recovered(gateway)
        await bob.ok("publish", topic="room:r", event_type="t", payload=1)


async def recovered(gateway):
    async def normal():
        return await state(gateway) == 0

    await eventually(normal)
    assert (await gateway.metrics())("overload_transitions_total", to="normal") >= 1


async def test_partly_received_messages_count_too(start):
    """Many who begin a big message and never end it must not take the memory of all."""
    gateway = start(**TINY)
    from support.rawws import TEXT, frame

    async with connect(gateway) as bob:
        peers = []
        for _ in range(30):
            try:
                peer = await Peer.open(gateway)
            except Refused as refused:
                assert refused.answer.status == 503
                break
            await peer.send(frame(TEXT, b" " * 50000, fin=False))
            peers.append(peer)

        async def noticed():
            return await state(gateway) > 0

        await eventually(noticed)
        assert (await gateway.metrics())("queued_bytes") < 1.5 * LIMIT
        assert (await bob.ask("ping"))["type"] == "pong"
        for peer in peers:
            peer.close()
        await recovered(gateway)


async def test_low_priority_is_shed_with_a_gap_under_pressure(start):
    gateway = start(**{**TINY, "queue_policy": "drop_low_first"})
    async with connect(gateway) as bob, await slow_member(gateway) as slow:
        for n in range(25):
            await bob.ok(
                "publish", topic="room:r", event_type="t", payload=[n, PIECE], priority="low"
            )
        n = 25
        while not (await gateway.metrics())("messages_dropped_total", reason="overload"):
            await bob.ok(
                "publish", topic="room:r", event_type="t", payload=[n, PIECE], priority="high"
            )
            n += 1
            assert n < 100, "nothing was shed"
        dropped = (await gateway.metrics())("messages_dropped_total", reason="overload")
        expected, gaps = 0, 0
        while expected < n:
            f = await slow.next()
            if f["type"] == "gap":
                assert f["reason"] == "overload"
                expected += f["count"]
                gaps += f["count"]
            else:
                assert f["payload"][0] == expected
                expected += 1
        assert gaps == dropped
