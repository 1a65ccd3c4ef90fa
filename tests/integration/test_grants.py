"""What a token allows, verb by topic; and that it allows nothing else."""

import asyncio
import json

import pytest
from support.tokens import as_client, locked, token
from support.wsclient import connect


@pytest.fixture
def gateway(start, tmp_path):
    return locked(start, tmp_path)


def rule(match, *can):
    return {"match": match, "can": list(can)}


def client(gateway, **claims):
    return connect(gateway, **as_client(token(**claims)))


async def test_each_word_opens_its_verb_alone(gateway):
    rules = {
        "join": rule("room:j", "join"),
        "publish": rule("room:p", "publish"),
        "presence": rule("room:s", "presence"),
        "history": rule("room:h", "history"),
    }
    async with client(gateway, sub="ann", topics=list(rules.values())) as ann:
        for word, r in rules.items():
            room = r["match"].removeprefix("room:")
            asked = {
                "join": await ann.ask("join", room=room),
                "publish": await ann.ask("publish", topic=r["match"], event_type="e", payload=1),
                "presence": await ann.ask("presence", room=room),
            }
            for verb, answer in asked.items():
                if verb == word:
                    assert answer["type"] == "ack", (word, verb, answer)
                else:
                    assert answer.get("name") == "forbidden", (word, verb, answer)


@pytest.mark.parametrize(
    "match, yes, no",
    [
        ("room:a", ["a"], ["b", "aa", "A", "a."]),
        ("room:a.*", ["a.", "a.b", "a.b.c"], ["a", "b.a", "ab"]),
        ("room:*.x", ["a.x", ".x"], ["x", "a.xx"]),
        ("room:a*b*c", ["abc", "a1b2c"], ["ab", "acb", "abcd"]),
        ("room:*", ["a", "a.b"], []),
        ("event:a", [], ["a"]),
        ("user:*", [], ["a"]),
        ("all", [], ["a", "all"]),
    ],
)
async def test_patterns_match_whole_names(gateway, match, yes, no):
    async with client(gateway, sub="ann", topics=[rule(match, "join")]) as ann:
        for room in yes:
            await ann.ok("join", room=room)
        for room in no:
            await ann.refused("forbidden", "join", room=room)


async def test_the_short_forms_are_for_everything(gateway):
    async with client(gateway, sub="ann", rooms=["a.*"], events=["task*"]) as ann:
        await ann.ok("join", room="a.1", presence=True)
        await ann.ok("subscribe", events=["task1"])
        await ann.ok("publish", topic="room:a.1", event_type="e", payload=1)
        await ann.ok("publish", topic="event:task1", payload=1)
        assert (await ann.ok("presence", room="a.1"))["count"] == 1
        await ann.refused("forbidden", "publish", topic="event:other", payload=1)
        answer = await ann.ok("subscribe", events=["other"])
        assert answer["results"]["other"]["error"]["name"] == "forbidden"


async def test_one_hears_ones_own_topics_and_all_only_where_it_says_so(gateway):
    sender = token(topics=[rule("user:*", "publish"), rule("client:*", "publish"), rule("all", "publish")])
    async with client(gateway, sub="ann") as ann, client(
        gateway, sub="bob", topics=[rule("all", "join")]
    ) as bob, connect(gateway, **as_client(sender)) as backend:
        for topic in ("all", "user:ann", f"client:{ann.id}", "user:bob"):
            await backend.ok("publish", topic=topic, event_type="e", payload=topic)
        assert (await ann.event())["payload"] in ("user:ann", f"client:{ann.id}")
        assert (await ann.event())["payload"] in ("user:ann", f"client:{ann.id}")
        assert {(await bob.event())["payload"], (await bob.event())["payload"]} == {"all", "user:bob"}
        await ann.silent("event")
        await bob.silent("event")
        assert not backend.inbox  # publishing is not hearing


async def test_who_may_not_see_members_is_not_shown_them(gateway):
    """Neither in the answer to a join, nor by notices, nor by the number of gateways."""
    seeing = {"sub": "eve", "topics": [rule("room:r", "join", "presence")]}
    blind = {"sub": "ann", "topics": [rule("room:r", "join", "publish")]}
    async with client(gateway, **seeing) as eve, client(gateway, **blind) as ann:
        await ann.refused("forbidden", "join", room="r", presence=True)
        answer = await ann.ok("join", room="r")
        assert set(answer) == {"type", "id"}
        await eve.ok("join", room="r", presence=True)
        assert set(await ann.ok("publish", topic="room:r", event_type="e", payload=1)) == {"type", "id"}
        await ann.event()
        await ann.silent("presence")


async def test_where_everyone_is_seen_not_everyone_sees(start, tmp_path):
    gateway = locked(start, tmp_path, config='[gateway]\n[room "r"]\npresence = on\n')
    async with client(gateway, sub="ann", topics=[rule("room:r", "join")]) as ann, client(
        gateway, sub="eve", topics=[rule("room:r", "join", "presence")]
    ) as eve:
        await ann.ok("join", room="r")
        assert {m["user"] for m in (await eve.ok("join", room="r", presence=True))["members"]} == {"ann", "eve"}
        async with client(gateway, sub="bob", rooms=["r"]) as bob:
            await bob.ok("join", room="r")
            assert (await eve.next("presence", where=lambda f: f["joined"][0]["user"] == "bob"))["count"] == 3
        await ann.silent("presence")


# ---- what rooms say ----

POLICIES = """[gateway]
[room "lobby"]
join = everyone
publish = users
[room "news"]
join = users
publish = nobody
[room "shut"]
join = nobody
"""


async def test_rooms_say_who_may_join_and_publish(start, tmp_path):
    gateway = locked(start, tmp_path, config=POLICIES, allow_anonymous="on")
    async with connect(gateway) as anon, client(gateway, sub="ann") as ann, client(
        gateway, sub="root", rooms=["*"]
    ) as root:
        for who, lobby, news, other in ((anon, "ack", "forbidden", "forbidden"), (ann, "ack", "ack", "forbidden"), (root, "ack", "ack", "ack")):
            for room, expected in (("lobby", lobby), ("news", news), ("other", other), ("shut", "forbidden")):
                answer = await who.ask("join", room=room)
                assert answer.get("name", answer["type"]) == expected, (who.welcome, room)
        for who, lobby, other in ((anon, "forbidden", "forbidden"), (ann, "ack", "forbidden"), (root, "ack", "ack")):
            for room, expected in (("lobby", lobby), ("news", "forbidden"), ("other", other)):
                answer = await who.ask("publish", topic=f"room:{room}", event_type="e", payload=1)
                assert answer.get("name", answer["type"]) == expected, (who.welcome, room)
        # backends are not clients
        body = {"topic": "room:news", "event_type": "e", "payload": "from a backend"}
        assert (await gateway.http("POST", "/v1/publish", body=body)).status == 200
        assert (await ann.next("event", where=lambda f: f["topic"] == "room:news"))["payload"] == "from a backend"


async def test_a_room_open_to_all_shows_its_members_to_members(start, tmp_path):
    gateway = locked(start, tmp_path, config=POLICIES, allow_anonymous="on")
    async with connect(gateway) as anon:
        await anon.refused("not_joined", "presence", room="lobby")
        assert (await anon.ok("join", room="lobby", presence=True))["count"] == 1
        assert (await anon.ok("presence", room="lobby"))["count"] == 1
        await anon.refused("forbidden", "presence", room="news")


async def test_rooms_are_shut_in_open_mode_too(start):
    gateway = start(config=POLICIES)
    async with connect(gateway) as anon, connect(gateway, user="ann") as ann:
        await anon.refused("forbidden", "join", room="shut")
        await anon.refused("forbidden", "join", room="news")
        await ann.ok("join", room="news")
        await ann.refused("forbidden", "publish", topic="room:news", event_type="e", payload=1)
        await anon.ok("join", room="any")


async def test_rooms_say_how_large_and_how_many_messages_may_be(start, tmp_path):
    config = '[gateway]\n[room "small"]\npublish_bytes = 10\n[room "slow*"]\npublish_rate = 2\n'
    gateway = locked(start, tmp_path, config=config)
    async with client(gateway, sub="ann", rooms=["*"]) as ann, client(gateway, sub="bob", rooms=["s*"]) as bob:

        async def publish(who, room, payload=1):
            answer = await who.ask("publish", topic=f"room:{room}", event_type="e", payload=payload)
            return answer.get("name", answer["type"])

        assert await publish(ann, "small", "x" * 8) == "ack"
        assert await publish(ann, "small", "x" * 9) == "too_big"
        assert await publish(ann, "other", "x" * 9) == "ack"
        # the room has one rate for all, another room another one
        assert [await publish(who, "slow") for who in (ann, bob, ann, bob, ann, bob)] == ["ack"] * 4 + ["rate_limited"] * 2
        assert await publish(ann, "slow2") == "ack"
        assert [await publish(ann, "other") for _ in range(20)] == ["ack"] * 20
        await asyncio.sleep(1.1)
        assert [await publish(ann, "slow") for _ in range(3)] == ["ack", "ack", "rate_limited"]
        assert await publish(bob, "other") == "forbidden"  # before all of that
        # many rooms: the silent ones are forgotten, the busy one is not
        for n in range(150):
            assert await publish(bob, f"slow.{n}") == "ack"
        assert await publish(ann, "slow") in ("ack", "rate_limited")


# ---- a token for room A alone ----

VERBS = ("join", "leave", "subscribe", "unsubscribe", "publish", "ack", "presence", "history", "refresh", "ping", "hello")


def attempts(b, victim):
    """Every verb at everything that is not room A."""
    topics = [f"room:{b}", "room:empty", f"event:{b}", "event:a", "user:bob", "user:mallory", f"client:{victim}", "client:nobody", "all"]
    yield from ({"type": "join", "room": r, **more} for r in (b, "empty", "full", "A", "a.b") for more in ({}, {"presence": True}, {"info": 1}))
    yield {"type": "join", "rooms": [b, "empty", "full"], "presence": True}
    yield from ({"type": "leave", "room": r} for r in (b, "empty", "full"))
    yield {"type": "leave", "rooms": [b, "empty"]}
    yield {"type": "subscribe", "events": [b, "a", "*"]}
    yield {"type": "unsubscribe", "events": [b, "a"]}
    for topic in topics:
        for more in ({}, {"key": "k"}, {"echo": False}, {"priority": "high"}):
            event = {} if topic.startswith("event:") else {"event_type": "e"}
            yield {"type": "publish", "topic": topic, "payload": "break-in", **event, **more}
        yield {"type": "history", "topic": topic}
    yield {"type": "publish", "topic": "user:bob", "event_type": "e", "payload": "break-in", "ack": True}
    yield {"type": "publish", "topic": f"client:{victim}", "event_type": "e", "payload": "break-in", "ack": True}
    yield from ({"type": "presence", "room": r} for r in (b, "empty", "full"))
    yield {"type": "ack", "ids": [f"{victim}.0", f"{victim}.1", "x"]}
    yield from ({"type": "refresh", "token": t} for t in ("x", token(sub="bob", rooms=["*"]), token(secret="w" * 32, sub="mallory", rooms=["*"])))
    yield {"type": "hello", "token": token(sub="bob", rooms=["*"])}
    yield {"type": "ping"}


def outcome(frame):
    """What an answer tells, without what it repeats of the question."""
    if frame["type"] == "error":
        return ("error", frame["name"], frame["message"])
    rest = {k: v for k, v in frame.items() if k not in ("id", "type")}
    return (frame["type"], json.dumps(rest, sort_keys=True))


async def test_a_token_for_room_a_opens_nothing_else(start, tmp_path):
    """Played twice, once beside a busy room B and once alone: the answers may not differ."""
    config = '[gateway]\n[room "full"]\nmax_members = 1\n'
    gateway = locked(start, tmp_path, config=config, max_errors=100000, max_rate=100000)
    mallory_token = token(sub="mallory", rooms=["a"])

    async def play(b, victim):
        answers = []
        async with connect(gateway, **as_client(mallory_token)) as mallory:
            await mallory.ok("join", room="a", presence=True)
            for n, frame in enumerate(attempts(b, victim)):
                await mallory.send(**{"kind": frame["type"]}, **{k: v for k, v in frame.items() if k != "type"}, id=1000 + n)
                if frame["type"] == "ack":
                    continue
                answer = await mallory.next(where=lambda f, n=n: f.get("id") == 1000 + n)
                told = outcome(answer)
                answers.append((frame["type"], told[0], told[1].replace(b, "B")))
            await mallory.ok("publish", topic="room:a", event_type="e", payload="mine")
            assert (await mallory.event())["payload"] == "mine"
            await asyncio.sleep(0.3)
            await mallory.ask("ping")  # what came meanwhile has been read
            left = [f for f in mallory.inbox if f["type"] not in ("presence",)]
            assert not left, left
            assert all(f["room"] == "a" for f in mallory.inbox)
        return answers

    async with client(gateway, sub="bob", rooms=["*"], events=["*"], topics=[rule("all", "join", "publish")]) as bob, client(
        gateway, sub="carol", rooms=["*"], events=["*"]
    ) as carol:
        for friend in (bob, carol):
            await friend.ok("join", room="secret.b", presence=True)
            await friend.ok("subscribe", events=["secret.b", "a"])
        await bob.ok("join", room="full")

        async def chatter():
            while True:
                await carol.send("publish", topic="room:secret.b", event_type="e", payload="private")
                await carol.send("publish", topic="event:secret.b", payload="private")
                await carol.send("publish", topic="user:bob", event_type="e", payload="private")
                await asyncio.sleep(0.02)

        talking = asyncio.create_task(chatter())
        busy = await play("secret.b", bob.id)
        talking.cancel()
        await bob.ask("ping")  # the same
        heard = bob.inbox
        assert not [f for f in heard if f.get("payload") == "break-in"]
        assert not [f for f in heard if "mallory" in f.text]
        members = await carol.ok("presence", room="secret.b")
        assert {m["user"] for m in members["members"]} == {"bob", "carol"}
    alone = await play("nothing.b", "aaaaaaaa-aaaaaaaaaaaa")
    assert busy == alone
    allowed = {"leave", "unsubscribe", "ping"}
    for verb, kind, told in busy:
        if verb in allowed:
            continue
        if kind == "ack":  # a list: each item says no
            results = json.loads(told)["results"]
            assert all(r["error"]["name"] in ("forbidden", "bad_topic") for r in results.values()), (verb, told)
        else:
            assert told in ("forbidden", "not_supported", "not_authenticated", "bad_frame"), (verb, told)
    assert {verb for verb, *_ in busy} | {"ack"} == set(VERBS)
