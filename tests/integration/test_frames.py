"""What a frame may look like, what answers it, and what too many bad ones cost (PROTOCOL.md)."""

import asyncio
import json

import pytest
from support.rawws import BINARY, TEXT, Peer, frame
from support.timing import SANITIZED
from support.wsclient import ERRORS, assert_error, connect

STABLE = {
    "bad_json": 1001,
    "bad_frame": 1002,
    "unknown_type": 1003,
    "missing_field": 1004,
    "bad_topic": 1005,
    "bad_payload": 1006,
    "too_big": 1007,
    "forbidden": 1008,
    "not_authenticated": 1101,
    "expired": 1102,
    "not_joined": 1103,
    "too_many_topics": 1104,
    "room_full": 1105,
    "rate_limited": 1106,
    "queue_full": 1107,
    "gone": 1108,
    "unavailable": 1201,
    "uncertain": 1202,
    "overloaded": 1203,
    "not_supported": 1204,
    "internal": 1299,
}

BAD_JSON = [
    "",
    " ",
    "{",
    "}",
    "[",
    "nul",
    "True",
    "'a'",
    '{"type":"ping"',
    '{"type":"ping",}',
    '{"type":"ping"}}',
    '{"type":"ping"} x',
    '{"type":"ping"}{"type":"ping"}',
    "{'type':'ping'}",
    '{type:"ping"}',
    '{"type":"ping","id":01}',
    '{"type":"ping","id":+1}',
    '{"type":"ping","id":.5}',
    '{"type":"ping","id":1.}',
    '{"type":"ping","id":1e}',
    '{"type":"ping","id":0x10}',
    '{"type":"ping","id":NaN}',
    '{"type":"ping","id":Infinity}',
    '{"type":"ping","id":-}',
    '{"type":"pi\tng"}',
    '{"type":"pi\nng"}',
    '{"type":"pi\\xng"}',
    '{"type":"\\u12"}',
    '{"type":"\\ud800"}',
    '{"type":"\\udc00\\ud800"}',
    '{"type":"ping" "id":1}',
    '{"type" "ping"}',
    '{"type":"ping",,"id":1}',
    '{"type":"ping"/**/}',
    '{"type":"ping"}//',
    '\ufeff{"type":"ping"}',
    '{"type":"ping","a":[1,]}',
    '{"type":"ping","a":[1 2]}',
    '{"type":"ping"}\u0000',
    "\u0000",
    '{"a":' * 100 + "1" + "}" * 100,
    "[" * 100000,
]

BAD_FRAMES = [
    "[]",
    "1",
    "null",
    '"ping"',
    "true",
    '[{"type":"ping"}]',
    '{"type":1}',
    '{"type":null}',
    '{"type":["ping"]}',
    '{"type":"ping","type":"ping"}',
    '{"type":"ping","id":1,"id":2}',
    '{"type":"ping","ty\\u0070e":"pong"}',
]


async def test_the_numbers_of_errors_are_the_ones_promised():
    assert ERRORS == STABLE


# ---- ids ----


@pytest.mark.parametrize(
    "raw",
    [
        "1",
        "0",
        "-1",
        "9007199254740993",
        "18446744073709551616",
        '"a"',
        '""',
        '"a b/ä\\u00e4\\n"',
        '"' + "x" * 64 + '"',
        "1" * 64,
    ],
)
async def test_an_answer_carries_the_id_as_it_came(gateway, raw):
    async with connect(gateway) as ann:
        for request, kind in (
            ('"ping"', "pong"),
            ('"join","room":"r"', "ack"),
            ('"nope"', "error"),
        ):
            await ann.send_text(f'{{"type":{request},"id":{raw}}}')
            answer = await ann.next()
            assert answer["type"] == kind
            assert answer["id"] == json.loads(raw)


@pytest.mark.parametrize(
    "raw", ["1.5", "1e3", "null", "true", "[]", "{}", '"' + "x" * 65 + '"', "1" * 65]
)
async def test_a_wrong_id_is_an_error_without_id(gateway, raw):
    async with connect(gateway) as ann:
        await ann.send_text(f'{{"type":"ping","id":{raw}}}')
        error = await ann.next()
        assert_error(error, "bad_frame")
        assert "id" not in error


async def test_without_id_success_is_silent_and_an_error_is_not(gateway):
    async with connect(gateway) as ann:
        await ann.send("join", room="r")
        await ann.send("publish", topic="room:r", event_type="t", payload=1)
        await ann.send("subscribe", events=["e"])
        await ann.send("leave", room="r")
        await ann.send("join", room="no good")
        error = await ann.next("error")
        assert_error(error, "bad_topic")
        assert "id" not in error
        await ann.event()
        assert not ann.inbox


async def test_ping_is_answered_with_or_without_id(gateway):
    async with connect(gateway) as ann:
        await ann.send("ping")
        assert await ann.next() == {"type": "pong"}
        assert await ann.ask("ping") == {"type": "pong", "id": 1}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("history", {"topic": "room:r"}),
        ("history", {"topic": "room:r", "limit": 5}),
        ("refresh", {"token": "SECRET"}),
    ],
)
async def test_what_comes_later_is_not_supported_yet(gateway, kind, fields):
    async with connect(gateway) as ann:
        await ann.refused("not_supported", kind, **fields)


@pytest.mark.parametrize(
    "kind", ["", "Ping", "ping ", "welcome", "event", "gap", "x" * 1000, "ä", "none"]
)
async def test_an_unknown_type_is_named_as_such(gateway, kind):
    async with connect(gateway) as ann:
        await ann.refused("unknown_type", kind)


async def test_a_frame_without_type_says_so(gateway):
    async with connect(gateway) as ann:
        await ann.send_text('{"id":5}')
        error = await ann.next()
        assert_error(error, "missing_field")
        assert error["id"] == 5
        assert "type" in error["message"]


# ---- bad frames ----


@pytest.mark.parametrize(("bad", "error"), [(BAD_JSON, "bad_json"), (BAD_FRAMES, "bad_frame")])
async def test_bad_frames_are_refused_one_by_one(start, bad, error):
    gateway = start(max_errors=1000)
    async with connect(gateway) as ann, connect(gateway) as bob:
        await bob.ok("join", room="r")
        for n, text in enumerate(bad):
            await ann.send_text(text)
            answer = await ann.next()
            assert answer["type"] == "error", (text[:80], answer)
            assert answer["name"] == error, (text[:80], answer)
            await ann.ok("publish", topic="room:r", event_type="t", payload=n)  # it is still heard
            assert (await bob.event())["payload"] == n
        metrics = await gateway.metrics()
        assert metrics("errors_total", name=error) == len(bad)
        assert metrics("connections") == 2


async def test_blanks_and_escapes_do_not_matter(gateway):
    async with connect(gateway) as ann:
        await ann.send_text(' \r\n\t{ "id" : 1 , "\\u0074ype" : "p\\u0069ng" } \n')
        assert await ann.next() == {"type": "pong", "id": 1}


async def test_a_frame_has_at_most_64_fields(gateway):
    async with connect(gateway) as ann:
        assert await ann.ask("ping", **{f"f{n}": n for n in range(62)}) == {"type": "pong", "id": 1}
        await ann.refused("bad_frame", "ping", **{f"f{n}": n for n in range(63)})


async def test_the_name_of_a_field_has_at_most_64_bytes(gateway):
    async with connect(gateway) as ann:
        assert (await ann.ask("ping", **{"n" * 64: 1}))["type"] == "pong"
        await ann.refused("bad_frame", "ping", **{"n" * 65: 1})


async def test_every_refused_item_is_an_error_of_its_own_where_there_is_no_id(gateway):
    async with connect(gateway) as ann:
        await ann.send("join", rooms=["a b", "fine", "fine"])
        assert_error(await ann.next("error"), "bad_topic")
        await ann.ok("publish", topic="room:fine", event_type="t", payload=1)
        assert (await ann.event())["payload"] == 1


async def test_a_message_above_the_limit_is_1009(start):
    gateway = start(max_message_bytes="4K")
    async with connect(gateway) as bob:
        await bob.ok("join", room="r")
        for pieces in (1, 3):
            async with await Peer.open(gateway) as ann:
                await ann.next("welcome")
                part = b" " * (4200 // pieces)
                await ann.send(frame(TEXT, part, fin=pieces == 1))
                for n in range(1, pieces):
                    await ann.send(frame(0, part, fin=n == pieces - 1))
                assert await ann.closed() == 1009
        await bob.ok("publish", topic="room:r", event_type="t", payload=1)
        assert (await bob.event())["payload"] == 1
        assert (await gateway.metrics())("connections_closed_total", reason="too_big") == 2


async def test_a_message_at_the_limit_is_taken(start):
    gateway = start(max_message_bytes="4K")
    async with connect(gateway) as ann:
        text = '{"type":"ping","id":1}'
        await ann.send_text(text + " " * (4096 - len(text)))
        assert await ann.next() == {"type": "pong", "id": 1}
        await ann.send_text(text + " " * (4097 - len(text)))
        assert await ann.closed() == 1009


@pytest.mark.parametrize("pieces", [[b"x"], [b""], [b"ab", b"cd"], [b'{"type":"ping"}']])
async def test_binary_is_1003(gateway, pieces):
    async with connect(gateway) as bob, await Peer.open(gateway) as ann:
        for n, piece in enumerate(pieces):
            await ann.send(frame(BINARY if n == 0 else 0, piece, fin=n == len(pieces) - 1))
        assert await ann.closed() == 1003
        await bob.ok("join", room="r")


@pytest.mark.parametrize(
    "bad",
    [
        b"\xff",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
        b"\x80",
        b'{"type":"ping","a":"\xc3\x28"}',
    ],
)
async def test_what_is_not_utf8_is_1007(gateway, bad):
    async with connect(gateway) as bob, await Peer.open(gateway) as ann:
        await ann.send(frame(TEXT, bad))
        assert await ann.closed() == 1007
        await bob.ok("join", room="r")


# ---- max_errors ----


async def test_too_many_errors_are_4010(start):
    gateway = start(max_errors=5)
    async with connect(gateway) as ann, connect(gateway) as bob:
        await bob.ok("join", room="r")
        await ann.ok("join", room="r")
        for n in range(20):
            await ann.send("nope", id=n)
        assert await ann.closed() == 4010
        names = [f["name"] for f in ann.inbox if f["type"] == "error"]
        assert 5 <= len(names) <= 6 and set(names) == {"unknown_type"}
        await bob.ok("publish", topic="room:r", event_type="t", payload=1)
        assert (await bob.event())["payload"] == 1
        assert (await gateway.metrics())("connections_closed_total", reason="too_many_errors") == 1


async def test_errors_that_a_correct_client_may_meet_do_not_count(start):
    gateway = start(max_errors=3, topics_per_client=1)
    async with connect(gateway) as ann:
        await ann.ok("join", room="a")
        for _ in range(20):
            await ann.refused("too_many_topics", "join", room="b")
            await ann.refused("not_supported", "history", topic="room:a")


async def test_what_is_refused_inside_of_results_does_not_end_the_frame(start):
    gateway = start(max_errors=1000)
    async with connect(gateway) as ann:
        answer = await ann.ok("join", rooms=["a b", "c d", "fine"])
        assert ["error" in r for r in answer["results"].values()] == [True, True, False]


@pytest.mark.parametrize("count", [2000 if SANITIZED else 10000])
async def test_random_bytes_never_disturb_others(start, count):
    """Mutations of good frames from many short connections, while two others go on talking."""
    import random

    gateway = start(max_errors=1000000, max_rate=1000000)
    chance = random.Random(20)
    good = [
        b'{"type":"join","id":1,"room":"r","presence":true,"info":{"a":[1,2]}}',
        b'{"type":"publish","id":"x","topic":"room:s","event_type":"t","payload":[1],"key":"q"}',
        b'{"type":"subscribe","events":["a","b","c"]}',
        b'{"type":"presence","room":"r"}',
        b'{"type":"ack","ids":["a"]}',
    ]

    def spoiled():
        data = bytearray(chance.choice(good))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            data[at : at + chance.randint(0, 3)] = chance.choice(
                [
                    b"",
                    b'"',
                    b"{",
                    b"}",
                    b",",
                    b"\\",
                    b"\x00",
                    b"null",
                    b"[",
                    bytes([chance.randrange(128)]),
                ]
            )
        return bytes(data)

    async def attack(n):
        async with await Peer.open(gateway) as peer:
            for _ in range(n // 50):
                await peer.send(*(frame(TEXT, spoiled()) for _ in range(50)))
            await peer.send(frame(TEXT, b'{"type":"ping","id":"the end"}'))
            while (await peer.next("pong")).get("id") != "the end":
                pass

    async def talk(ann, bob):
        for n in range(100):
            await ann.ok("publish", topic="room:talk", event_type="t", payload=n)
            assert (await bob.event())["payload"] == n

    async with connect(gateway) as ann, connect(gateway) as bob:
        await bob.ok("join", room="talk")
        await asyncio.gather(talk(ann, bob), *(attack(count // 10) for _ in range(10)))
