"""join, leave, subscribe, unsubscribe (PROTOCOL.md, section 3)."""

import pytest
from support.wsclient import ERRORS, connect

BAD_NAMES = ["", "a b", "a/b", "x" * 201, "ä", "a*", "room>", "a\n", 'a"b', "#", "a%b"]


def item(answer, name):
    """The result of one name; its error, where it has one, is whole."""
    result = answer["results"][name]
    if "error" in result:
        assert result["error"]["code"] == ERRORS[result["error"]["name"]]
        assert result["error"]["message"]
        return result["error"]["name"]
    return "ok"


async def say(client, topic, n, **more):
    await client.ok("publish", topic=topic, event_type="t", payload=n, **more)


# ---- rooms ----


async def test_a_member_receives_what_is_said_behind_its_ack(gateway):
    async with connect(gateway) as ann, connect(gateway) as bob:
        await ann.ok("join", room="r")
        await say(bob, "room:r", 1)
        assert (await ann.event())["payload"] == 1


async def test_join_and_a_message_in_one_breath_come_in_order(gateway):
    async with connect(gateway) as ann:
        await ann.send("join", id=1, room="r")
        await ann.send("publish", id=2, topic="room:r", event_type="t", payload=1)
        got = [await ann.next() for _ in range(3)]
        assert got[0]["type"] == "ack" and got[0]["id"] == 1
        assert sorted(f["type"] for f in got[1:]) == ["ack", "event"]


async def test_several_rooms_are_answered_item_by_item(gateway):
    async with connect(gateway) as ann, connect(gateway) as bob:
        answer = await ann.ok("join", rooms=["a", "no good", "b"])
        assert set(answer["results"]) == {"a", "no good", "b"}
        assert [item(answer, n) for n in ("a", "no good", "b")] == ["ok", "bad_topic", "ok"]
        await say(bob, "room:a", 1)
        await say(bob, "room:b", 2)
        assert {(await ann.event())["payload"] for _ in range(2)} == {1, 2}


async def test_the_result_of_one_room_stands_in_the_ack_itself(gateway):
    async with connect(gateway) as ann:
        answer = await ann.ok("join", room="r", presence=True)
        assert "results" not in answer
        assert answer["count"] == 1
        answer = await ann.ok("join", rooms=["s"], presence=True)
        assert answer["results"]["s"]["count"] == 1


async def test_a_room_named_twice_is_one_membership(gateway):
    async with connect(gateway) as ann:
        answer = await ann.ok("join", rooms=["a", "a"])
        assert item(answer, "a") == "ok"
        assert (await gateway.metrics())("memberships") == 2  # and `all`
        assert (await gateway.metrics())("rooms") == 1


@pytest.mark.parametrize("name", BAD_NAMES)
async def test_a_bad_room_name_is_refused(gateway, name):
    async with connect(gateway) as ann:
        await ann.refused("bad_topic", "join", room=name)
        await ann.refused("bad_topic", "leave", room=name)
        assert (await gateway.metrics())("rooms") == 0


@pytest.mark.parametrize(
    "name", ["a", "x" * 200, "AZaz09_-=@,.;:", ".", "jobs.42", "all", "room:x"]
)
async def test_every_allowed_name_works(gateway, name):
    async with connect(gateway) as ann:
        await ann.ok("join", room=name)
        await say(ann, f"room:{name}", 1)
        assert (await ann.event())["topic"] == f"room:{name}"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "missing_field"),
        ({"room": 1}, "bad_frame"),
        ({"room": None}, "bad_frame"),
        ({"room": "a\u0000"}, "bad_frame"),
        ({"rooms": "a"}, "bad_frame"),
        ({"rooms": {}}, "bad_frame"),
        ({"rooms": []}, "bad_frame"),
        ({"rooms": [1]}, "bad_frame"),
        ({"rooms": ["a", None]}, "bad_frame"),
        ({"rooms": [f"r{n}" for n in range(257)]}, "bad_frame"),
        ({"room": "a", "rooms": ["b"]}, "bad_frame"),
        ({"room": "a", "presence": 1}, "bad_frame"),
        ({"room": "a", "presence": "yes"}, "bad_frame"),
        ({"room": "a", "info": "x" * 1023}, "bad_frame"),
    ],
)
async def test_a_join_with_wrong_fields_changes_nothing(gateway, fields, error):
    async with connect(gateway) as ann:
        await ann.refused(error, "join", **fields)
        assert (await gateway.metrics())("rooms") == 0


async def test_info_may_be_one_kib(gateway):
    async with connect(gateway) as ann:
        answer = await ann.ok("join", room="a", presence=True, info="x" * 1022)
        assert answer["members"][0]["info"] == "x" * 1022


async def test_joining_again_changes_nothing(gateway):
    async with connect(gateway) as ann:
        first = await ann.ok("join", room="r", presence=True)
        again = await ann.ok("join", room="r", presence=True)
        assert again["rev"] == first["rev"]
        assert again["count"] == 1
        await say(ann, "room:r", 1)
        await say(ann, "room:r", 2)
        assert [(await ann.event())["payload"] for _ in range(2)] == [1, 2]


async def test_who_has_left_receives_nothing_more(gateway):
    async with connect(gateway) as ann, connect(gateway) as bob:
        await ann.ok("join", room="r")
        await ann.ok("leave", room="r")
        await say(bob, "room:r", "unseen")
        await ann.ok("join", room="r")
        await say(bob, "room:r", "seen")
        assert (await ann.event())["payload"] == "seen"


async def test_leaving_a_room_one_is_not_in_succeeds(gateway):
    async with connect(gateway) as ann:
        await ann.ok("leave", room="never")
        answer = await ann.ok("leave", rooms=["never", "a b"])
        assert [item(answer, n) for n in ("never", "a b")] == ["ok", "bad_topic"]


async def test_requests_take_effect_in_the_order_sent(gateway):
    async with connect(gateway) as ann:
        for n in range(20):
            await ann.send("join", room="r")
            await ann.send("publish", topic="room:r", event_type="t", payload=n)
            await ann.send("leave", room="r")
            await ann.send("publish", topic="room:r", event_type="t", payload="unseen")
        await ann.ok("join", room="r")
        await say(ann, "room:r", "end")
        got = []
        while (payload := (await ann.event())["payload"]) != "end":
            got.append(payload)
        assert "unseen" not in got
        assert got == sorted(got)


async def test_topics_of_one_client_are_limited(start):
    gateway = start(topics_per_client=3)
    async with connect(gateway) as ann:
        await ann.ok("join", room="a")
        answer = await ann.ok("subscribe", events=["b", "c", "d"])
        assert [item(answer, n) for n in "bcd"] == ["ok", "ok", "too_many_topics"]
        await ann.refused("too_many_topics", "join", room="e")
        await ann.ok("join", room="a")  # has it already
        await ann.ok("leave", room="a")
        await ann.ok("join", room="e")


# ---- room policies ----


async def test_a_full_room_refuses_by_its_policy(start):
    gateway = start(config='[room "small.*"]\nmax_members = 2\n')
    async with connect(gateway) as ann, connect(gateway) as bob, connect(gateway) as eve:
        await ann.ok("join", room="small.1")
        await bob.ok("join", room="small.1")
        await eve.refused("room_full", "join", room="small.1")
        answer = await eve.ok("join", rooms=["small.1", "large"])
        assert [item(answer, n) for n in ("small.1", "large")] == ["room_full", "ok"]
        await ann.ok("join", room="small.1")  # is in it
        await bob.ok("leave", room="small.1")
        await eve.ok("join", room="small.1")


async def test_max_members_of_the_gateway_holds_where_no_policy_does(start):
    gateway = start(config='[gateway]\nmax_members = 1\n[room "big"]\nmax_members = 0\n')
    async with connect(gateway) as ann, connect(gateway) as bob:
        await ann.ok("join", rooms=["a", "big"])
        await bob.refused("room_full", "join", room="a")
        await bob.ok("join", room="big")


async def test_a_place_is_free_when_its_member_has_gone(start):
    gateway = start(max_members=1)
    async with connect(gateway) as bob:
        async with connect(gateway) as ann:
            await ann.ok("join", room="r")
            await bob.refused("room_full", "join", room="r")
        for _ in range(50):
            if (await bob.ask("join", room="r"))["type"] == "ack":
                return
        raise AssertionError("the place was not given back")


# ---- event types ----


async def test_subscribers_receive_their_types_only(gateway):
    async with connect(gateway) as ann, connect(gateway) as bob:
        answer = await ann.ok("subscribe", events=["a", "b"])
        assert [item(answer, n) for n in "ab"] == ["ok", "ok"]
        await bob.ok("publish", topic="event:c", payload=0)
        await bob.ok("publish", topic="event:b", payload=2)
        await bob.ok("publish", topic="event:a", payload=1)
        got = [await ann.event(), await ann.event()]
        assert {(f["topic"], f["event_type"], f["payload"]) for f in got} == {
            ("event:a", "a", 1),
            ("event:b", "b", 2),
        }


async def test_a_room_message_never_reaches_subscribers_of_its_type(gateway):
    async with connect(gateway) as ann, connect(gateway) as bob:
        await ann.ok("subscribe", events=["chat"])
        await bob.ok("publish", topic="room:r", event_type="chat", payload="unseen")
        await bob.ok("publish", topic="event:chat", payload="seen")
        assert (await ann.event())["payload"] == "seen"


async def test_unsubscribe_ends_it(gateway):
    async with connect(gateway) as ann, connect(gateway) as bob:
        await ann.ok("subscribe", events=["a"])
        answer = await ann.ok("unsubscribe", events=["a", "never"])
        assert [item(answer, n) for n in ("a", "never")] == ["ok", "ok"]
        await bob.ok("publish", topic="event:a", payload="unseen")
        await ann.ok("subscribe", events=["a"])
        await bob.ok("publish", topic="event:a", payload="seen")
        assert (await ann.event())["payload"] == "seen"


@pytest.mark.parametrize("verb", ["subscribe", "unsubscribe"])
async def test_bad_event_types_are_refused(start, verb):
    gateway = start(max_rate=10000)
    async with connect(gateway) as ann:
        await ann.refused("missing_field", verb)
        for bad in ("a", [1], {}, None, [f"e{n}" for n in range(257)]):
            await ann.refused("bad_frame", verb, events=bad)
        answer = await ann.ok(verb, events=["ok", "not ok", "x" * 201])
        assert [item(answer, n) for n in ("ok", "not ok", "x" * 201)] == [
            "ok",
            "bad_topic",
            "bad_topic",
        ]


async def test_nothing_of_a_client_is_left_when_it_has_gone(gateway):
    async with connect(gateway, user="ann") as ann:
        await ann.ok("join", rooms=["a", "b"], presence=True)
        await ann.ok("subscribe", events=["a", "b"])
        assert (await gateway.metrics())("rooms") == 2
        assert (await gateway.metrics())("topics") >= 4
    for _ in range(100):
        metrics = await gateway.metrics()
        if metrics("rooms") == metrics("memberships") == metrics("topics") == 0:
            return
    raise AssertionError("something is left")
