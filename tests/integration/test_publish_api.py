"""POST /v1/publish: what a backend sends."""

import asyncio
import json

import pytest
from support.httpio import authority, head_of, read_answer, request
from support.timing import seconds
from support.wsclient import ERRORS, connect

GOOD = {"topic": "room:r", "event_type": "t", "payload": {"a": 1}}


async def post(gateway, body, headers=None, **kw):
    return await request(gateway.admin, "POST", "/v1/publish", headers, body, **kw)


def assert_refused(answer, name, status):
    assert answer.status == status, answer
    assert answer.headers["content-type"].startswith("application/json")
    said = answer.json["error"]
    assert said["name"] == name, said
    assert said["code"] == ERRORS[name]
    assert said["message"]


async def test_it_reaches_the_members_and_counts_them(gateway):
    async with connect(gateway) as ann, connect(gateway) as bob:
        await ann.ok("join", room="r")
        await bob.ok("join", room="r")
        answer = await post(gateway, GOOD)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.json == {"nodes": 1, "receivers": 2}
        for client in (ann, bob):
            event = await client.event()
            assert event["payload"] == {"a": 1}
            assert "from" not in event


@pytest.mark.parametrize(
    ("topic", "receivers"),
    [("room:r", 1), ("event:t", 1), ("user:ann", 2), ("all", 3), ("room:empty", 0)],
)
async def test_it_reaches_every_kind_of_topic(gateway, topic, receivers):
    async with connect(gateway, user="ann") as ann, connect(gateway, user="ann"), connect(
        gateway
    ) as bob:
        await bob.ok("join", room="r")
        await bob.ok("subscribe", events=["t"])
        answer = await post(gateway, {"topic": topic, "event_type": "t", "payload": 1})
        assert answer.status == 200
        assert answer.json["receivers"] == receivers
        if topic in ("user:ann", "all"):
            assert (await ann.event())["topic"] == topic
        if topic in ("room:r", "event:t", "all"):
            assert (await bob.event())["topic"] == topic


async def test_to_a_client_or_none(gateway):
    async with connect(gateway) as ann:
        answer = await post(gateway, {**GOOD, "topic": f"client:{ann.id}"})
        assert answer.status == 200 and answer.json["receivers"] == 1
        assert (await ann.event())["payload"] == {"a": 1}
        gone = await post(gateway, {**GOOD, "topic": "client:nobody"})
        assert_refused(gone, "gone", 404)


async def test_a_payload_arrives_byte_for_byte(gateway):
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        raw = '{ "n":1234567890123456789 , "x":1.0,"e":1e400, "s":"\\u0041 ä" }'
        body = f'{{"topic":"room:r","event_type":"t","payload":{raw}}}'.encode()
        assert (await post(gateway, body)).status == 200
        assert f'"payload":{raw}' in (await ann.event()).text


async def test_a_key_works_as_for_clients(gateway):
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        first = await post(gateway, {**GOOD, "key": "k"})
        again = await post(gateway, {**GOOD, "key": "k"})
        assert first.status == again.status == 200
        assert not first.json.get("duplicate") and again.json["duplicate"] is True
        await post(gateway, {**GOOD, "payload": "mark"})
        assert [(await ann.event())["payload"] for _ in range(2)] == [{"a": 1}, "mark"]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b"nonsense", "bad_json"),
        (b'{"topic":"room:r",}', "bad_json"),
        (b'{"a":"\xff"}', "bad_json"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "bad_json"),
        (b"[]", "bad_frame"),
        (b"null", "bad_frame"),
        ({}, "missing_field"),
        ({"topic": "room:r", "event_type": "t"}, "missing_field"),
        ({"topic": "room:r", "payload": 1}, "missing_field"),
        ({**GOOD, "topic": "nowhere"}, "bad_topic"),
        ({**GOOD, "topic": "room:a b"}, "bad_topic"),
        ({**GOOD, "topic": 5}, "bad_frame"),
        ({**GOOD, "key": 5}, "bad_frame"),
        ({**GOOD, "priority": "urgent"}, "bad_frame"),
        ({**GOOD, "event_type": "task_update"}, "bad_payload"),
        ({"topic": "event:a", "event_type": "b", "payload": 1}, "bad_frame"),
    ],
)
async def test_bad_input_is_refused_by_name(gateway, body, name):
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        assert_refused(await post(gateway, body), name, 400)
        assert (await post(gateway, {**GOOD, "payload": "mark"})).status == 200
        assert (await ann.event())["payload"] == "mark"


async def test_nobody_waits_for_a_confirmation_here(gateway):
    async with connect(gateway) as ann:
        body = {**GOOD, "topic": f"client:{ann.id}", "ack": True}
        assert_refused(await post(gateway, body), "bad_frame", 400)
        assert (await post(gateway, {**body, "ack": False, "id": "means nothing"})).status == 200
        assert "id" not in await ann.event()


async def test_too_big_is_413(start):
    gateway = start(max_message_bytes="4K")
    fits = {**GOOD, "payload": "x" * 3900}
    assert (await post(gateway, fits)).status == 200
    assert_refused(await post(gateway, {**GOOD, "payload": "x" * 4100}), "too_big", 413)
    assert (await post(gateway, GOOD)).status == 200


async def test_a_length_beyond_everything_is_refused_without_waiting_for_it(gateway):
    for length in ("5000000000", "99999999999999999999999", "-1", "1x", "0x10"):
        raw = head_of(
            "POST",
            "/v1/publish",
            {
                "Host": authority(gateway.admin),
                "Content-Type": "application/json",
                "Content-Length": length,
            },
        )
        reader, writer = await asyncio.open_connection(*gateway.admin)
        writer.write(raw + b"{}")
        try:
            answer = await asyncio.wait_for(read_answer(reader), seconds(3))
            assert answer.status in (400, 413), length
        except (asyncio.IncompleteReadError, ConnectionResetError):
            pass
        writer.transport.abort()
    assert (await post(gateway, GOOD)).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=application/json"}, 415),
        ({"Content-Type": "application/jsonx"}, 415),
        ({"Content-Type": None}, 415),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "localhost.evil.example:80"}, 403),
        ({"Host": "10.0.0.1"}, 403),
    ],
)
async def test_a_web_page_cannot_use_it(gateway, headers, status):
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        answer = await post(gateway, GOOD, headers)
        assert answer.status == status, answer
        assert (await post(gateway, {**GOOD, "payload": "mark"})).status == 200
        assert (await ann.event())["payload"] == "mark"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "LOCALHOST:80", "[::1]", "[::1]:8001", "127.1.2.3:5"]
)
async def test_loopback_names_are_welcome(gateway, host):
    assert (await post(gateway, GOOD, {"Host": host})).status == 200


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "Application/JSON;x=y"]
)
async def test_json_is_json_with_parameters_too(gateway, kind):
    assert (await post(gateway, GOOD, {"Content-Type": kind})).status == 200


async def test_two_requests_on_one_connection(gateway):
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        reader, writer = await asyncio.open_connection(*gateway.admin)
        for n in range(5):
            body = json.dumps({**GOOD, "payload": n}).encode()
            writer.write(
                head_of(
                    "POST",
                    "/v1/publish",
                    {
                        "Host": authority(gateway.admin),
                        "Content-Type": "application/json",
                        "Content-Length": len(body),
                    },
                )
                + body
            )
            answer = await asyncio.wait_for(read_answer(reader), seconds(5))
            assert answer.status == 200
            assert (await ann.event())["payload"] == n
        writer.close()


async def test_a_refusal_does_not_spoil_the_connection(gateway):
    """Either the connection ends with the refusal, or the next request on it is understood."""
    reader, writer = await asyncio.open_connection(*gateway.admin)
    for body, status in ((b'{"topic":1', 400), (json.dumps(GOOD).encode(), 200)):
        writer.write(
            head_of(
                "POST",
                "/v1/publish",
                {
                    "Host": authority(gateway.admin),
                    "Content-Type": "application/json",
                    "Content-Length": len(body),
                },
            )
            + body
        )
        try:
            answer = await asyncio.wait_for(read_answer(reader), seconds(5))
        except (asyncio.IncompleteReadError, ConnectionResetError):
            assert status == 200, "no answer to the first one"
            break
        assert answer.status == status
    writer.transport.abort()


async def test_a_body_may_come_slowly(gateway):
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        body = json.dumps(GOOD).encode()
        reader, writer = await asyncio.open_connection(*gateway.admin)
        head = head_of(
            "POST",
            "/v1/publish",
            {
                "Host": authority(gateway.admin),
                "Content-Type": "application/json",
                "Content-Length": len(body),
            },
        )
        for i in range(0, len(head), 40):
            writer.write(head[i : i + 40])
            await asyncio.sleep(0.01)
        for i in range(len(body)):
            writer.write(body[i : i + 1])
            await asyncio.sleep(0.005)
        assert (await asyncio.wait_for(read_answer(reader), seconds(5))).status == 200
        assert (await ann.event())["payload"] == {"a": 1}
        writer.close()


async def test_a_body_that_never_ends_leaves_nothing(gateway):
    for body in (b"", b'{"topic":', b"x" * 900):
        _, writer = await asyncio.open_connection(*gateway.admin)
        writer.write(
            head_of(
                "POST",
                "/v1/publish",
                {
                    "Host": authority(gateway.admin),
                    "Content-Type": "application/json",
                    "Content-Length": 1000,
                },
            )
            + body
        )
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()
    assert (await post(gateway, GOOD)).status == 200
    await asyncio.sleep(0.1)
    assert (await gateway.metrics())("queued_bytes") == 0


async def test_many_at_once_are_all_answered(gateway):
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        answers = await asyncio.gather(*(post(gateway, {**GOOD, "payload": n}) for n in range(100)))
        assert {a.status for a in answers} == {200}
        assert sorted([(await ann.event())["payload"] for _ in range(100)]) == list(range(100))
