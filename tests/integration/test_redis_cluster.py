"""Three gateways on one Redis behave like one: topics, order, presence, answers."""

import asyncio
import random
from collections import defaultdict

import pytest
from support import registry
from support.cluster import FAST, View, all_agree, crowd, ids, list_of, post
from support.timing import eventually
from support.wsclient import connect

ROOMS = 10
SEED = 7


# ---- messages ----


async def test_everybody_gets_exactly_the_right_messages_in_one_order(cluster):
    """3 × 30 clients in 3 of 10 rooms each; 6 publishers, 150 messages each."""
    chance = random.Random(SEED)
    gateways = await cluster(3, **FAST)
    async with crowd(gateways, 30) as groups, crowd(gateways, 2) as publishers:
        clients = [c for group in groups for c in group]
        rooms = {c: chance.sample(range(ROOMS), 3) for c in clients}
        await asyncio.gather(*(c.ok("join", rooms=[f"r{r}" for r in rooms[c]]) for c in clients))

        sent = defaultdict(set)
        plans = [
            [(chance.randrange(ROOMS), (who, n)) for n in range(150)] for who in range(6)
        ]
        for plan in plans:
            for room, message in plan:
                sent[room].add(message)

        async def talk(client, plan):
            for room, message in plan:
                await client.ok("publish", topic=f"room:r{room}", event_type="t", payload=message)

        async def listen(client):
            """What it got, by room."""
            got = defaultdict(list)
            for _ in range(sum(len(sent[r]) for r in rooms[client])):
                event = await client.event(timeout=20)
                got[int(event["topic"].removeprefix("room:r"))].append(tuple(event["payload"]))
            return got

        talkers = [c for group in publishers for c in group]
        *heard, _ = await asyncio.gather(
            *(listen(c) for c in clients),
            asyncio.gather(*(talk(c, plan) for c, plan in zip(talkers, plans))),
        )
        orders = {}
        for client, got in zip(clients, heard):
            assert sorted(got) == sorted(rooms[client])
            for room, order in got.items():
                assert order == orders.setdefault(room, order), f"another order in r{room}"
        for room, order in orders.items():
            assert len(order) == len(sent[room]) and set(order) == sent[room]
            for who in range(6):
                numbers = [n for w, n in order if w == who]
                assert numbers == sorted(numbers), "one publisher's messages changed their order"
        for client in talkers:
            await client.silent("event", 0.01)
        for client in clients:
            await client.silent("event", 0.01)


@pytest.mark.parametrize("kind", ["room", "event", "user", "client", "all"])
async def test_every_kind_of_topic_reaches_across_gateways(cluster, kind):
    gateways = await cluster(3)
    async with connect(gateways[0], user="ann") as ann, connect(gateways[1]) as bob:
        async with connect(gateways[2], user="ann") as again, connect(gateways[2]) as eve:
            for client in (ann, again):
                await client.ok("join", room="r")
                await client.ok("subscribe", events=["t"])
            topic = {"room": "room:r", "event": "event:t", "user": "user:ann", "all": "all"}.get(
                kind, f"client:{again.id}"
            )
            await bob.ok("publish", topic=topic, event_type="t", payload={"n": 1})
            receivers = {"client": [again], "all": [ann, again, eve, bob]}.get(kind, [ann, again])
            for client in receivers:
                event = await client.event()
                assert (event["topic"], event["payload"]) == (topic, {"n": 1})
                assert event["from"] == {"client": bob.id}
            for client in {ann, again, eve, bob}.difference(receivers):
                await client.silent("event", 0.1)


async def test_echo_false_leaves_out_the_sender_alone(cluster):
    gateways = await cluster(2)
    async with connect(gateways[0]) as ann, connect(gateways[1]) as bob:
        for client in (ann, bob):
            await client.ok("join", room="r")
        await ann.ok("publish", topic="room:r", event_type="t", payload=1, echo=False)
        await ann.ok("publish", topic="room:r", event_type="t", payload=2)
        assert [(await bob.event())["payload"] for _ in range(2)] == [1, 2]
        assert (await ann.event())["payload"] == 2


async def test_a_payload_crosses_redis_byte_for_byte(cluster):
    gateways = await cluster(2)
    raw = '{ "n":1234567890123456789 , "x":1.0,"e":1e400, "s":"\\u0041 ä" }'
    async with connect(gateways[0]) as ann, connect(gateways[1]) as bob:
        await ann.ok("join", room="r")
        head = '{"type":"publish","topic":"room:r","event_type":"t","payload":'
        await bob.send_text(head + raw + "}")
        assert f'"payload":{raw}' in (await ann.event()).text


async def test_big_and_small_messages_keep_one_order(cluster):
    gateways = await cluster(2, **FAST)
    sizes = [10, 100000, 1, 16384, 3, 900000, 65536]
    async with connect(gateways[0]) as ann, connect(gateways[1]) as bob:
        await ann.ok("join", room="r")
        for n in range(21):
            payload = [n, "x" * sizes[n % len(sizes)]]
            await bob.send("publish", topic="room:r", event_type="t", payload=payload)
        for n in range(21):
            number, filling = (await ann.event(timeout=10))["payload"]
            assert number == n and len(filling) == sizes[n % len(sizes)]


async def test_what_is_said_behind_a_join_is_heard_whoever_says_it(cluster):
    """`ack` of the join is the point from which nothing is missed, on every gateway."""
    gateways = await cluster(2, **FAST)
    async with connect(gateways[0]) as ann, connect(gateways[1]) as bob:
        for n in range(50):
            await ann.ok("join", room=f"r{n}")
            await bob.send("publish", topic=f"room:r{n}", event_type="t", payload=n)
            assert (await ann.event())["payload"] == n


# ---- answers ----


@pytest.mark.parametrize(
    ("topic", "nodes", "receivers"),
    [
        ("room:r", 2, 3),
        ("event:t", 1, 1),
        ("user:ann", 2, 2),
        ("all", 3, 4),
        ("room:empty", 0, 0),
    ],
)
async def test_a_publish_says_how_many_took_it(cluster, topic, nodes, receivers):
    gateways = await cluster(3)
    async with connect(gateways[0], user="ann") as ann, connect(gateways[1], user="ann") as two:
        async with connect(gateways[1]) as bob, connect(gateways[2]) as eve:
            for client in (ann, two, bob):
                await client.ok("join", room="r")
            await eve.ok("subscribe", events=["t"])
            for gateway in gateways:
                answer = await post(gateway, topic)
                assert answer.status == 200
                assert answer.json == {"nodes": nodes, "receivers": receivers}


async def test_a_key_is_known_to_every_gateway(cluster):
    gateways = await cluster(2)
    async with connect(gateways[0], user="ann") as one, connect(gateways[1], user="ann") as two:
        await one.ok("join", room="r")
        said = {"topic": "room:r", "event_type": "t", "key": "k"}
        first = await one.ok("publish", payload=1, **said)
        again = await two.ok("publish", payload=2, **said)
        assert not first.get("duplicate") and again["duplicate"] is True
        await two.ok("publish", payload=3, **{**said, "key": "another"})
        assert [(await one.event())["payload"] for _ in range(2)] == [1, 3]
        assert not (await post(gateways[0], "room:r", 4, key="k")).json.get("duplicate")
        assert (await post(gateways[1], "room:r", 5, key="k")).json["duplicate"] is True
        await post(gateways[1], "room:r", 6)
        assert [(await one.event())["payload"] for _ in range(2)] == [4, 6]


async def test_a_key_raced_for_on_all_gateways_is_sent_once(cluster):
    gateways = await cluster(3)
    async with connect(gateways[0]) as ann:
        await ann.ok("join", room="r")
        for n in range(20):
            answers = await asyncio.gather(*(post(g, "room:r", n, key=f"k{n}") for g in gateways))
            assert sum(1 for a in answers if not a.json.get("duplicate")) == 1
        await post(gateways[0], "room:r", "end")
        assert [(await ann.event())["payload"] for _ in range(21)] == [*range(20), "end"]


async def test_a_client_of_a_node_that_does_not_exist_is_gone(cluster):
    gateways = await cluster(2)
    async with connect(gateways[0]) as ann, connect(gateways[1]) as bob:
        answer = await post(gateways[0], f"client:{bob.id}", 1)
        assert answer.json == {"nodes": 1, "receivers": 1}
        assert (await bob.event())["payload"] == 1
        nowhere = "client:" + "zzzzzzzz" + bob.id[8:]
        for gateway in gateways:
            answer = await post(gateway, nowhere)
            assert answer.status == 404 and answer.json["error"]["name"] == "gone"
        await ann.refused("gone", "publish", topic=nowhere, event_type="t", payload=1)


async def test_a_confirmation_comes_back_across_gateways(cluster):
    gateways = await cluster(2)
    async with connect(gateways[0]) as ann, connect(gateways[1], user="bob") as bob:
        for topic in (f"client:{bob.id}", "user:bob"):
            answer = await ann.ok("publish", topic=topic, event_type="t", payload=1, ack=True)
            event = await bob.event()
            await bob.send("ack", ids=[event["id"]])
            acked = await ann.next("acked")
            assert acked["by"] == {"client": bob.id, "user": "bob"}
            assert acked["id"] == answer["id"]


# ---- presence ----


async def test_a_list_names_the_members_of_every_gateway(cluster):
    gateways = await cluster(3)
    async with connect(gateways[0], user="ann") as ann, connect(gateways[1], user="ann") as two:
        async with connect(gateways[2]) as bob:
            await ann.ok("join", room="r", presence=True, info={"n": 1.0})
            await two.ok("join", room="r", presence=True)
            answer = await bob.ok("join", room="r", presence=True)
            members = {m["client"]: m for m in answer["members"]}
            assert members == {
                ann.id: {"client": ann.id, "user": "ann", "info": {"n": 1.0}},
                two.id: {"client": two.id, "user": "ann"},
                bob.id: {"client": bob.id},
            }
            assert '"info":{"n": 1.0}' in answer.text
            assert answer["count"] == 3
            everywhere = [await list_of(g, "r") for g in gateways]
            assert all(a["rev"] == answer["rev"] for a in everywhere)
            assert all(ids(a["members"]) == ids(answer["members"]) for a in everywhere)
            assert len({a["users"] for a in everywhere}) == 1


async def test_users_come_with_the_first_connection_anywhere_and_go_with_the_last(cluster):
    gateways = await cluster(3)
    async with connect(gateways[2]) as eve, connect(gateways[0], user="ann") as one:
        view = await View.of(eve, "r")
        await one.ok("join", room="r", presence=True)
        assert (await view.step())["users_joined"] == ["ann"]
        async with connect(gateways[1], user="ann") as two:
            await two.ok("join", room="r", presence=True)
            notice = await view.step()
            assert ids(notice["joined"]) == [two.id] and not notice.get("users_joined")
            await one.ok("leave", room="r")
            notice = await view.step()
            assert ids(notice["left"]) == [one.id] and not notice.get("users_left")
        notice = await view.step()
        assert ids(notice["left"]) == [two.id] and notice["users_left"] == ["ann"]
        assert (notice["count"], notice["users"]) == (1, view.users)


async def test_rev_grows_by_one_with_every_change_on_any_gateway(cluster):
    """Random comings and goings on three gateways; a watcher on each agrees at every step."""
    chance = random.Random(SEED)
    gateways = await cluster(3, max_rate=100000)
    async with crowd(gateways, 1) as watchers, crowd(gateways, 4, user="ann") as others:
        views = [await View.of(w, "r") for (w,) in watchers]
        for view in views:
            await view.until([w.id for (w,) in watchers])
        inside = set()
        for _ in range(150):
            client = chance.choice(chance.choice(others))
            await client.send("leave" if client in inside else "join", room="r", presence=True)
            inside ^= {client}
            if chance.random() < 0.2:
                await asyncio.sleep(0.03)
        await asyncio.gather(*(c.ok("leave", room="none") for group in others for c in group))
        wanted = [w.id for (w,) in watchers] + [c.id for c in inside]
        truth = await all_agree(gateways, "r", wanted)
        for view in views:
            while view.rev < truth["rev"]:
                await view.step()
            assert view.rev == truth["rev"] and sorted(view.members) == sorted(wanted)
            edges = view.users_joined["ann"] - view.users_left["ann"]
            assert edges == (1 if inside else 0)


async def test_a_full_room_is_full_on_every_gateway(cluster):
    gateways = await cluster(2, max_members=3)
    async with crowd(gateways, 2) as ((a, b), (c, d)):
        for client in (a, c, b):
            await client.ok("join", room="r")
        await d.refused("room_full", "join", room="r")
        await a.ok("leave", room="r")
        await eventually(lambda: joined(d))
        assert (await post(gateways[0], "room:r")).json["receivers"] == 3


async def joined(client):
    return (await client.ask("join", room="r"))["type"] == "ack"


async def test_the_keys_in_redis_tell_the_same_as_the_gateways(cluster, redis):
    gateways = await cluster(2)
    async with connect(gateways[0], user="ann") as ann, connect(gateways[1]) as bob:
        await ann.ok("join", room="r", presence=True, info=[1])
        await bob.ok("join", rooms=["r", "s"])
        found = registry.read(redis)
        found.check()
        assert found.rooms() == {"r": 2, "s": 1}
        room = found.topics["room:r"]
        assert room.members == {ann.id: ("ann", b"[1]")}
        assert room.rev == (await list_of(gateways[1], "r"))["rev"]
        nodes = {inc[:8] for inc in found.incarnations()}
        assert nodes == {ann.id[:8], bob.id[:8]}


async def test_sessions_that_go_leave_nothing_in_redis(cluster, redis):
    gateways = await cluster(2)
    async with crowd(gateways, 10, user="ann") as groups:
        for group in groups:
            for n, client in enumerate(group):
                await client.ok("join", rooms=["r", f"own{n}"], presence=n % 2 == 0)
                await client.ok("subscribe", events=["t"])
        assert registry.read(redis).rooms()["r"] == 20

    await registry.settled(redis, {})
    everywhere = registry.read(redis).topics
    assert all(name == "all" or not t.owners for name, t in everywhere.items())
