"""publish to each kind of topic, its fields, keys and confirmations (PROTOCOL.md, section 3)."""

import time

import pytest
from support.wsclient import connect


async def mark(client, topic, payload="mark", **more):
    """A message of its own in the same topic: what comes before it has come."""
    await client.ok("publish", topic=topic, event_type="mark", payload=payload, **more)


async def test_an_event_says_what_where_when_and_by_whom(gateway):
    async with connect(gateway, user="ann") as ann, connect(gateway) as bob:
        await ann.ok("join", room="r")
        before = time.time() * 1000
        await ann.ok("publish", topic="room:r", event_type="chat", payload={"a": [1, None]})
        await bob.ok("publish", topic="room:r", event_type="chat", payload=None)
        mine, his = await ann.event(), await ann.event()
        assert set(mine) == {"type", "topic", "event_type", "payload", "ts", "from"}
        assert (mine["topic"], mine["event_type"]) == ("room:r", "chat")
        assert mine["payload"] == {"a": [1, None]}
        assert isinstance(mine["ts"], int) and before - 5 <= mine["ts"] <= time.time() * 1000 + 5
        assert mine["from"] == {"client": ann.id, "user": "ann"}
        assert his["from"] == {"client": bob.id}
        assert "payload" in his and his["payload"] is None


# ---- topics ----


async def test_to_a_user_reaches_all_of_its_connections(gateway):
    async with connect(gateway, user="ann") as one, connect(gateway, user="ann") as two:
        async with connect(gateway, user="bob") as bob, connect(gateway) as nobody:
            await bob.ok("publish", topic="user:ann", event_type="t", payload=1)
            await mark(bob, "user:bob")
            assert (await one.event())["payload"] == 1
            assert (await two.event())["payload"] == 1
            assert (await bob.event())["event_type"] == "mark"
            await nobody.silent("event", 0.1)


async def test_to_a_client_reaches_that_connection_only(gateway):
    async with connect(gateway, user="ann") as one, connect(gateway, user="ann") as two:
        await two.ok("publish", topic=f"client:{one.id}", event_type="t", payload=1)
        await mark(one, f"client:{two.id}")
        event = await one.event()
        assert event["payload"] == 1 and event["topic"] == f"client:{one.id}"
        assert (await two.event())["event_type"] == "mark"


async def test_to_all_reaches_everybody(gateway):
    async with connect(gateway) as ann, connect(gateway, user="b") as bob, connect(gateway) as eve:
        await eve.ok("join", room="r")
        await ann.ok("publish", topic="all", event_type="t", payload=1)
        for client in (ann, bob, eve):
            event = await client.event()
            assert event["topic"] == "all" and event["payload"] == 1


async def test_a_message_nobody_listens_to_is_accepted(gateway):
    async with connect(gateway) as ann:
        for topic in ("room:empty", "event:none", "user:nobody"):
            await ann.ok("publish", topic=topic, event_type=topic.partition(":")[2], payload=1)


async def test_a_client_that_never_was_is_gone(gateway):
    async with connect(gateway) as ann:
        await ann.refused("gone", "publish", topic="client:nobody", event_type="t", payload=1)
        gone = ann.id[:-1] + ("a" if ann.id[-1] != "a" else "b")  # of this very node
        await ann.refused("gone", "publish", topic=f"client:{gone}", event_type="t", payload=1)


async def test_a_client_that_has_left_is_gone(gateway):
    async with connect(gateway) as ann:
        async with connect(gateway) as bob:
            await ann.ok("publish", topic=f"client:{bob.id}", event_type="t", payload=1)
        await ann.refused("gone", "publish", topic=f"client:{bob.id}", event_type="t", payload=1)


async def test_one_need_not_have_joined_to_publish(gateway):
    async with connect(gateway) as ann, connect(gateway) as bob:
        await ann.ok("join", room="r")
        await bob.ok("publish", topic="room:r", event_type="t", payload=1)
        assert (await ann.event())["payload"] == 1
        await mark(ann, "room:r")
        await bob.silent("event", 0.1)


# ---- fields ----


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "missing_field"),
        ({"topic": "room:r", "event_type": "t"}, "missing_field"),
        ({"topic": "room:r", "payload": 1}, "missing_field"),
        ({"event_type": "t", "payload": 1}, "missing_field"),
        ({"topic": "user:u", "payload": 1}, "missing_field"),
        ({"topic": "all", "payload": 1}, "missing_field"),
        ({"topic": "r", "event_type": "t", "payload": 1}, "bad_topic"),
        ({"topic": "", "event_type": "t", "payload": 1}, "bad_topic"),
        ({"topic": "room:", "event_type": "t", "payload": 1}, "bad_topic"),
        ({"topic": "room:a b", "event_type": "t", "payload": 1}, "bad_topic"),
        ({"topic": "room:" + "x" * 201, "event_type": "t", "payload": 1}, "bad_topic"),
        ({"topic": "Room:r", "event_type": "t", "payload": 1}, "bad_topic"),
        ({"topic": "all:x", "event_type": "t", "payload": 1}, "bad_topic"),
        ({"topic": "node:x", "event_type": "t", "payload": 1}, "bad_topic"),
        ({"topic": "room:jobs.*", "event_type": "t", "payload": 1}, "bad_topic"),
        ({"topic": 1, "event_type": "t", "payload": 1}, "bad_frame"),
        ({"topic": ["room:r"], "event_type": "t", "payload": 1}, "bad_frame"),
        ({"topic": "room:r", "event_type": 1, "payload": 1}, "bad_frame"),
        ({"topic": "event:a", "event_type": "b", "payload": 1}, "bad_frame"),
        ({"topic": "room:r", "event_type": "roomcast.x", "payload": 1}, "forbidden"),
        ({"topic": "room:r", "event_type": "t", "payload": 1, "echo": 0}, "bad_frame"),
        ({"topic": "room:r", "event_type": "t", "payload": 1, "priority": "urgent"}, "bad_frame"),
        ({"topic": "room:r", "event_type": "t", "payload": 1, "priority": 1}, "bad_frame"),
        ({"topic": "room:r", "event_type": "t", "payload": 1, "key": 1}, "bad_frame"),
        ({"topic": "room:r", "event_type": "t", "payload": 1, "key": ""}, "bad_frame"),
        ({"topic": "room:r", "event_type": "t", "payload": 1, "key": "k" * 65}, "bad_frame"),
        ({"topic": "room:r", "event_type": "t", "payload": 1, "ack": "yes"}, "bad_frame"),
        ({"topic": "room:r", "event_type": "t", "payload": 1, "ack": True}, "bad_frame"),
        ({"topic": "all", "event_type": "t", "payload": 1, "ack": True}, "bad_frame"),
    ],
)
async def test_a_wrong_publish_is_refused_and_sent_to_nobody(gateway, fields, error):
    async with connect(gateway, user="u") as ann:
        await ann.ok("join", room="r")
        await ann.ok("subscribe", events=["a", "b"])
        await ann.refused(error, "publish", **fields)
        await mark(ann, "room:r")
        assert (await ann.event())["event_type"] == "mark"


@pytest.mark.parametrize("event_type", ["", "a b", "x" * 201, "ä", "a/b"])
async def test_an_event_type_is_a_name(gateway, event_type):
    async with connect(gateway) as ann:
        await ann.refused("bad_frame", "publish", topic="room:r", event_type=event_type, payload=1)
        await ann.ok("publish", topic="room:r", event_type="x" * 200, payload=1)


async def test_the_type_of_an_event_topic_may_be_said_or_left_out(gateway):
    async with connect(gateway) as ann:
        await ann.ok("subscribe", events=["a"])
        await ann.ok("publish", topic="event:a", payload=1)
        await ann.ok("publish", topic="event:a", event_type="a", payload=2)
        got = [await ann.event(), await ann.event()]
        assert [(f["event_type"], f["payload"]) for f in got] == [("a", 1), ("a", 2)]


async def test_fields_the_server_does_not_know_are_no_error(gateway):
    async with connect(gateway) as ann:
        await ann.ok("join", room="r", later={"a": 1})
        await ann.ok("publish", topic="room:r", event_type="t", payload=1, later=[1])
        assert "later" not in await ann.event()


async def test_without_echo_everybody_else_receives(gateway):
    async with connect(gateway, user="ann") as ann, connect(gateway, user="ann") as other:
        for client in (ann, other):
            await client.ok("join", room="r")
            await client.ok("subscribe", events=["e"])
        for topic, kind in (("room:r", "t"), ("event:e", "e"), ("user:ann", "t"), ("all", "t")):
            await ann.ok("publish", topic=topic, event_type=kind, payload="quiet", echo=False)
            assert (await other.event())["payload"] == "quiet"
            await ann.ok("publish", topic=topic, event_type=kind, payload="loud", echo=True)
            assert (await other.event())["payload"] == "loud"
            assert (await ann.event())["payload"] == "loud"


@pytest.mark.parametrize("priority", ["high", "normal", "low"])
async def test_a_message_of_every_priority_arrives_in_order(gateway, priority):
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        await mark(ann, "room:r", 1)
        await ann.ok("publish", topic="room:r", event_type="t", payload=2, priority=priority)
        await mark(ann, "room:r", 3)
        assert [(await ann.event())["payload"] for _ in range(3)] == [1, 2, 3]


# ---- keys ----


async def test_a_repeated_key_is_acknowledged_and_not_sent_again(gateway):
    async with connect(gateway, user="ann") as ann:
        await ann.ok("join", room="r")
        first = await ann.ok("publish", topic="room:r", event_type="t", payload=1, key="k")
        assert "duplicate" not in first or first["duplicate"] is False
        for payload in (1, 2):
            again = await ann.ok(
                "publish", topic="room:r", event_type="t", payload=payload, key="k"
            )
            assert again["duplicate"] is True
        await mark(ann, "room:r")
        assert [(await ann.event())["payload"] for _ in range(2)] == [1, "mark"]
        assert (await gateway.metrics())("duplicates_published_total") == 2


async def test_a_key_belongs_to_topic_and_user(gateway):
    async with connect(gateway, user="ann") as ann, connect(gateway, user="ann") as again:
        async with connect(gateway, user="bob") as bob:

            async def is_duplicate(client, room):
                answer = await client.ok(
                    "publish", topic=f"room:{room}", event_type="t", payload=1, key="k"
                )
                return answer.get("duplicate", False)

            assert not await is_duplicate(ann, "r")
            assert not await is_duplicate(ann, "s")  # another topic
            assert not await is_duplicate(bob, "r")  # another user
            assert await is_duplicate(again, "r")  # the same user, from elsewhere


async def test_a_key_of_an_anonymous_client_belongs_to_its_connection(gateway):
    async with connect(gateway) as ann, connect(gateway) as bob:
        for client, duplicate in ((ann, False), (bob, False), (ann, True)):
            answer = await client.ok("publish", topic="room:r", event_type="t", payload=1, key="k")
            assert answer.get("duplicate", False) is duplicate


async def test_a_key_may_have_64_bytes_and_any_characters(gateway):
    async with connect(gateway) as ann:
        for key in ("k" * 64, "ä" * 32, 'a b\n"\\', "\u0001"):
            await ann.ok("publish", topic="room:r", event_type="t", payload=1, key=key)
            answer = await ann.ok("publish", topic="room:r", event_type="t", payload=1, key=key)
            assert answer["duplicate"] is True


async def test_a_refused_publish_does_not_claim_its_key(gateway):
    async with connect(gateway) as ann:
        await ann.refused(
            "bad_payload", "publish", topic="room:r", event_type="task_update", payload=1, key="k"
        )
        answer = await ann.ok("publish", topic="room:r", event_type="t", payload=1, key="k")
        assert not answer.get("duplicate")


async def test_the_oldest_keys_are_forgotten_first(start):
    gateway = start(idempotency_keys=10)
    async with connect(gateway) as ann:
        for n in range(11):
            await ann.ok("publish", topic="room:r", event_type="t", payload=n, key=f"k{n}")
        newest = await ann.ok("publish", topic="room:r", event_type="t", payload=0, key="k10")
        assert newest["duplicate"] is True
        oldest = await ann.ok("publish", topic="room:r", event_type="t", payload=0, key="k0")
        assert not oldest.get("duplicate")


# ---- acked ----


async def test_a_confirmation_comes_back_to_the_sender(gateway):
    async with connect(gateway, user="ann") as ann, connect(gateway, user="bob") as bob:
        for topic in (f"client:{bob.id}", "user:bob"):
            await ann.send("publish", id="q1", topic=topic, event_type="t", payload=1, ack=True)
            answer = await ann.next("ack")
            event = await bob.event()
            assert isinstance(event["id"], str)
            await bob.send("ack", ids=[event["id"]])
            acked = await ann.next("acked")
            assert acked["by"] == {"client": bob.id, "user": "bob"}
            assert acked["id"] == answer["id"] == "q1"


async def test_events_that_want_no_confirmation_have_no_id(gateway):
    async with connect(gateway) as ann:
        await ann.ok("publish", topic=f"client:{ann.id}", event_type="t", payload=1)
        assert "id" not in await ann.event()


async def test_a_confirmation_needs_an_id_to_come_back_with(gateway):
    async with connect(gateway) as ann:
        await ann.send("publish", topic=f"client:{ann.id}", event_type="t", payload=1, ack=True)
        assert (await ann.next())["name"] == "missing_field"


async def test_only_who_received_a_message_can_confirm_it(gateway):
    async with connect(gateway) as ann, connect(gateway) as bob, connect(gateway) as eve:
        await ann.ok("publish", topic=f"client:{bob.id}", event_type="t", payload=1, ack=True)
        event = await bob.event()
        await eve.send("ack", ids=[event["id"]])
        await eve.ask("ping")
        await bob.send("ack", ids=[event["id"]])
        assert (await ann.next("acked"))["by"] == {"client": bob.id}
        await ann.silent("acked", 0.1)


async def test_the_last_64_confirmations_are_remembered(start):
    gateway = start(max_rate=10000)
    async with connect(gateway) as ann, connect(gateway) as bob:
        for n in range(66):
            await ann.ok("publish", topic=f"client:{bob.id}", event_type="t", payload=n, ack=True)
        ids = [(await bob.event())["id"] for _ in range(66)]
        await bob.send("ack", ids=ids)
        assert [(await ann.next("acked"))["id"] for _ in range(64)] == list(range(3, 67))
        await ann.silent("acked", 0.1)


@pytest.mark.parametrize("ids", [None, "x", 1, {}, [], [1], [None]])
async def test_a_confirmation_of_wrong_ids_is_an_error(gateway, ids):
    async with connect(gateway) as ann:
        await ann.send("ack", **({} if ids is None else {"ids": ids}))
        error = await ann.next("error")
        assert error["name"] == ("missing_field" if ids is None else "bad_frame")
        assert "id" not in error


async def test_a_confirmation_of_what_never_came_disturbs_nobody(gateway):
    async with connect(gateway) as ann, connect(gateway) as bob:
        await bob.send("ack", ids=["nonsense", "", ann.id, f"{ann.id}:1", "x" * 64])
        assert (await bob.ask("ping"))["type"] == "pong"
        await ann.silent("acked", 0.2)
