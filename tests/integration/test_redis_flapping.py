"""The command connection breaks again and again, each time a little later: in the greeting, the
scripts, the lease, amid registering. What others see must be the truth all the time."""

import pytest
from support import registry
from support.cluster import View, all_agree, crowd
from support.outage import OPTIONS
from support.proxy import Proxy
from support.timing import eventually

pytestmark = pytest.mark.limit(120)

REGISTERING = 12 + 12 * 47 + 8 + 64 * 8  # bytes of answers to greeting, scripts, meta and lease


async def test_members_who_stay_are_never_seen_to_leave(cluster, redis):
    """However often its gateway begins to register, and does not come to the end."""
    options = {**OPTIONS, "lease_ms": 60000}
    async with Proxy(redis.address) as proxy:
        (bad,) = await cluster(1, redis=proxy.url(), **options)
        (good,) = await cluster(1, **options)
        async with crowd([bad, good], 4) as (far, near):
            rooms = {f"{n}.{k}": [c.id] for n, c in enumerate(far) for k in range(100)}
            for n, c in enumerate(far):
                for k in range(100):
                    await c.ok("join", room=f"{n}.{k}", presence=True)
            views = [
                await View.of(c, f"{n}.{k}") for n, c in enumerate(near) for k in range(0, 100, 3)
            ]
            proxy.cuts = [REGISTERING + 4] * 6
            proxy.reset("cmd")
            await eventually(lambda: not proxy.cuts, 10)
            for view in views:
                rooms[view.room].append(view.client.id)
            await all_agree([bad, good], "0.0", rooms["0.0"])
            await registry.settled(redis, {room: len(c) for room, c in rooms.items()})
            for view in views:
                await view.quiet(0.01)
                assert not view.left and not view.joined, (view.room, view.left, view.joined)


async def test_too_many_beginnings_are_taken_back_in_good_order(cluster, redis):
    """More than are remembered: members may be seen to go and to come again, and all is true."""
    options = {**OPTIONS, "lease_ms": 60000}
    async with Proxy(redis.address) as proxy:
        (bad,) = await cluster(1, redis=proxy.url(), **options)
        (good,) = await cluster(1, **options)
        async with crowd([bad, good], 4) as (far, near):
            rooms = {f"{n}.{k}": [c.id] for n, c in enumerate(far) for k in range(100)}
            for n, c in enumerate(far):
                for k in range(100):
                    await c.ok("join", room=f"{n}.{k}", presence=True)
            views = [await View.of(c, f"{n}.0") for n, c in enumerate(near)]
            for view in views:
                rooms[view.room].append(view.client.id)
            proxy.cuts = [REGISTERING + 4] * 11
            proxy.reset("cmd")
            await eventually(lambda: not proxy.cuts, 30)
            await registry.settled(redis, {room: len(c) for room, c in rooms.items()}, 10)
            for view in views:
                await eventually(lambda v=view: shows(v, rooms[v.room]))


async def shows(view, members):
    """Whether these are there, once all is taken that has come."""
    await view.client.ask("ping")
    for f in [f for f in view.client.inbox if f["type"] == "presence" and f["room"] == view.room]:
        view.client.inbox.remove(f)
        view.take(f)
    return set(view.members) == set(members)
