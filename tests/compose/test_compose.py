"""A day of a cluster: spread, scaled, hit in three ways, and restarted under its clients."""

import asyncio
import contextlib
import random
import re
import time
from collections import Counter

from follower import all_there, followers, publishing
from stack import command, docker
from support.httpio import request
from support.timing import eventually
from support.wsclient import ClosedByServer, connect, connect_many

LEASE_S = 15  # after which a gateway that is silent counts as gone
DEGRADED_READY_S = 10  # for which a gateway without Redis still calls itself ready
BALANCER_S = 3  # by then the balancer has noticed: its interval is a second, its DNS's too


def by_node(clients):
    return Counter(c.welcome["node"] for c in clients)


async def join_all(clients, room, **more):
    return await asyncio.gather(*(c.ok("join", room=room, timeout=20, **more) for c in clients))


async def says_to_all(speaker, clients, room, mark):
    """The mark reaches every one of them."""
    await speaker.ok("publish", topic=f"room:{room}", event_type="t", payload=mark)

    def mine(f):
        return f["type"] == "event" and f["payload"] == mark

    await asyncio.gather(*(c.next(timeout=10, where=mine) for c in clients))


async def heard_by(them, mark):
    await eventually(lambda: all(f.connections[-1].numbers[-1:] == [mark] for f in them))


async def members_are(balancer, room, n, timeout=30):
    """The room's list, as somebody sees it who has just come, has so many members."""

    async def agreed():
        async with connect(balancer) as eve:
            answer = await eve.ok("presence", room=room)
            return answer["count"] == n

    await eventually(agreed, timeout)


async def test_ninety_clients_are_spread_over_three_gateways_and_all_hear_one_room(cluster):
    each, per_speaker = 30, 20
    async with connect_many(cluster.balancer, 3 * each) as clients:
        spread = by_node(clients)
        assert len(spread) == 3 and min(spread.values()) >= each - 10, spread
        await join_all(clients, "lobby")
        speakers = list({c.welcome["node"]: c for c in clients}.values())

        async def speak(n, speaker):
            for i in range(per_speaker):
                await speaker.ok("publish", topic="room:lobby", event_type="t", payload=[n, i])

        await asyncio.gather(*(speak(n, s) for n, s in enumerate(speakers)))
        heard = [
            [(await c.event(timeout=10))["payload"] for _ in range(3 * per_speaker)]
            for c in clients
        ]
    assert all(h == heard[0] for h in heard), "not one order"
    assert sorted(heard[0]) == [[n, i] for n in range(3) for i in range(per_speaker)]


async def test_the_demo_page_comes_through_the_balancer_and_the_admin_listener_does_not(cluster):
    balancer = cluster.balancer.listen
    page = await request(balancer, "GET", "/")
    assert page.status == 200 and "text/html" in page.headers["content-type"]
    assert (await request(balancer, "GET", "/metrics")).status == 404
    assert (await request(balancer, "POST", "/v1/publish", body={})).status in (404, 405)


async def test_an_operator_sees_who_is_in_a_room_and_on_which_gateway(cluster):
    async with connect_many(cluster.balancer, 12) as clients:
        await join_all(clients, "asked")
        found = await asyncio.to_thread(cluster.ctl, "room", "asked")
        assert {(m["client"], m["node"]) for m in found["clients"]} == {
            (c.id, c.welcome["node"]) for c in clients
        }
        nodes = await asyncio.to_thread(cluster.ctl, "nodes")
        assert {n["node"] for n in nodes} == {await g.node() for g in cluster.gateways()}


async def test_scaled_to_five_all_get_clients_and_back_to_two_nobody_stays_away(cluster):
    cluster.scale(5)
    await cluster.ready(5)
    await asyncio.sleep(BALANCER_S)
    async with followers(cluster.balancer, 60, "scaled") as them:
        spread = Counter(f.node for f in them)
        assert len(spread) == 5 and min(spread.values()) >= 6, spread
        await asyncio.to_thread(cluster.scale, 2)
        await all_there(them)
        left = {await g.node() for g in cluster.gateways()}
        assert len(left) == 2
        await eventually(lambda: {f.node for f in them} <= left, timeout=20)
        absences = [a for f in them for a in f.absences]
        assert {a.code for a in absences} == {1012}, "not sent away in good order"
        assert len(absences) >= 60 * 3 / 5 - 12
        assert max(a.over for a in absences) < 1, sorted(a.over for a in absences)[-5:]
        await members_are(cluster.balancer, "scaled", 60, timeout=10)
        assert await them[0].publish("one cluster")
        await heard_by(them, "one cluster")


async def test_a_killed_gateway_costs_its_clients_a_moment_and_its_members_leave(cluster):
    async with followers(cluster.balancer, 45, "killed") as them, connect(cluster.balancer) as eve:
        victim = next(f.node for f in them if f.node != eve.welcome["node"])
        hit = [f for f in them if f.node == victim]
        docker("kill", (await cluster.gateway_of(victim)).id)
        await eventually(lambda: all(len(f.connections) == 2 for f in hit), timeout=10)
        absences = [a for f in hit for a in f.absences]
        assert {a.code for a in absences} == {1006}
        assert max(a.lasted for a in absences) < 3, sorted(a.lasted for a in absences)[-5:]
        assert not any(f.absences for f in them if f not in hit), "others were disturbed"
        await members_are(cluster.balancer, "killed", 45, timeout=LEASE_S + 15)
        await eve.ok("publish", topic="room:killed", event_type="t", payload="back")
        await heard_by(them, "back")


async def test_a_paused_gateway_is_passed_over_and_knows_its_clients_again(cluster):
    async with connect_many(cluster.balancer, 30) as clients:
        await join_all(clients, "paused", presence=True)
        victim = clients[0].welcome["node"]
        asleep = [c for c in clients if c.welcome["node"] == victim]
        awake = [c for c in clients if c.welcome["node"] != victim]
        gateway = await cluster.gateway_of(victim)
        docker("pause", gateway.id)
        try:
            await asyncio.sleep(BALANCER_S)
            async with connect_many(cluster.balancer, 12) as others:
                assert victim not in by_node(others)
                await says_to_all(others[0], awake, "paused", "while it sleeps")
            await members_are(cluster.balancer, "paused", len(awake))
        finally:
            docker("unpause", gateway.id)
        await members_are(cluster.balancer, "paused", len(clients))
        assert (await gateway.metrics())("tier_leases_lost_total") == 1
        await asyncio.sleep(BALANCER_S)
        await says_to_all(awake[0], clients, "paused", "awake again")
        assert asleep, "nobody was on it"


async def test_cut_off_from_redis_a_gateway_keeps_its_clients_and_gets_no_new_ones(cluster):
    async with connect_many(cluster.balancer, 30) as clients:
        await join_all(clients, "cut", presence=True)
        victim = clients[0].welcome["node"]
        inside = [c for c in clients if c.welcome["node"] == victim]
        outside = [c for c in clients if c.welcome["node"] != victim]
        gateway = await cluster.gateway_of(victim)
        gateway.cut_off()
        try:
            lost = await inside[0].ask(
                "publish", topic="room:cut", event_type="t", payload=0, timeout=10
            )
            assert lost["type"] == "error" and lost["name"] in ("unavailable", "uncertain"), lost
            await says_to_all(outside[0], outside, "cut", "without them")

            async def not_ready():
                return await gateway.status("/readyz") == 503

            await eventually(not_ready, timeout=DEGRADED_READY_S + 5)
            await asyncio.sleep(BALANCER_S)
            async with connect_many(cluster.balancer, 12) as others:
                assert victim not in by_node(others)
            await members_are(cluster.balancer, "cut", len(outside))
        finally:
            gateway.connect()

        async def ready():
            return await gateway.status("/readyz") == 200

        await eventually(ready, timeout=10)
        for c in inside:
            gap = await c.next("gap", timeout=10)
            assert gap["topics"] == "*" and gap["reason"] == "tier", gap
        await members_are(cluster.balancer, "cut", len(clients))
        await says_to_all(outside[1], clients, "cut", "whole again")


def holes(connection, acked):
    """Numbers that the publisher knows to be sent, and that this connection missed in between."""
    if not connection.numbers:
        return set()
    between = range(connection.numbers[0], connection.numbers[-1] + 1)
    return set(between) & acked - set(connection.numbers)


async def test_every_gateway_is_restarted_and_three_hundred_clients_hardly_notice(cluster):
    before = {await g.node() for g in cluster.gateways()}
    async with followers(cluster.balancer, 300, "rolling") as them, publishing(them[0]) as speaker:
        await asyncio.sleep(1)
        said = await asyncio.to_thread(command, "deploy/rolling-restart.sh")
        assert len(re.findall("replaced by", said)) == 3, said
        await all_there(them)
        await asyncio.sleep(1)
        last = speaker.acked[-1]
        await eventually(lambda: all(f.connections[-1].numbers[-1:] >= [last] for f in them))
    after = {await g.node() for g in cluster.gateways()}
    assert len(after) == 3 and not before & after
    absences = [a for f in them for a in f.absences]
    assert all(f.absences for f in them), "somebody was never sent away"
    assert {a.code for a in absences} == {1012}, Counter(a.code for a in absences)
    assert all(a.announced is not None for a in absences)
    over = sorted(a.over for a in absences)
    print(
        f"{len(absences)} times away; longer than announced by at most {over[-1]:.2f} s, "
        f"median {over[len(over) // 2]:.3f} s; away at most {max(a.lasted for a in absences):.2f} s; "
        f"{len(speaker.acked)} published, {len(speaker.failed)} not acknowledged"
    )
    assert over[-1] < 1, over[-5:]
    acked = set(speaker.acked)
    connections = [c for f in them for c in f.connections]
    assert not any(holes(c, acked) or c.gaps for c in connections), "messages were missed unsaid"
    assert all(c.numbers == sorted(set(c.numbers)) for c in connections), "not in order, or twice"
