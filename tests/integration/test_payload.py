"""Payloads travel byte for byte; the ones of known event types are checked field by field."""

import json

import pytest
from support.wsclient import assert_error, connect

UNCHANGED = [
    "1234567890123456789",
    "12345678901234567890123456789",
    "1.0",
    "1e400",
    "-0",
    "-0.0",
    "1E+2",
    "0.1000000000000000055511151231257827",
    "true",
    "false",
    "null",
    '""',
    "[]",
    "{}",
    '"\\u0041\\n\\/\\"\\\\"',
    '"\\ud83d\\ude00"',
    '"😀 ä \u2028 \u00a0 日本"',
    '"\\u0000"',
    '"\u007f"',
    '{ "b" : 1 ,\n\t"a" : [ 1 , 2 ] , "b" : 2 }',
    "[ ]",
    '{"":{"":[[[{}]]]}}',
    '"</script>"',
    '{"type":"error","id":1}',
    "[" * 20 + "]" * 20,
    '"' + "x" * 20000 + '"',
    '"' + "ä" * 40000 + '"',
]

KNOWN = {
    "task_update": {"task_id": "t1", "status": "running", "progress": 0.5, "message": "half"},
    "queue_status": {
        "total_tasks": 5,
        "pending_tasks": 1,
        "running_tasks": 2,
        "completed_tasks": 2,
        "failed_tasks": 0,
    },
    "notification": {
        "level": "info",
        "title": "T",
        "message": "M",
        "timestamp": "2024-01-01T00:00:00Z",
    },
}

OPTIONAL = {"progress", ("task_update", "message")}

WRONG = [
    ("task_update", "task_id", [None, "", True, [], {}]),
    ("task_update", "status", [None, "", 1, []]),
    ("task_update", "progress", [-0.01, 1.01, "0.5", None, True, 2]),
    ("task_update", "message", [None, 1, {}]),
    *[("queue_status", f, [-1, 1.5, "1", None, True]) for f in KNOWN["queue_status"]],
    ("notification", "level", [None, "", "fatal", "Info", 1]),
    ("notification", "title", [None, 1, []]),
    ("notification", "message", [None, 1, {}]),
    ("notification", "timestamp", [None, True, [], {}]),
]

RIGHT = [
    ("task_update", "task_id", ["t", 7]),
    ("task_update", "progress", [0, 1, 0.0, 1.0, 1e-9]),
    ("queue_status", "total_tasks", [0, 2**53]),
    ("notification", "level", ["info", "warning", "error", "success"]),
    ("notification", "timestamp", ["2024-01-01T00:00:00Z", 1700000000000, 1.5]),
]


@pytest.mark.parametrize("echo", ["", ',"echo":true'])
async def test_a_payload_arrives_byte_for_byte(gateway, echo):
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        for raw in UNCHANGED:
            await ann.send_text(
                f'{{"type":"publish","topic":"room:r","event_type":"t"{echo},"payload": {raw} }}'
            )
            event = await ann.event()
            assert f'"payload":{raw}' in event.text, (raw[:60], event.text[:200])
            json.loads(event.text)


async def test_info_arrives_byte_for_byte(gateway):
    async with connect(gateway) as ann:
        raw = '{ "n" : 1234567890123456789 , "s":"\\u0041 ä" }'
        await ann.send_text(f'{{"type":"join","id":1,"room":"r","presence":true,"info":{raw}}}')
        answer = await ann.next("ack")
        assert f'"info":{raw}' in answer.text


async def test_a_payload_may_be_32_deep_and_its_objects_have_1024_keys(gateway):
    async with connect(gateway) as ann:
        deep, wide = 1, {f"k{n}": n for n in range(1024)}
        for _ in range(16):
            deep = {"a": [deep]}
        for good in (deep, wide, {"a": wide, "b": wide}, list(range(5000))):
            await ann.ok("publish", topic="room:r", event_type="t", payload=good)
        for bad in ([deep], {**wide, "more": 1}, [{**wide, "more": 1}]):
            await ann.send("publish", id=1, topic="room:r", event_type="t", payload=bad)
            answer = await ann.next()
            assert_error(answer, "bad_json")
            assert answer["id"] == 1


async def test_a_payload_that_is_far_too_deep_is_refused(gateway):
    async with connect(gateway) as ann:
        for depth in (100, 100000):
            await ann.send_text(
                '{"type":"publish","id":1,"topic":"room:r","event_type":"t","payload":'
                + "[" * depth
                + "]" * depth
                + "}"
            )
            assert (await ann.next())["name"] == "bad_json"


# ---- known event types ----


@pytest.mark.parametrize("event_type", KNOWN)
async def test_a_whole_payload_of_a_known_type_is_taken(gateway, event_type):
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        for payload in (KNOWN[event_type], {**KNOWN[event_type], "more": [1]}):
            await ann.ok("publish", topic="room:r", event_type=event_type, payload=payload)
            assert (await ann.event())["payload"] == payload
        await ann.ok("publish", topic=f"event:{event_type}", payload=KNOWN[event_type])


@pytest.mark.parametrize("event_type", KNOWN)
async def test_a_missing_field_is_named(gateway, event_type):
    async with connect(gateway) as ann:
        for field in KNOWN[event_type]:
            payload = {k: v for k, v in KNOWN[event_type].items() if k != field}
            if field in OPTIONAL or (event_type, field) in OPTIONAL:
                await ann.ok("publish", topic="room:r", event_type=event_type, payload=payload)
                continue
            error = await ann.refused(
                "bad_payload", "publish", topic="room:r", event_type=event_type, payload=payload
            )
            assert field in error["message"]


@pytest.mark.parametrize(("event_type", "field", "values"), WRONG)
async def test_a_wrong_field_is_named(gateway, event_type, field, values):
    async with connect(gateway) as ann:
        for value in values:
            error = await ann.refused(
                "bad_payload",
                "publish",
                topic="room:r",
                event_type=event_type,
                payload={**KNOWN[event_type], field: value},
            )
            assert field in error["message"], (value, error)


@pytest.mark.parametrize(("event_type", "field", "values"), RIGHT)
async def test_every_right_value_is_taken(gateway, event_type, field, values):
    async with connect(gateway) as ann:
        for value in values:
            await ann.ok(
                "publish",
                topic="room:r",
                event_type=event_type,
                payload={**KNOWN[event_type], field: value},
            )


@pytest.mark.parametrize("event_type", KNOWN)
async def test_a_known_type_wants_an_object(gateway, event_type):
    async with connect(gateway) as ann:
        for payload in (None, 1, "x", [], [KNOWN[event_type]]):
            await ann.refused(
                "bad_payload", "publish", topic="room:r", event_type=event_type, payload=payload
            )


@pytest.mark.parametrize(
    "event_type", ["task_updated", "task_created", "system_notification", "Task_update"]
)
async def test_conventional_and_other_types_are_free(gateway, event_type):
    async with connect(gateway) as ann:
        await ann.ok("publish", topic="room:r", event_type=event_type, payload=1)
