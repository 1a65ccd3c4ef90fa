"""The HTTP API over three gateways on one Redis: any of them answers for all."""

import asyncio
import contextlib
import random
import signal
import time

import pytest
from support.api import Api, assert_refused
from support.cluster import FAST, crowd, ids
from support.timing import eventually, seconds
from support.wsclient import connect

OPTIONS = {**FAST, "redis_timeout_ms": 1000}


def node_of(client):
    return client.id.split("-")[0]


def names(entries, key="name"):
    return [e[key] for e in entries]


async def same_everywhere(gateways, *segments, **query):
    """What each of them answers; but for times it is the same."""
    return await asyncio.gather(*(Api(g).get(*segments, **query) for g in gateways))


@contextlib.contextmanager
def stopped(gateway):
    """It answers nobody, and has not noticed yet."""
    gateway.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        gateway.process.send_signal(signal.SIGCONT)


# ---- lists ----


async def test_rooms_are_listed_with_their_counts(cluster):
    gateways = await cluster(3, **OPTIONS)
    async with crowd(gateways, 2) as clients:
        for i, those in enumerate(clients):
            for c in those:
                await c.ok("join", rooms=["lobby", f"team-{i}"])
        await clients[0][0].ok("join", rooms=["alone"])
        for g in gateways:
            rooms = (await Api(g).get("rooms"))["rooms"]
            assert rooms == [
                {"name": "alone", "members": 1, "gateways": 1},
                {"name": "lobby", "members": 6, "gateways": 3},
                {"name": "team-0", "members": 2, "gateways": 1},
                {"name": "team-1", "members": 2, "gateways": 1},
                {"name": "team-2", "members": 2, "gateways": 1},
            ]
            assert names((await Api(g).get("rooms", prefix="team"))["rooms"]) == [
                f"team-{i}" for i in range(3)
            ]
            assert names((await Api(g).get("rooms", glob="*o*"))["rooms"]) == ["alone", "lobby"]
            assert names((await Api(g).get("rooms", glob="team-?"))["rooms"]) == [
                f"team-{i}" for i in range(3)
            ]
            assert (await Api(g).get("rooms", prefix="nothing"))["rooms"] == []

    async def empty():
        return (await Api(gateways[0]).get("rooms"))["rooms"] == []

    await eventually(empty)


async def test_long_lists_come_in_pages(cluster):
    gateways = await cluster(2, topics_per_client=500, **OPTIONS)
    chance = random.Random(1)
    rooms = sorted(f"{chance.choice('abc')}{n}" for n in range(250))
    async with crowd(gateways, 12) as clients:
        await clients[0][0].ok("join", rooms=rooms[:150])
        await clients[1][0].ok("join", rooms=rooms[100:])
        for c in clients[0] + clients[1]:
            await c.ok("join", room="zz")
        for limit in (1, 7, 250, 251, 252, 1000):
            found = await Api(gateways[0]).pages("rooms", of="rooms", limit=limit)
            assert names(found) == rooms + ["zz"], limit
        globbed = await Api(gateways[1]).pages("rooms", of="rooms", limit=5, glob="*1?")
        assert names(globbed) == [r for r in rooms if r[-2] == "1"]
        everybody = sorted(c.id for c in clients[0] + clients[1])
        for limit in (1, 5, 24, 25):
            for path in (("clients",), ("rooms", "zz")):
                found = await Api(gateways[1]).pages(*path, of="clients", limit=limit)
                assert names(found, "client") == everybody, (path, limit)
        mine = await Api(gateways[1]).pages(
            "clients", of="clients", limit=5, node=node_of(clients[0][0])
        )
        assert names(mine, "client") == sorted(c.id for c in clients[0])


# ---- one of each ----


async def test_a_room_is_shown_with_its_members(cluster):
    gateways = await cluster(3, **OPTIONS)
    async with connect(gateways[0], user="ann") as ann, connect(
        gateways[1], user="ann"
    ) as again, connect(gateways[1]) as bob:
        await ann.ok("join", room="r", presence=True, info={"mood": "good"})
        await again.ok("join", room="r", presence=True)
        await bob.ok("join", room="r")
        for room in await same_everywhere(gateways, "rooms", "r"):
            assert (room["name"], room["members"], room["gateways"]) == ("r", 3, 2)
            assert (room["visible"], room["users"]) == (2, 1)
            assert room["rev"] > 0 and "unanswered" not in room
            by_id = {c["client"]: c for c in room["clients"]}
            assert list(by_id) == sorted([ann.id, again.id, bob.id])
            assert by_id[ann.id]["info"] == {"mood": "good"}
            assert by_id[ann.id]["presence"] is True and by_id[bob.id]["presence"] is False
            assert by_id[again.id]["user"] == "ann" and "user" not in by_id[bob.id]
            assert by_id[bob.id]["node"] == node_of(bob)
            assert by_id[bob.id]["address"] == "127.0.0.1"
    for g in gateways:
        await Api(g).refused(404, "rooms", "nobody-here", name="gone")


async def test_a_user_is_shown_with_all_connections(cluster):
    gateways = await cluster(3, **OPTIONS)
    async with connect(gateways[0], user="ann") as a, connect(gateways[2], user="ann") as b, connect(
        gateways[1], user="bob"
    ):
        for user in await same_everywhere(gateways, "users", "ann"):
            assert (user["user"], user["connections"]) == ("ann", 2)
            assert names(user["clients"], "client") == sorted([a.id, b.id])
        await Api(gateways[0]).refused(404, "users", "eve", name="gone")


async def test_a_client_is_shown_with_topics_and_counters(cluster):
    gateways = await cluster(3, **OPTIONS)
    async with connect(gateways[1], user="ann") as ann:
        await ann.ok("join", rooms=["r", "s"])
        await ann.ok("subscribe", events=["e"])
        await ann.refused("unknown_type", "nonsense")
        for n in range(5):
            await Api(gateways[0]).post(
                "publish", body={"topic": "room:r", "event_type": "t", "payload": n}
            )
            await ann.event()
        for c in await same_everywhere(gateways, "clients", ann.id):
            assert (c["client"], c["user"], c["node"]) == (ann.id, "ann", node_of(ann))
            assert c["state"] == "connected" and c["connected_ms"] >= c["silent_ms"]
            assert {"room:r", "room:s", "event:e"} <= set(c["topics"])
            assert c["topics_count"] == len(c["topics"])
            assert c["queue"] == {"messages": 0, "bytes": 0, "control_messages": 0}
            assert c["counters"]["frames_received"] == 3
            assert c["counters"]["errors"] == 1
            assert c["counters"]["messages_sent"] >= 5 + 4
        for g in gateways:
            await Api(g).refused(404, "clients", ann.id[:-1] + "?", name="not_found")
            await Api(g).refused(404, "clients", f"{node_of(ann)}-nobody", name="gone")
            await Api(g).refused(404, "clients", "aaaaaaaa-nobody", name="gone")
            await Api(g).refused(404, "clients", "x", name="gone")

    async def gone():
        answers = [await Api(g).ask("GET", f"/v1/clients/{ann.id}") for g in gateways]
        return all(a.status == 404 for a in answers)

    await eventually(gone)


async def test_nodes_and_stats_speak_of_all(cluster):
    gateways = await cluster(3, **OPTIONS)
    async with crowd(gateways, 2) as clients:
        for those in clients:
            await those[0].ok("join", room="r")
        for i, g in enumerate(gateways):
            nodes = (await Api(g).get("nodes"))["nodes"]
            assert names(nodes, "node") == sorted(node_of(c[0]) for c in clients)
            assert [n["node"] for n in nodes if n["self"]] == [node_of(clients[i][0])]
            for n in nodes:
                assert (n["connections"], n["state"], n["ready"]) == (2, "ok", True)
                assert n["tier"] == {"name": "redis", "up": True}
                assert abs(n["wall_ms"] / 1000 - time.time()) < seconds(5)
            stats = await Api(g).get("stats")
            assert (stats["nodes"], stats["connections"], stats["rooms_local"]) == (3, 6, 3)
            assert stats["totals"]["connections_opened"] == 6
            assert sum(n["totals"]["connections_opened"] for n in stats["per_node"]) == 6
            assert sorted(names(stats["per_node"], "node")) == names(nodes, "node")


# ---- who does not answer ----


async def test_a_gateway_that_does_not_answer_is_named(cluster):
    gateways = await cluster(3, lease_ms=60000, **OPTIONS)
    async with crowd(gateways, 1) as ((ann,), (bob,), (eve,)):
        for c in (ann, bob, eve):
            await c.ok("join", room="r", presence=True)
        silent = node_of(eve)
        with stopped(gateways[2]):
            begun = time.monotonic()
            api = Api(gateways[0])
            room, clients, nodes, stats = await asyncio.gather(
                api.get("rooms", "r"), api.get("clients"), api.get("nodes"), api.get("stats")
            )
            assert 0.9 < time.monotonic() - begun < seconds(3)
            for answer in (room, clients, nodes, stats):
                assert answer["unanswered"] == [silent]
            assert room["members"] == 3 and room["gateways"] == 3
            assert {ann.id, bob.id} <= set(names(room["clients"], "client"))
            assert names(clients["clients"], "client") == sorted([ann.id, bob.id])
            assert silent not in names(stats["per_node"], "node") and stats["nodes"] == 2
            assert names((await api.get("rooms"))["rooms"]) == ["r"]
            await api.refused(504, "clients", eve.id, name="uncertain")
            gone = await api.ask("POST", f"/v1/clients/{eve.id}/disconnect", {})
            assert_refused(gone, 504, "uncertain")
        assert "unanswered" not in await Api(gateways[0]).get("nodes")


async def test_an_answer_may_take_longer_than_a_handshake(cluster):
    options = {**OPTIONS, "redis_timeout_ms": 2500, "handshake_timeout_ms": 1000}
    gateways = await cluster(2, lease_ms=60000, **options)
    with stopped(gateways[1]):
        assert len((await Api(gateways[0]).get("nodes"))["unanswered"]) == 1


async def test_without_redis_lists_are_refused_and_the_rest_is_said(cluster, redis):
    gateways = await cluster(2, **OPTIONS)
    redis.kill()

    async def refused():
        return (await Api(gateways[0]).ask("GET", "/v1/rooms")).status == 503

    await eventually(refused)
    assert_refused(await Api(gateways[0]).ask("GET", "/v1/rooms"), 503, "unavailable")
    assert (await gateways[0].http("GET", "/livez")).status == 200
    assert (await Api(gateways[0]).ask("GET", "/v1/config")).status == 200
    redis.restart()

    async def back():
        return (await Api(gateways[0]).ask("GET", "/v1/rooms")).status == 200

    await eventually(back, timeout=10)


# ---- orders ----


async def test_a_client_is_disconnected_wherever_it_is(cluster):
    gateways = await cluster(3, **OPTIONS)
    for asked, at in ((0, 0), (0, 2)):
        async with connect(gateways[at]) as ann, connect(gateways[at]) as bob:
            done = await Api(gateways[asked]).post("clients", ann.id, "disconnect")
            assert done == {"disconnected": 1}
            assert await ann.closed() == 4003
            await bob.ok("join", room="r")
            await Api(gateways[asked]).refused(
                404, "clients", ann.id, "disconnect", body={}, name="gone"
            )


async def test_a_user_is_disconnected_everywhere(cluster):
    gateways = await cluster(3, **OPTIONS)
    async with contextlib.AsyncExitStack() as stack:
        ann = [await stack.enter_async_context(connect(g, user="ann")) for g in gateways]
        bob = await stack.enter_async_context(connect(gateways[1], user="bob"))
        assert await Api(gateways[1]).post("users", "ann", "disconnect") == {"disconnected": 3}
        assert [await c.closed() for c in ann] == [4003] * 3
        await bob.ok("join", room="r")
        await Api(gateways[1]).refused(404, "users", "eve", "disconnect", body={}, name="gone")


async def test_a_room_is_disconnected_everywhere(cluster):
    gateways = await cluster(3, **OPTIONS)
    async with crowd(gateways, 2) as clients:
        for ann, bob in clients:
            await ann.ok("join", room="r")
            await bob.ok("join", room="s")
        assert await Api(gateways[0]).post("rooms", "r", "disconnect") == {"disconnected": 3}
        for ann, bob in clients:
            assert await ann.closed() == 4003
            await bob.ok("join", room="t")
        await Api(gateways[0]).refused(404, "rooms", "empty", "disconnect", body={}, name="gone")


@pytest.mark.parametrize("by", ["client", "user"])
async def test_who_is_kicked_leaves_that_room_only_and_may_come_again(cluster, by):
    gateways = await cluster(3, **OPTIONS)
    async with connect(gateways[2], user="ann") as ann, connect(gateways[1], user="bob") as bob:
        await ann.ok("join", rooms=["r", "s"])
        await bob.ok("join", room="r", presence=True)
        who = {by: ann.id if by == "client" else "ann"}
        assert await Api(gateways[0]).post("rooms", "r", "kick", body=who) == {"kicked": 1}
        left = await ann.next("left")
        assert (left["topic"], left["room"], left["reason"]) == ("room:r", "r", "kicked")
        room = await Api(gateways[1]).get("rooms", "r")
        assert names(room["clients"], "client") == [bob.id]
        for topic in ("room:r", "room:s"):
            await Api(gateways[0]).post(
                "publish", body={"topic": topic, "event_type": "t", "payload": topic}
            )
        assert (await ann.event())["payload"] == "room:s"
        await Api(gateways[0]).refused(404, "rooms", "r", "kick", body=who, name="gone")
        listed = await ann.ok("join", room="r", presence=True)
        assert ids(listed["members"]) == sorted([ann.id, bob.id])


async def test_a_gateway_is_drained_from_another_one(cluster):
    gateways = await cluster(3, drain_grace_ms=300, **OPTIONS)
    async with connect(gateways[1]) as ann, connect(gateways[0]) as bob:
        node = node_of(ann)
        answer = await Api(gateways[0]).post("nodes", node, "drain", status=202)
        assert answer == {"node": node, "draining": True}
        gateways[1].ending = True  # it is not to be stopped any more
        assert (await gateways[1].http("GET", "/readyz")).status == 503
        again = await Api(gateways[0]).post("nodes", node, "drain", status=202)
        assert again == answer
        assert (await ann.next("reconnect"))["type"] == "reconnect"
        assert await ann.closed() == 1012
        assert await asyncio.to_thread(gateways[1].wait) == 0
        await bob.ok("join", room="r")

        async def two():
            nodes = await Api(gateways[0]).get("nodes")
            return len(nodes["nodes"]) == 2 and "unanswered" not in nodes

        await eventually(two)
        await Api(gateways[0]).refused(404, "nodes", node, "drain", body={}, name="gone")


async def test_a_gateway_drains_itself(start):
    gateway = start()
    async with connect(gateway) as ann:
        node = node_of(ann)
        assert await Api(gateway).post("nodes", node, "drain", status=202)
        gateway.ending = True
        assert await ann.closed() == 1012
    assert await asyncio.to_thread(gateway.wait) == 0


async def test_many_questions_at_once_are_bounded_and_each_is_answered(cluster):
    gateways = await cluster(2, **OPTIONS)
    answers = await asyncio.gather(*(Api(gateways[0]).ask("GET", "/v1/nodes") for _ in range(100)))
    found = [a.status for a in answers]
    assert set(found) <= {200, 503} and found.count(200) >= 16
    for a in answers:
        if a.status == 503:
            assert_refused(a, 503, "overloaded")
    assert len((await Api(gateways[0]).get("nodes"))["nodes"]) == 2
