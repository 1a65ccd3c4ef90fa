"""A gateway that has more to say to Redis than Redis takes keeps its place in the cluster."""

import asyncio
import json

import pytest
from support.cluster import FAST, crowd
from support.proxy import Proxy
from support.rawws import Peer, text
from support.timing import eventually, seconds
from support.wsclient import connect

pytestmark = pytest.mark.limit(60)


async def flood(client, until):
    """Publish without a pause; the answers are taken, whatever they are."""
    names = []
    while not until.is_set():
        for n in range(50):
            await client.send("publish", id=n, topic="room:none", event_type="t", payload=n)
        names += [(await client.next(timeout=10)).get("name", "ack") for _ in range(50)]
    return names


async def test_a_flood_of_publishes_does_not_cost_the_lease(cluster, redis):
    """What waits for Redis is at its limit all the time; the lease is renewed all the same."""
    options = {"lease_ms": 1500, "redis_max_pending": 100, **FAST}
    async with Proxy(redis.address) as proxy:
        (far,) = await cluster(1, redis=proxy.url(), **options)
        (near,) = await cluster(1, **options)
        async with connect(near) as ann, crowd([far], 6) as (clients,):
            for c in clients:
                await c.ok("join", room="r", presence=True)
            await ann.ok("join", room="r", presence=True)
            proxy.delay(0.02)
            over = asyncio.Event()
            floods = [asyncio.create_task(flood(c, over)) for c in clients]
            await asyncio.sleep(5)
            over.set()
            names = [name for task in floods for name in await task]
            assert "ack" in names and "unavailable" in names, set(names)
            await ann.silent("presence", 0.5)
            assert (await far.metrics())("tier_leases_lost_total") == 0
            assert "tier.register_again" not in far.log()


async def test_a_burst_that_takes_longer_than_the_time_out_is_no_outage(cluster, redis):
    """The answer to the PING stands behind messages that are still to be given to everybody here."""
    quick = {"queue_policy": "drop_newest", "queue_messages": 10, "max_rate": 1000000}
    (gateway,) = await cluster(1, redis_timeout_ms=200, lease_ms=60000, **quick)
    said = json.dumps({"topic": "room:r", "event_type": "t", "payload": "x" * 100})
    peers = [await Peer.open(gateway, receive_buffer=4096) for _ in range(150)]
    try:
        for p in peers:
            await p.send(text(type="join", id=1, room="r"))
            await p.next("ack")
        burst = int(4000 * seconds(1))
        with redis.connection() as c:
            for n in range(0, burst, 500):
                await asyncio.to_thread(c.pipeline, [("PUBLISH", "roomcast:room:r", said)] * 500)

        async def all_came():
            metrics = await gateway.metrics()
            return metrics("tier_lost_total") or metrics("messages_received_total") >= burst

        await eventually(all_came, 20)
        assert (await gateway.metrics())("tier_lost_total") == 0
    finally:
        for p in peers:
            p.close()
