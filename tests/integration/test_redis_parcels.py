"""What comes through Redis is checked in every byte: from backends, newer versions, strangers."""

import json

import pytest
from support.cluster import FAST
from support.parcel import EVENT, PRESENCE, channel, event, member, parcel, part, parts, read
from support.resp import Listener
from support.timing import eventually
from support.wsclient import connect

GOOD = {"topic": "room:r", "event_type": "t", "payload": 1}


async def broken(gateway):
    return (await gateway.metrics())("tier_parcels_broken_total")


def said(redis, topic, data):
    """PUBLISH by hand: how many gateways heard it."""
    return redis.cli("PUBLISH", channel(topic), data)


# ---- backends that publish straight to Redis ----


async def test_a_backend_may_publish_json_straight_to_redis(cluster, redis):
    gateways = await cluster(2)
    async with connect(gateways[0], user="ann") as ann, connect(gateways[1], user="ann") as two:
        for client in (ann, two):
            await client.ok("join", room="r")
            await client.ok("subscribe", events=["t"])
        raw = '{ "n":1234567890123456789 , "x":1.0, "s":"\\u0041 ä" }'
        for topic in ("room:r", "event:t", "user:ann", "all"):
            body = f'{{"topic":"{topic}","event_type":"t","priority":"high","payload":{raw}}}'
            assert said(redis, topic, body) == 2
            for client in (ann, two):
                got = await client.event()
                assert (got["topic"], got["event_type"]) == (topic, "t")
                assert f'"payload":{raw}' in got.text
                assert "from" not in got and isinstance(got["ts"], int) and got["ts"] > 10**12


async def test_a_backend_may_reach_one_client_through_its_node(cluster, redis):
    (gateway,) = await cluster(1)
    async with connect(gateway) as ann, connect(gateway) as bob:
        body = json.dumps({**GOOD, "topic": f"client:{ann.id}"})
        assert said(redis, f"node:{ann.id[:8]}", body) == 1
        assert (await ann.event())["topic"] == f"client:{ann.id}"
        await bob.silent("event", 0.1)


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "{}",
        "{\xff",
        json.dumps({**GOOD, "topic": "room:other"}),
        json.dumps({**GOOD, "topic": "room:a b"}),
        json.dumps({**GOOD, "topic": 5}),
        json.dumps({**GOOD, "key": "k"}),
        json.dumps({**GOOD, "priority": "urgent"}),
        json.dumps({**GOOD, "event_type": "task_update"}),
        json.dumps({"topic": "room:r", "payload": 1}),
        json.dumps({"topic": "room:r", "event_type": "t"}),
        json.dumps(GOOD) + "x",
        json.dumps(GOOD)[:-1],
        '{"topic":"room:r","event_type":"t","payload":01}',
        '{"topic":"room:r","event_type":"t","payload":' + "[" * 5000 + "]" * 5000 + "}",
    ],
)
async def test_wrong_json_is_counted_and_skipped(cluster, redis, body):
    (gateway,) = await cluster(1)
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        said(redis, "room:r", body.encode("latin-1"))
        said(redis, "room:r", json.dumps({**GOOD, "payload": "mark"}))
        assert (await ann.event())["payload"] == "mark"
        assert await broken(gateway) == 1


# ---- parcels ----


async def test_what_a_gateway_writes_is_what_the_page_says(cluster, redis):
    """The wire form, read by hand: a message of a user, and the notices of the registry."""
    (gateway,) = await cluster(1)
    async with Listener.open(redis.address, channel("*")) as listener:
        async with connect(gateway, user="ann") as ann:
            answer = await ann.ok("join", room="r", presence=True, info={"a": 1})
            came = read((await listener.next())[1])
            assert (came["kind"], came["topic"]) == (PRESENCE, b"room:r")
            assert came["flags"] & 3 == 3  # joined, and the user with it
            assert member(came["member"]) == (ann.id, "ann", b'{"a": 1}')
            assert (came["rev"], came["count"]) == (answer["rev"], 1)
            await ann.ok("publish", topic="room:r", event_type="t", payload=[1, "ä"])
            name, data = await listener.next()
            message = read(data)
            assert name == channel("room:r")
            assert (message["kind"], message["topic"]) == (EVENT, b"room:r")
            assert json.loads(message["payload"]) == [1, "ä"]
            assert (message["client"], message["user"]) == (ann.id.encode(), b"ann")
            assert message["event_type"] == b"t" and message["ts_ms"] > 10**12
            await ann.ok("leave", room="r")
            went = read((await listener.next())[1])
            assert went["flags"] & 3 == 2 and went["rev"] == came["rev"] + 1


@pytest.mark.parametrize(
    "forged",
    [
        event("room:r", 1),
        event("room:r", 1, client="somebody", user="ann", id="x1"),
        event("room:r", 1, body=part(99, b"news") + part(255, b"") + part(99, b"again")),
        parcel(minor=7, kind=EVENT, topic="room:r", event_type="t", payload=b"1", ts_ms=1,
               body=part(21, b"\0\1\2" * 1000)),
    ],
    ids=["plain", "full", "unknown parts", "newer minor version"],
)  # fmt: skip
async def test_a_parcel_of_a_newer_version_is_understood(cluster, redis, forged):
    """A rolling upgrade: who knows less skips what it does not know."""
    (gateway,) = await cluster(1)
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        assert said(redis, "room:r", forged) == 1
        got = await ann.event()
        assert (got["topic"], got["event_type"], got["payload"]) == ("room:r", "t", 1)
        assert await broken(gateway) == 0


def without(name):
    fields = {"kind": EVENT, "topic": "room:r", "event_type": "t", "payload": b"1", "ts_ms": 1}
    del fields[name]
    return parcel(**fields)


WHOLE = event("room:r", 1)
BAD = {
    "nothing": b"",
    "one byte": b"R",
    "another magic": b"RX" + WHOLE[2:],
    "another major": parcel(WHOLE[8:], major=2),
    "major zero": parcel(WHOLE[8:], major=0),
    "only a head": WHOLE[:8],
    "half": WHOLE[: len(WHOLE) // 2],
    "one byte short": WHOLE[:-1],
    "one byte long": WHOLE + b"\0",
    "a length too big": parcel(WHOLE[8:], length=0xFFFFFFFF),
    "a length too small": parcel(WHOLE[8:], length=len(WHOLE) - 9),
    "a part beyond the end": parcel(WHOLE[8:] + b"\x63\xff\xff\xff\xff"),
    "half a part's head": parcel(WHOLE[8:] + b"\x63\1"),
    "a part twice": parcel(WHOLE[8:] + parts(topic="room:r")),
    "no kind": without("kind"),
    "no topic": without("topic"),
    "no type": without("event_type"),
    "no payload": without("payload"),
    "an unknown kind": event("room:r", 1, kind=9),
    "another topic": event("room:other", 1),
    "no such topic": event("room:a b", 1),
    "a topic of nothing": event("", 1),
    "broken payload": event("room:r", b'{"a":}'),
    "empty payload": event("room:r", b""),
    "payload not UTF-8": event("room:r", b'"\xff"'),
    "two payloads in one": event("room:r", b"1 2"),
    "a quote in the type": event("room:r", 1, event_type='t","x":"'),
    "a quote in the id": event("room:r", 1, client="a", id='"'),
    "a quote in the sender": event("room:r", 1, client='a"b'),
    "a user without client": event("room:r", 1, user="ann"),
    "an unknown drop class": event("room:r", 1, drop_class=200),
    "a number too short": event("room:r", 1, body=part(9, b"\1\2")),
    "a kind too long": parcel(part(1, b"\0\0") + WHOLE[14:]),
    "a notice of nobody": parcel(kind=PRESENCE, topic="room:r", flags=1, rev=5, count=1, users=1),
    "a broken member": parcel(kind=PRESENCE, topic="room:r", flags=1, rev=5, count=1, users=1,
                              member=b"\xff\1"),
    "a member with broken info": parcel(kind=PRESENCE, topic="room:r", flags=1, rev=5, count=1,
                                        users=1, member=b"\1a\0{"),
}  # fmt: skip


async def test_broken_parcels_are_counted_and_skipped(cluster, redis):
    (gateway,) = await cluster(1, **FAST)
    async with connect(gateway) as ann:
        await ann.ok("join", room="r", presence=True)
        for n, (what, data) in enumerate(BAD.items(), 1):
            said(redis, "room:r", data)
            said(redis, "room:r", event("room:r", what))
            assert (await ann.event())["payload"] == what
            assert await broken(gateway) == n, what
        await ann.silent("presence", 0.2)
        await ann.silent("event", 0.01)


async def test_every_truncation_of_a_parcel_is_refused(cluster, redis):
    (gateway,) = await cluster(1)
    whole = event("room:r", {"a": [1, "b"]}, client="ann", id="x", drop_class=1)
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        with redis.connection() as c:
            c.pipeline([("PUBLISH", channel("room:r"), whole[:n]) for n in range(len(whole))])
        said(redis, "room:r", whole)
        assert (await ann.event())["payload"] == {"a": [1, "b"]}
        await ann.silent("event", 0.1)
        assert await broken(gateway) == len(whole)


async def test_any_changed_byte_does_no_harm(cluster, redis):
    """Most of them are refused, some are another message: the gateway and its client live on."""
    (gateway,) = await cluster(1, **FAST)
    whole = event("room:r", {"a": 1}, client="ann", user="bob", id="x", drop_class=1)
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        with redis.connection() as c:
            for n in range(len(whole)):
                bytes_ = [bytes([whole[n] ^ bit]) for bit in (1, 2, 16, 128)]
                forged = [whole[:n] + b + whole[n + 1 :] for b in bytes_]
                c.pipeline([("PUBLISH", channel("room:r"), data) for data in forged])
        said(redis, "room:r", event("room:r", "mark"))
        heard = 0
        while (await ann.event())["payload"] != "mark":
            heard += 1
        assert heard + await broken(gateway) == 4 * len(whole)


async def test_nonsense_on_the_node_channel_does_no_harm(cluster, redis):
    """Calls, replies and confirmations that nobody asked for."""
    (gateway,) = await cluster(1)
    async with connect(gateway) as ann:
        node = f"node:{ann.id[:8]}"
        for data in (
            parcel(kind=2, topic=f"client:{ann.id}", id="x", client="bob"),
            parcel(kind=2, topic="client:nobody", id="x", client="bob"),
            parcel(kind=3, node="zzzzzzzz", number=1, body=b"what?"),
            parcel(kind=3, node=ann.id[:8], number=2, body=b"\0\xff" * 100),
            parcel(kind=4, node="zzzzzzzz", number=123456, body=b"never asked"),
            parcel(kind=4, node="zzzzzzzz", number=2**64 - 1, error=1201),
            event("room:r", 1),
            event("client:nobody", 1),
            b"nonsense",
        ):
            assert said(redis, node, data) == 1
        said(redis, node, event(f"client:{ann.id}", "mark"))
        assert (await ann.event())["payload"] == "mark"
        assert (await ann.ask("ping"))["type"] == "pong"
        await ann.ok("join", room="r")


async def test_a_flood_of_broken_parcels_does_not_flood_the_log(cluster, redis):
    (gateway,) = await cluster(1)
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        with redis.connection() as c:
            c.pipeline([("PUBLISH", channel("room:r"), b"nonsense")] * 20000)

        async def counted():
            return await broken(gateway) == 20000

        await eventually(counted, timeout=10)
        assert len(gateway.log()) < 200000
        assert "nonsense" not in gateway.log(), "what others send is not for the log"
