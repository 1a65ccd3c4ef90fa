"""A gateway dies, sleeps or ends: what it held goes away, once, and nobody loses anything."""

import asyncio
import signal
import time
from contextlib import AsyncExitStack, suppress

import pytest
from support import registry
from support.cluster import FAST, View, all_agree, crowd, ids, kill, post
from support.proxy import Proxy
from support.rawws import Closed, Peer, text
from support.timing import eventually, seconds
from support.wsclient import ClosedByServer, connect

from websockets.exceptions import ConnectionClosed

LEASE = 1500  # ms
REAPED = LEASE / 1000 * 4 / 3  # lease + one reap period, in s
SOON = 0.7  # for batches and this test's own slowness


async def join_all(groups, room="r"):
    clients = [c for group in groups for c in group]
    await asyncio.gather(*(c.ok("join", room=room, presence=True) for c in clients))
    return clients


async def watched(groups, members):
    """Views of the first client of every group, all of them up to date."""
    views = []
    for group in groups:
        answer = await group[0].ok("presence", room="r")
        views.append(View(group[0], "r", answer))
        await views[-1].until([m.id for m in members])
    return views


# ---- kill -9 ----


async def test_when_a_gateway_is_killed_its_members_leave_once_and_in_time(cluster, redis):
    gateways = await cluster(3, lease_ms=LEASE, **FAST)
    async with crowd(gateways, 8, user="ann") as groups:
        members = await join_all(groups)
        views = await watched(groups[:2], members)
        dead = [c.id for c in groups[2]]
        kill(gateways[2])
        began = time.monotonic()
        alive = [c.id for group in groups[:2] for c in group]
        for view in views:
            await view.until(alive)
        assert time.monotonic() - began < seconds(REAPED + SOON)
        for view in views:
            assert view.left == dict.fromkeys(dead, 1), "each of them once"
            assert not view.joined and not view.users_left
            await view.quiet(LEASE / 1000)
        await all_agree(gateways[:2], "r", alive)
        found = await registry.settled(redis, {"r": 16})
        assert not any(inc.startswith(dead[0][:8]) for inc in found.incarnations())


async def test_the_dead_leave_although_the_clock_of_redis_was_put_back(cluster, redis):
    """By an hour: the lease of who died before would last until then."""
    gateways = await cluster(2, lease_ms=LEASE, **FAST)
    async with crowd(gateways, 3) as groups:
        await join_all(groups)
        kill(gateways[1])
        with redis.connection() as c:
            for partition in range(64):
                key = f"{{roomcast:{partition}}}nodes"
                for inc in c("ZRANGE", key, 0, -1):
                    c("ZINCRBY", key, 3600_000, inc)
        await all_agree(gateways[:1], "r", [c.id for c in groups[0]])
        await registry.settled(redis, {"r": 3})
        assert "tier.register_again" not in gateways[0].log()


async def test_when_a_gateway_is_killed_others_lose_nothing(cluster):
    """Two publishers on the living ones, one on the dying one: what it acknowledged has arrived."""
    gateways = await cluster(3, lease_ms=LEASE, **FAST)
    async with crowd(gateways, 6) as groups:
        for client in [c for group in groups for c in group]:
            await client.ok("join", room="r")
        acked = [0, 0, 0]

        async def talk(who):
            for n in range(400):
                await groups[who][0].ok("publish", topic="room:r", event_type="t", payload=[who, n])
                acked[who] = n + 1
                await asyncio.sleep(0.002)

        talks = [asyncio.create_task(talk(who)) for who in range(3)]
        await eventually(lambda: acked[2] > 50)
        kill(gateways[2])
        with suppress(ClosedByServer, ConnectionClosed):
            await talks[2]
        await asyncio.gather(*talks[:2])
        await groups[0][0].ok("publish", topic="room:r", event_type="t", payload=[9, 0])
        for client in groups[0] + groups[1]:
            got = []
            while not got or got[-1] != [9, 0]:
                got.append((await client.event())["payload"])
            assert [n for who, n in got if who == 0] == list(range(400))
            assert [n for who, n in got if who == 1] == list(range(400))
            last = [n for who, n in got if who == 2]
            assert last == list(range(len(last))) and len(last) >= acked[2]
            assert not [f for f in client.inbox if f["type"] == "gap"]


async def test_a_killed_gateway_is_missed_by_those_who_publish(cluster):
    """Nobody listens there any more; that it is gone for good, its lease says."""
    gateways = await cluster(2, lease_ms=LEASE)
    async with crowd(gateways, 1) as ((ann,), (bob,)):
        await ann.ok("join", room="r")
        await bob.ok("join", room="r")
        kill(gateways[1])
        began = time.monotonic()

        async def alone():
            return (await post(gateways[0], "room:r")).json["nodes"] == 1

        await eventually(alone, timeout=1)
        names = set()

        async def gone():
            answer = await post(gateways[0], f"client:{bob.id}")
            names.add(answer.json["error"]["name"])
            return "gone" in names

        await eventually(gone, timeout=REAPED + SOON)
        assert names <= {"unavailable", "gone"}
        assert time.monotonic() - began < seconds(REAPED + SOON)


async def test_two_gateways_killed_at_once_are_reaped_by_the_third(cluster):
    gateways = await cluster(3, lease_ms=LEASE)
    async with crowd(gateways, 5) as groups:
        members = await join_all(groups)
        (view,) = await watched(groups[:1], members)
        kill(gateways[1])
        kill(gateways[2])
        await view.until([c.id for c in groups[0]], timeout=REAPED + SOON)
        assert view.left == {c.id: 1 for group in groups[1:] for c in group}


async def test_what_nobody_was_left_to_reap_is_reaped_by_who_comes(cluster, redis):
    (gateway,) = await cluster(1, lease_ms=1000)
    async with crowd([gateway], 5) as groups:
        await join_all(groups)
        kill(gateway)
    await asyncio.sleep(1.1)
    (another,) = await cluster(1, lease_ms=1000)
    await all_agree([another], "r", [])

    await registry.settled(redis, {})
    await eventually(lambda: len(registry.read(redis).incarnations()) == 1)


MANY = 2000


async def many_members(stack, gateway):
    """In one room each, and all of them in `r`: connections by hand, which are cheap."""
    gate = asyncio.Semaphore(50)

    async def one(n):
        async with gate:
            peer = await stack.enter_async_context(await Peer.open(gateway, f"?user=u{n % 100}"))
            await peer.send(text(type="join", id=1, rooms=["r", f"own{n % 200}"], presence=True))
            answer = await peer.next("ack")
            assert not any("error" in r for r in answer["results"].values()), answer
            return peer

    return await asyncio.gather(*(one(n) for n in range(MANY)))


@pytest.mark.limit(100)
async def test_the_death_of_who_reaps_does_not_stop_the_reaping(cluster, redis):
    """Two hundred rooms of a dead node; who takes them away is killed in the midst of it."""
    options = {"lease_ms": LEASE, "max_connections": 5000, "presence_max": 5000, **FAST}
    (dying,) = await cluster(1, **options)
    async with AsyncExitStack() as stack:
        slow_road = await stack.enter_async_context(Proxy(redis.address))
        (reaper,) = await cluster(1, redis=slow_road.url(), **options)
        with suppress(Closed, OSError):
            await many_members(stack, dying)
        ann = await stack.enter_async_context(connect(reaper))
        assert (await ann.ok("join", 20, room="r", presence=True))["count"] == MANY + 1
        slow_road.delay(0.05)
        kill(dying)
        await eventually(lambda: len(redis.keys("*}c:room:own*")) < 190, timeout=REAPED + 2)
        kill(reaper)
        assert len(redis.keys("*}c:room:own*")) > 10, "it was too quick for this test"
        (third,) = await cluster(1, **options)
        eve = await stack.enter_async_context(connect(third))
        view = View(eve, "r", await eve.ok("join", 20, room="r", presence=True))
        await view.until([eve.id], timeout=REAPED + 4)
        assert all(n == 1 for n in view.left.values()) and not view.joined
        found = await registry.settled(redis, {"r": 1}, timeout=REAPED + 4)
        assert {inc[:8] for inc in found.incarnations()} == {eve.id[:8]}


# ---- a pause ----


async def test_a_paused_gateway_comes_back_with_everybody(cluster, redis):
    """Its members leave when its lease runs out, and are there again when it goes on."""
    gateways = await cluster(2, lease_ms=1000)
    async with crowd(gateways, 5, user="ann") as groups:
        members = await join_all(groups)
        (view,) = await watched(groups[:1], members)
        sleepers = [c.id for c in groups[1]]
        gateways[1].process.send_signal(signal.SIGSTOP)
        try:
            await view.until([c.id for c in groups[0]], timeout=REAPED + 2)
            assert view.left == dict.fromkeys(sleepers, 1)
        finally:
            gateways[1].process.send_signal(signal.SIGCONT)
        await view.until([c.id for c in members])
        assert view.joined == dict.fromkeys(sleepers, 1)
        assert view.left == dict.fromkeys(sleepers, 1)
        for client in groups[1]:
            assert (await client.ask("ping"))["type"] == "pong"
            await groups[0][0].ok("publish", topic=f"client:{client.id}", event_type="t", payload=1)
            assert (await client.event())["topic"] == f"client:{client.id}"
        for here, there in (groups, groups[::-1]):
            said = {"topic": "room:r", "event_type": "t", "payload": here[0].id, "echo": False}
            await here[0].ok("publish", **said)
            assert (await there[0].event())["payload"] == here[0].id
        await all_agree(gateways, "r", [c.id for c in members])
        await registry.settled(redis, {"r": 10})
        await eventually(lambda: len(registry.read(redis).incarnations()) == 2)


async def test_a_pause_shorter_than_the_lease_is_no_event(cluster):
    gateways = await cluster(2, lease_ms=3000)
    async with crowd(gateways, 3) as groups:
        members = await join_all(groups)
        (view,) = await watched(groups[:1], members)
        gateways[1].process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(1.2)
        gateways[1].process.send_signal(signal.SIGCONT)
        await view.quiet(1)
        assert (await gateways[1].metrics())("tier_leases_lost_total") == 0
        for client in groups[1]:
            await client.silent("gap", 0.01)


async def test_who_left_while_the_gateway_slept_does_not_come_back(cluster, redis):
    gateways = await cluster(2, lease_ms=1000)
    async with crowd(gateways, 3) as groups:
        members = await join_all(groups)
        (view,) = await watched(groups[:1], members)
        gateways[1].process.send_signal(signal.SIGSTOP)
        try:
            groups[1][0].ws.transport.abort()
            await groups[1][1].send("leave", room="r")
            await view.until([c.id for c in groups[0]], timeout=REAPED + 2)
        finally:
            gateways[1].process.send_signal(signal.SIGCONT)
        wanted = [c.id for c in groups[0]] + [groups[1][2].id]
        await all_agree(gateways, "r", wanted)
        await registry.settled(redis, {"r": 4})
        await view.until(wanted)


# ---- an end in good order ----


async def test_a_gateway_that_ends_takes_everything_with_it(cluster, redis):
    gateways = await cluster(2, lease_ms=20000)
    async with crowd(gateways, 6, user="ann") as groups:
        members = await join_all(groups)
        for client in groups[1]:
            await client.ok("subscribe", events=["t"])
        (view,) = await watched(groups[:1], members)
        gateways[1].signal(signal.SIGTERM)
        assert await asyncio.to_thread(gateways[1].wait) == 0
        await view.until([c.id for c in groups[0]])
        assert view.left == {c.id: 1 for c in groups[1]}
        found = await registry.settled(redis, {"r": 6})
        assert {inc[:8] for inc in found.incarnations()} == {groups[0][0].id[:8]}
    gateways[0].signal(signal.SIGTERM)
    assert await asyncio.to_thread(gateways[0].wait) == 0
    assert [k for k in redis.keys() if not k.endswith("}meta")] == []


async def test_a_rolling_restart_leaves_no_traces_and_no_doubles(cluster, redis):
    gateways = await cluster(3, lease_ms=20000)
    async with connect(gateways[0]) as ann:
        view = await View.of(ann, "r")
        for n in (1, 2):
            async with connect(gateways[n]) as bob:
                await bob.ok("join", room="r", presence=True)
                await view.until([ann.id, bob.id])
                gateways[n].signal(signal.SIGTERM)
                assert await asyncio.to_thread(gateways[n].wait) == 0
            await view.until([ann.id])
            (fresh,) = await cluster(1, lease_ms=20000)
            async with connect(fresh) as eve:
                answer = await eve.ok("join", room="r", presence=True)
                assert ids(answer["members"]) == sorted([ann.id, eve.id])
                await view.until([ann.id, eve.id])
            await view.until([ann.id])
        assert all(n == 1 for n in view.left.values())
        await registry.settled(redis, {"r": 1})
