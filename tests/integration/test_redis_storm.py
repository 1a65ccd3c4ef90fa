"""Ten thousand clients join at once: the registry is true as soon as they have been told so."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest
from support import registry
from support.cluster import post
from support.rawws import Peer, text

CLIENTS, ROOMS = 10000, 1000
OPTIONS = {"max_connections": 8000, "presence_max": 5000, "ping_interval_ms": 0}


async def connected(stack, gateways):
    """Half of them on each, every room on both; cheap connections by hand."""
    gate = asyncio.Semaphore(100)

    async def one(n):
        async with gate:
            gateway = gateways[n // ROOMS % 2]
            peer = await stack.enter_async_context(await Peer.open(gateway, f"?user=u{n % 500}"))
            return peer, (await peer.next("welcome"))["client"]

    return await asyncio.gather(*(one(n) for n in range(CLIENTS)))


@pytest.mark.long
@pytest.mark.limit(280)
async def test_the_registry_is_true_soon_after_a_storm_of_joins(cluster, redis):
    gateways = await cluster(2, **OPTIONS)
    async with AsyncExitStack() as stack:
        peers = await connected(stack, gateways)
        began = time.monotonic()
        for n, (peer, _) in enumerate(peers):
            await peer.send(text(type="join", id=1, room=f"r{n % ROOMS}", presence=True))
        for peer, _ in peers:
            assert (await peer.next("ack", timeout=60))["id"] == 1
        acked = time.monotonic()
        found = await registry.settled(redis, {f"r{n}": CLIENTS // ROOMS for n in range(ROOMS)}, 2)
        for n in range(ROOMS):
            wanted = {client for _, client in peers[n::ROOMS]}
            assert set(found.topics[f"room:r{n}"].members) == wanted
        seen = time.monotonic()
        print(f"all joined after {acked - began:.2f} s, seen to be true {seen - acked:.2f} s later")
        answer = await post(gateways[1], "room:r7")
        assert answer.json == {"nodes": 2, "receivers": CLIENTS // ROOMS}
