"""The registry under hard use: what a gateway has entered, Redis has, whatever comes between."""

import asyncio

from support import parcel, registry
from support.cluster import FAST, View, crowd
from support.timing import eventually
from support.wsclient import connect

ROOMS = [f"r{i}" for i in range(300)]


async def metric(gateway, name):
    return (await gateway.metrics())(name)


def take_lease(redis, topic):
    """As if somebody had cleared up after the gateway in that partition, but for its members."""
    redis.cli("DEL", f"{{roomcast:{parcel.partition(topic)}}}nodes")


async def test_more_leaves_than_may_wait_are_put_off_and_done(cluster, redis):
    """Three hundred leaves in one turn of the loop, where a hundred commands may wait."""
    (gateway,) = await cluster(1, redis_max_pending=100, topics_per_client=400, **FAST)
    async with connect(gateway) as ann, connect(gateway) as bob:
        for room in ROOMS:
            await ann.ok("join", room=room, presence=True)
            await bob.ok("join", room=room, presence=True)
        await bob.ws.close()
        await registry.settled(redis, dict.fromkeys(ROOMS, 1))
        await ann.ok("join", room="afterwards", presence=True)
        assert "tier.register_again" not in gateway.log()


async def test_a_lost_lease_is_taken_anew_and_nobody_notices(cluster, redis):
    one, two = await cluster(2, **FAST)
    async with crowd([one], 5, user="ann") as (clients,), connect(two) as eve:
        for client in clients:
            await client.ok("join", room="r", presence=True)
        view = await View.of(eve, "r")
        old = registry.read(redis).incarnations()
        take_lease(redis, "room:r")
        await clients[0].ask("leave", room="r")
        await view.step()

        async def anew():
            return await metric(one, "tier_leases_lost_total") == 1

        await eventually(anew)
        found = await registry.settled(redis, {"r": 5})
        assert not any(inc in old for inc in found.topics["room:r"].connections)
        await view.quiet(0.5)
        assert view.left == {clients[0].id: 1} and not view.joined
        assert view.members.keys() == {eve.id, *(c.id for c in clients[1:])}


async def test_joins_in_the_midst_of_a_lost_lease_are_answered_truly(cluster, redis):
    """Whoever is told that he is in, is; whoever is refused, is not."""
    (gateway,) = await cluster(1, **FAST)
    async with crowd([gateway], 60) as (clients,):

        async def join(client, n):
            await asyncio.sleep(n * 0.002)
            if n % 20 == 10:
                take_lease(redis, "room:r")
            return await client.ask("join", room="r", presence=True)

        answers = await asyncio.gather(*(join(c, n) for n, c in enumerate(clients)))
        entered = {c.id for c, a in zip(clients, answers) if a["type"] == "ack"}
        refused = {a["name"] for a in answers if a["type"] == "error"}
        assert refused <= {"unavailable"} and entered
        found = await registry.settled(redis, {"r": len(entered)})
        assert found.topics["room:r"].members.keys() == entered
