"""A gateway is subscribed to what its clients need, and to nothing else."""

import asyncio
import time

import pytest
from support.cluster import FAST, crowd, post
from support.parcel import channel
from support.timing import SANITIZED, eventually
from support.wsclient import connect


def channels(redis, pattern="roomcast:*"):
    return set(redis.cli("PUBSUB", "CHANNELS", pattern))


def calls(redis, command):
    """How often Redis was asked for that."""
    lines = redis.cli("INFO", "commandstats").splitlines()
    found = [x for x in lines if x.startswith(f"cmdstat_{command}:")]
    return sum(int(x.split("calls=")[1].split(",")[0]) for x in found)


async def test_it_hears_the_topics_of_its_clients_and_no_others(cluster, redis):
    (gateway,) = await cluster(1, redis_linger_ms=0)
    async with connect(gateway, user="ann") as ann:
        node = channel(f"node:{ann.id[:8]}")
        always = {node, channel("all"), channel("user:ann")}
        assert channels(redis) == always
        await ann.ok("join", rooms=["a", "b"])
        await ann.ok("subscribe", events=["t"])
        assert channels(redis) == always | {channel(t) for t in ("room:a", "room:b", "event:t")}
        await ann.ok("leave", room="a")
        await eventually(lambda: channel("room:a") not in channels(redis))
    await eventually(lambda: channels(redis) <= {node, channel("all")})
    assert node in channels(redis)


async def test_a_subscription_outlives_its_last_client_for_a_while(cluster, redis):
    (gateway,) = await cluster(1, redis_linger_ms=700)
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        left = time.monotonic()
        await ann.ok("leave", room="r")
        await asyncio.sleep(0.2)
        assert channel("room:r") in channels(redis)
        await eventually(lambda: channel("room:r") not in channels(redis))
        assert time.monotonic() - left > 0.6


async def test_coming_and_going_costs_no_subscriptions(cluster, redis):
    (gateway,) = await cluster(1, max_rate=100000)
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        before = calls(redis, "subscribe"), calls(redis, "unsubscribe")
        for _ in range(100):
            await ann.ok("leave", room="r")
            await ann.ok("join", room="r")
        assert (calls(redis, "subscribe"), calls(redis, "unsubscribe")) == before


async def test_a_channel_that_changes_hands_quickly_never_goes_deaf(cluster):
    """Without lingering every leave unsubscribes: the join behind it must win."""
    gateways = await cluster(2, redis_linger_ms=0, **FAST)
    async with crowd(gateways, 2) as ((ann, bob), (eve, _)):
        for n in range(200):
            await ann.send("join", room="r")
            await ann.send("leave", room="r")
            if n % 3 == 0:
                await bob.send("join", room="r")
                await bob.send("leave", room="r")
            await ann.ok("join", room="r")
            await eve.ok("publish", topic="room:r", event_type="t", payload=n)
            while (await ann.event())["payload"] != n:
                pass
            await ann.send("leave", room="r")


async def test_nobody_is_asked_where_nobody_is(cluster):
    gateways = await cluster(2)
    async with connect(gateways[0]) as ann:
        await ann.ok("join", room="r")
        assert (await post(gateways[1], "room:r")).json["nodes"] == 1
        assert (await post(gateways[1], "room:s")).json["nodes"] == 0


@pytest.mark.parametrize(
    "rooms", [10000, pytest.param(100000, marks=[pytest.mark.long, pytest.mark.limit(300)])]
)
async def test_many_rooms_on_one_gateway_never_stop_its_loop(cluster, redis, rooms):
    """Also when it loses them all at once, and has to tell Redis everything again."""
    each = 1000
    (gateway,) = await cluster(1, topics_per_client=each, lease_ms=5000, **FAST)
    async with crowd([gateway], rooms // each) as (clients,):
        for client in clients:
            names = [f"{client.id}.{n}" for n in range(each)]
            await asyncio.gather(
                *(client.send("join", rooms=names[i : i + 100]) for i in range(0, each, 100))
            )
        await asyncio.gather(*(c.ok("join", 60, room=f"{c.id}.0") for c in clients))
        assert len(channels(redis, channel("room:*"))) == rooms
        redis.cli("CLIENT", "KILL", "TYPE", "pubsub")
        redis.cli("CLIENT", "KILL", "TYPE", "normal")

        async def whole():
            heard = len(channels(redis, channel("room:*"))) == rooms
            return heard and (await post(gateway, "room:none")).status == 200

        await eventually(whole, timeout=5 if rooms <= 10000 else 20)
        lag = (await gateway.metrics())("loop_lag_seconds") * 1000  # the longest since the start
        assert lag < (2000 if SANITIZED else 250)
        for client in clients:
            answer = await post(gateway, f"room:{client.id}.500", "x")
            assert answer.json == {"nodes": 1, "receivers": 1}
            assert (await client.event())["payload"] == "x"
