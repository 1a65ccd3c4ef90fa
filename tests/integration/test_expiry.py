"""A token ends: the warning before, the close after, and `refresh` in between."""

import asyncio
import time

import pytest
from support.timing import seconds
from support.tokens import SECRET, as_client, locked, token
from support.wsclient import ClosedByServer, connect


@pytest.fixture
def gateway(start, tmp_path):
    return locked(start, tmp_path)


def rule(match, *can):
    return {"match": match, "can": list(can)}


def ending(s, **claims):
    return token(exp=time.time() + s, **claims)


async def test_a_client_is_warned_and_then_closed(start, tmp_path):
    gateway = locked(start, tmp_path, expiring_ms=1000)
    begin = time.monotonic()
    async with connect(gateway, **as_client(ending(2, sub="ann"))) as ann:
        warning = await ann.next("expiring")
        assert 0.5 < time.monotonic() - begin < seconds(1.6)
        assert 0 < warning["in_ms"] <= 1000
        await ann.ask("ping")
        assert await ann.closed() == 4002
        assert 1.5 < time.monotonic() - begin < seconds(3)
    assert not ann.inbox, "one warning is enough"


async def test_who_comes_with_little_time_is_warned_at_once(gateway):
    async with connect(gateway, **as_client(ending(20, sub="ann"))) as ann:
        assert 15000 < (await ann.next("expiring"))["in_ms"] <= 20000


async def test_the_warning_can_be_off(start, tmp_path):
    gateway = locked(start, tmp_path, expiring_ms=0)
    async with connect(gateway, **as_client(ending(1, sub="ann"))) as ann:
        assert await ann.closed() == 4002
    assert not ann.inbox


async def test_the_leeway_counts_for_the_end_too(start, tmp_path):
    gateway = locked(start, tmp_path, jwt_leeway_s=100)
    async with connect(gateway, **as_client(ending(-50, sub="ann"))) as ann:
        assert 40000 < ann.welcome["expires_in_ms"] <= 50000


async def test_refresh_moves_the_end(start, tmp_path):
    gateway = locked(start, tmp_path, expiring_ms=1500)
    async with connect(gateway, **as_client(ending(2, sub="ann", rooms=["a"]))) as ann:
        await ann.ok("join", room="a")
        await ann.next("expiring")
        answer = await ann.ok("refresh", token=token(sub="ann", rooms=["a"]))
        assert 3590_000 < answer["expires_in_ms"] <= 3600_000
        assert "left" not in answer
        await asyncio.sleep(2.5)
        await ann.ok("publish", topic="room:a", event_type="e", payload=1)
        assert (await ann.event())["payload"] == 1


async def test_refresh_may_bring_the_end_nearer(gateway):
    async with connect(gateway, **as_client(token(sub="ann"))) as ann:
        await ann.ok("refresh", token=ending(1, sub="ann"))
        assert await ann.closed() == 4002


async def test_a_bad_refresh_changes_nothing(gateway):
    async with connect(gateway, **as_client(token(sub="ann", rooms=["a"]))) as ann:
        await ann.refused("not_authenticated", "refresh", token="x")
        await ann.refused("not_authenticated", "refresh", token=token(secret="q" * 32, sub="ann"))
        await ann.refused("expired", "refresh", token=token(sub="ann", exp=1))
        await ann.ok("join", room="a")


async def test_a_user_stays_who_it_is(gateway):
    async with connect(gateway, **as_client(token(sub="ann", rooms=["a"]))) as ann:
        await ann.refused("forbidden", "refresh", token=token(sub="bob", rooms=["b"]))
        await ann.refused("forbidden", "refresh", token=token(rooms=["b"]))
        await ann.ok("join", room="a")
        await ann.refused("forbidden", "join", room="b")


@pytest.mark.parametrize("anonymous", ["token", "none"])
async def test_an_anonymous_client_may_become_a_user(start, tmp_path, anonymous):
    gateway = locked(start, tmp_path, allow_anonymous="on")
    options = as_client(token(rooms=["a"])) if anonymous == "token" else {}
    async with connect(gateway, **options) as ann, connect(
        gateway, **as_client(token(topics=[rule("user:ann", "publish", "presence")]))
    ) as bob:
        assert "user" not in ann.welcome
        assert (await bob.ok("publish", topic="user:ann", event_type="e", payload=1))["nodes"] == 0
        await ann.ok("refresh", token=token(sub="ann", rooms=["b"]))
        assert (await bob.ok("publish", topic="user:ann", event_type="e", payload=2))["nodes"] == 1
        assert (await ann.event())["payload"] == 2
        members = (await ann.ok("join", room="b", presence=True))["members"]
        assert [m["user"] for m in members] == ["ann"]
        await ann.refused("forbidden", "refresh", token=token(rooms=["b"]))  # and not back


async def test_what_the_new_token_does_not_allow_is_left(gateway):
    before = token(sub="ann", rooms=["a", "b"], events=["e", "f"], topics=[rule("all", "join")])
    after = token(sub="ann", rooms=["b"], events=["f"])
    sender = token(rooms=["*"], events=["*"], topics=[rule("all", "publish"), rule("user:*", "publish")])
    async with connect(gateway, **as_client(before)) as ann, connect(
        gateway, **as_client(sender)
    ) as bob:
        await ann.ok("join", rooms=["a", "b"])
        await ann.ok("subscribe", events=["e", "f"])
        answer = await ann.ok("refresh", token=after)
        assert sorted(answer["left"]) == ["all", "event:e", "room:a"]
        for topic in ("room:a", "event:e", "all", "room:b", "event:f", "user:ann"):
            more = {} if topic.startswith("event") else {"event_type": "x"}
            await bob.ok("publish", topic=topic, payload=topic, **more)
        assert {(await ann.event())["payload"] for _ in range(3)} == {"room:b", "event:f", "user:ann"}
        await ann.silent("event")
        answer = await ann.ok("refresh", token=before)  # `all` is heard again, rooms are joined by asking
        await bob.ok("publish", topic="all", event_type="x", payload="all")
        assert (await ann.event())["payload"] == "all"


async def test_who_may_not_see_members_any_more_is_not_told_of_them(gateway):
    async with connect(gateway, **as_client(token(sub="ann", rooms=["r"]))) as ann, connect(
        gateway, **as_client(token(sub="bob", rooms=["r"]))
    ) as bob:
        await ann.ok("join", room="r", presence=True)
        await ann.ok("refresh", token=token(sub="ann", topics=[rule("room:r", "join")]))
        await bob.ok("join", room="r", presence=True)
        await bob.ok("publish", topic="room:r", event_type="e", payload=1)
        await ann.event()
        assert not [f for f in ann.inbox if f["type"] == "presence" and f["joined"] != [] and f["joined"][0].get("user") == "bob"]
        await ann.refused("forbidden", "presence", room="r")


async def test_without_keys_there_is_nothing_to_refresh(start):
    async with connect(start()) as ann:
        assert "refresh" not in ann.welcome["features"]
        await ann.refused("not_supported", "refresh", token="x")


async def test_many_tokens_end_on_time(start, tmp_path):
    gateway = locked(start, tmp_path, expiring_ms=0)

    async def one(s):
        async with connect(gateway, **as_client(ending(s, sub="ann"))) as c:
            try:
                while True:
                    await c.next(timeout=10)
            except ClosedByServer as end:
                return end.code

    assert set(await asyncio.gather(*(one(1 + n / 25) for n in range(50)))) == {4002}
    assert (await gateway.metrics())("connections") == 0


async def test_on_redis_a_new_user_hears_what_other_gateways_send(cluster, tmp_path):
    """And leaves what its next token does not allow, so that the others see it go."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    here, there = await cluster(2, jwt_hmac_secret_file=secret, allow_user_param=None)
    async with connect(here, **as_client(token(rooms=["a"]))) as ann, connect(
        there, **as_client(token(sub="bob", rooms=["*"], topics=[rule("user:*", "publish")]))
    ) as bob:
        await bob.ok("join", room="a", presence=True)
        await ann.ok("join", room="a", presence=True)
        assert (await bob.next("presence"))["joined"][0]["client"] == ann.id
        answer = await ann.ok("refresh", token=token(sub="ann", rooms=["b"]))
        assert answer["left"] == ["room:a"]
        assert (await bob.next("presence", where=lambda f: f["left"]))["left"][0]["client"] == ann.id
        await bob.ok("publish", topic="user:ann", event_type="e", payload=1)
        await bob.ok("publish", topic="room:a", event_type="e", payload=2)
        assert (await ann.event())["payload"] == 1
        await ann.silent("event")
