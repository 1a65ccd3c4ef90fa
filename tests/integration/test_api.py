"""The HTTP API: what a request must look like, batches, limits."""

import asyncio
import contextlib
import json
import os
import socket

import pytest
from support.api import READ, Api, assert_refused, bearer, path_of, stream, write_keys
from support.cluster import FAST
from support.httpio import authority, head_of, read_answer
from support.timing import eventually, seconds
from support.wsclient import connect

GOOD = {"topic": "room:r", "event_type": "t", "payload": 1}
GETS = ["/v1/rooms", "/v1/clients", "/v1/nodes", "/v1/stats", "/v1/openapi.json"]


@pytest.fixture(name="guarded")
def fixture_guarded(start, tmp_path):
    return start(api_keys_file=write_keys(tmp_path))


# ---- requests ----


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/",
        "/v1/room",
        "/v1/rooms/",
        "/v1/rooms/a/b",
        "/v1/rooms/a/kick/",
        "/v1/rooms/a%20b",
        "/v1/rooms/%C3%A4",
        "/v1/rooms/" + "x" * 201,
        "/v1/nodes/x",
        "/v1/publish/batch/x",
        "/v1/openapi",
        "/V1/rooms",
    ],
)
async def test_an_unknown_path_is_404(gateway, path):
    assert_refused(await Api(gateway).ask("GET", path), 404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/rooms?limit=0",
        "/v1/rooms?limit=1001",
        "/v1/rooms?limit=-1",
        "/v1/rooms?limit=1.0",
        "/v1/rooms?limit=",
        "/v1/rooms?limit",
        "/v1/rooms?limit=1&limit=1",
        "/v1/rooms?prefix=",
        "/v1/rooms?prefix=a%20b",
        "/v1/rooms?prefix=a*",
        "/v1/rooms?prefix=a&glob=a*",
        "/v1/rooms?glob=%5Ba%5D",
        "/v1/rooms?after=%2F",
        "/v1/rooms?node=abcdefgh",
        "/v1/rooms?x=1",
        "/v1/clients?prefix=a",
        "/v1/rooms/r?prefix=a",
        "/v1/nodes?limit=1",
        "/v1/stats?x=",
        "/v1/users/u?limit=1",
        "/v1/rooms?prefix=" + "x" * 201,
    ],
)
async def test_a_wrong_parameter_is_400(gateway, path):
    assert_refused(await Api(gateway).ask("GET", path), 400, "bad_frame")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/v1/rooms", "GET, HEAD"),
        ("PUT", "/v1/rooms/r", "GET, HEAD"),
        ("DELETE", "/v1/clients/c", "GET, HEAD"),
        ("GET", "/v1/publish/batch", "POST"),
        ("HEAD", "/v1/rooms/r/kick", "POST"),
        ("DELETE", "/v1/nodes/n/drain", "POST"),
    ],
)
async def test_a_wrong_method_says_which_are_allowed(gateway, method, path, allow):
    answer = await Api(gateway).ask(method, path, with_body=method != "HEAD")
    assert answer.status == 405 and answer.headers["allow"] == allow


async def test_head_tells_what_get_would(gateway):
    for path in GETS[:3] + GETS[4:]:
        get = await Api(gateway).ask("GET", path)
        head = await Api(gateway).ask("HEAD", path, with_body=False)
        assert head.status == get.status == 200
        if path == "/v1/openapi.json":
            assert int(head.headers["content-length"]) == len(get.body)


async def test_names_may_be_written_with_percent_signs(gateway):
    async with connect(gateway) as ann:
        await ann.ok("join", room="a:b,c=d@e.f")
        for segment in ("a:b,c=d@e.f", "%61:b,c=d@e.f", "a%3Ab%2cc%3dd%40e%2Ef"):
            answer = await Api(gateway).ask("GET", f"/v1/rooms/{segment}")
            assert answer.status == 200 and answer.json["name"] == "a:b,c=d@e.f"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"{", "bad_json"),
        (b"nonsense", "bad_json"),
        (b"[]", "bad_frame"),
        (b"1", "bad_frame"),
        ({"client": "a", "user": "b"}, "bad_frame"),
        ({"client": 5}, "bad_frame"),
        ({"client": "a b"}, "bad_frame"),
        (b'{"client":"a","client":"a"}', "bad_frame"),
        ({"user": ""}, "bad_frame"),
        ({"client": "a", "reason": "x"}, "bad_frame"),
        ({}, "bad_frame"),
        (b"", "bad_frame"),
    ],
)
async def test_a_wrong_order_is_refused(gateway, body, name):
    await Api(gateway).refused(400, "rooms", "r", "kick", body=body, name=name)
    if name == "bad_json":
        await Api(gateway).refused(400, "rooms", "r", "disconnect", body=body, name=name)


async def test_an_order_is_json_of_a_bounded_size(gateway):
    api = Api(gateway)
    path = path_of("rooms", "r", "disconnect")
    plain = await api.ask("POST", path, {}, {"Content-Type": "text/plain"})
    assert_refused(plain, 415)
    big = b"{" + b" " * 2000 + b"}"
    assert_refused(await api.ask("POST", path, big), 413, "too_big")
    assert_refused(await api.ask("POST", path, b"", {"Content-Length": None}), 411)
    await api.refused(400, "rooms", "r", "disconnect", body={"x": 1}, name="bad_frame")


async def test_several_requests_share_a_connection(guarded):
    async with stream(guarded) as (reader, writer):
        for path, status in (
            ("/v1/nodes", 200),
            ("/v1/rooms?limit=0", 400),
            ("/v1/clients/nobody", 404),
            ("/v1/config", 403),
            ("/v1/stats", 200),
            ("/metrics", 200),
            ("/v1/rooms", 200),
        ):
            writer.write(head_of("GET", path, {"Host": authority(guarded.admin), **bearer(READ)}))
            answer = await asyncio.wait_for(read_answer(reader), seconds(5))
            assert answer.status == status, path
            assert answer.headers["connection"] == "keep-alive"


async def test_the_configuration_in_force_is_told_without_secrets(start):
    gateway = start(redis="redis://user:TopSecret@127.0.0.1:1", max_rate=77, demo_page="on")
    answer = await Api(gateway).ask("GET", "/v1/config")
    options = answer.json["options"]
    assert (options["max_rate"], options["demo_page"], options["tier"]) == (77, True, "memory")
    assert options["redis"] == "***" and "TopSecret" not in answer.text
    assert options["max_message_bytes"] == 1048576


async def test_a_refusal_of_head_has_no_body_either(guarded):
    async with stream(guarded) as (reader, writer):
        for path, key, status in (
            ("/v1/nodes", None, 401),
            ("/v1/config", READ, 403),
            ("/v1/nodes?x=1", READ, 400),
            ("/v1/clients/nobody", READ, 404),
            ("/v1/nowhere", READ, 404),
            ("/v1/publish", READ, 405),
            ("/v1/nodes", READ, 200),
        ):
            writer.write(head_of("HEAD", path, {"Host": authority(guarded.admin), **bearer(key)}))
            answer = await asyncio.wait_for(read_answer(reader, with_body=False), seconds(5))
            assert answer.status == status and answer.version == "HTTP/1.1", path


async def test_pipelined_requests_are_answered_in_order_or_the_connection_ends(gateway):
    async with stream(gateway) as (reader, writer):
        host = {"Host": authority(gateway.admin)}
        paths = ["/v1/nodes", "/v1/rooms", "/v1/stats", "/livez", "/v1/clients"]
        writer.write(b"".join(head_of("GET", p, host) for p in paths))
        for word in ("nodes", "rooms", "totals", "alive", "clients"):
            try:
                answer = await asyncio.wait_for(read_answer(reader), seconds(5))
            except (asyncio.IncompleteReadError, ConnectionResetError):
                break
            assert answer.status == 200 and word in answer.json
    assert (await Api(gateway).ask("GET", "/v1/nodes")).status == 200


# ---- batches ----


async def batch(gateway, messages, **kw):
    return await Api(gateway).ask("POST", "/v1/publish/batch", {"messages": messages}, **kw)


async def test_a_batch_arrives_in_its_order_and_each_has_an_answer(gateway):
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        messages = [{**GOOD, "payload": n} for n in range(100)]
        answer = await batch(gateway, messages)
        assert answer.status == 200
        assert answer.json == {"results": [{"nodes": 1, "receivers": 1}] * 100}
        assert [(await ann.event())["payload"] for _ in range(100)] == list(range(100))


async def test_a_refused_message_does_not_stop_the_others(gateway):
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        messages = [
            {**GOOD, "payload": 1},
            {**GOOD, "topic": "nowhere"},
            5,
            {},
            {**GOOD, "topic": "client:nobody"},
            {**GOOD, "payload": 2, "key": "k"},
            {**GOOD, "payload": 3, "key": "k"},
            {**GOOD, "payload": "last"},
        ]
        results = (await batch(gateway, messages)).json["results"]
        names = [r["error"]["name"] if "error" in r else None for r in results]
        assert names == [None, "bad_topic", "bad_frame", "missing_field", "gone", None, None, None]
        assert results[6]["duplicate"] is True and "duplicate" not in results[5]
        assert [(await ann.event())["payload"] for _ in range(3)] == [1, 2, "last"]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"", "bad_json"),
        (b'{"messages":[}', "bad_json"),
        ({}, "missing_field"),
        ([GOOD], "bad_frame"),
        ({"messages": GOOD}, "bad_frame"),
        ({"messages": []}, "bad_frame"),
        ({"messages": [GOOD] * 101}, "bad_frame"),
        ({"messages": [GOOD], "more": 1}, "bad_frame"),
        (b'{"messages":[],"messages":[]}', "bad_frame"),
    ],
)
async def test_a_wrong_batch_is_refused_as_a_whole(gateway, body, name):
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        assert_refused(await Api(gateway).ask("POST", "/v1/publish/batch", body), 400, name)
        assert (await batch(gateway, [{**GOOD, "payload": "mark"}])).status == 200
        assert (await ann.event())["payload"] == "mark"


async def test_a_batch_is_bounded_as_a_whole_and_each_message_by_itself(start):
    gateway = start(api_batch_bytes="64K", max_message_bytes="4K")
    big = {**GOOD, "payload": "x" * 3000}
    assert (await batch(gateway, [big] * 20)).status == 200
    assert_refused(await batch(gateway, [big] * 30), 413, "too_big")
    assert_refused(
        await Api(gateway).ask("POST", "/v1/publish", {**GOOD, "payload": "x" * 5000}), 413
    )
    results = (await batch(gateway, [{**GOOD, "payload": "x" * 5000}, GOOD])).json["results"]
    assert results[0]["error"]["name"] == "too_big" and "error" not in results[1]


async def test_a_batch_is_published_though_nobody_waits_for_its_answer(start):
    gateway = start(**FAST)
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        body = json.dumps({"messages": [{**GOOD, "payload": n} for n in range(100)]}).encode()
        head = {
            "Host": authority(gateway.admin),
            "Content-Type": "application/json",
            "Content-Length": len(body),
        }
        async with stream(gateway) as (_, writer):
            writer.write(head_of("POST", "/v1/publish/batch", head) + body)
            await writer.drain()
        assert [(await ann.event())["payload"] for _ in range(100)] == list(range(100))


# ---- limits ----


async def test_a_body_that_trickles_in_is_cut(start):
    gateway = start(api_body_ms=500)
    async with stream(gateway) as (reader, writer):
        head = {
            "Host": authority(gateway.admin),
            "Content-Type": "application/json",
            "Content-Length": 1000,
        }
        writer.write(head_of("POST", "/v1/publish", head))

        async def trickle():
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b" ")
                    await asyncio.sleep(0.05)

        task = asyncio.create_task(trickle())
        answer = await asyncio.wait_for(read_answer(reader), seconds(5))
        assert_refused(answer, 408, "request_timeout")
        assert answer.headers["connection"] == "close"
        task.cancel()
    assert (await Api(gateway).ask("POST", "/v1/publish", GOOD)).status == 200


async def test_a_silent_connection_is_closed(start):
    gateway = start(api_idle_ms=1000)
    async with stream(gateway) as (reader, writer):
        writer.write(head_of("GET", "/v1/nodes", {"Host": authority(gateway.admin)}))
        assert (await asyncio.wait_for(read_answer(reader), seconds(5))).status == 200
        assert await asyncio.wait_for(reader.read(1), seconds(8)) == b""


async def test_when_all_places_are_taken_the_longest_idle_gives_way(start):
    gateway = start(api_max_connections=8)
    async with contextlib.AsyncExitStack() as stack:
        idle = [await stack.enter_async_context(stream(gateway)) for _ in range(8)]
        request = head_of("GET", "/v1/nodes", {"Host": authority(gateway.admin)})
        for reader, writer in (idle[0], idle[1]):  # these two have said something last
            writer.write(request)
            assert (await asyncio.wait_for(read_answer(reader), seconds(5))).status == 200
        assert (await gateway.http("GET", "/readyz")).status == 200
        assert await asyncio.wait_for(idle[2][0].read(1), seconds(5)) == b""
        for reader, writer in (idle[0], idle[1], idle[7]):
            writer.write(request)
            assert (await asyncio.wait_for(read_answer(reader), seconds(5))).status == 200
        crowd = [await stack.enter_async_context(stream(gateway)) for _ in range(100)]
        assert (await gateway.http("GET", "/livez")).status == 200

        def few():
            return len(os.listdir(f"/proc/{gateway.pid}/fd")) < 40

        await eventually(few)
        assert len(crowd) == 100


@contextlib.asynccontextmanager
async def large_answer(gateway):
    """A socket on which an answer of more than the kernel keeps for it has been asked for."""
    async with connect(gateway) as ann:
        for i in range(0, 1000, 100):
            await ann.ok("join", rooms=[f"{n:03}".ljust(200, "x") for n in range(i, i + 100)])
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            s.connect(gateway.admin)
            host = {"Host": authority(gateway.admin)}
            s.sendall(head_of("GET", "/v1/rooms?limit=1000", host))
            s.setblocking(False)
            yield s


MANY = {**FAST, "topics_per_client": 2000, "socket_send_buffer": "4K"}


async def test_a_slow_reader_gets_all_of_it(start):
    gateway = start(**MANY)
    loop = asyncio.get_running_loop()
    async with large_answer(gateway) as s:
        got = b""
        while not got.endswith(b"}\n"):
            piece = await asyncio.wait_for(loop.sock_recv(s, 4096), seconds(5))
            assert piece, "cut"
            got += piece
            await asyncio.sleep(0.002)
        rooms = json.loads(got[got.index(b"\r\n\r\n") :])["rooms"]
        assert [r["name"][:3] for r in rooms] == [f"{n:03}" for n in range(1000)]


async def test_who_does_not_read_the_answer_is_not_kept(start):
    gateway = start(api_body_ms=1000, **MANY)
    loop = asyncio.get_running_loop()
    async with large_answer(gateway) as s:
        assert await asyncio.wait_for(loop.sock_recv(s, 1), seconds(5)) == b"H"
        before = gateway.descriptors()

        def gone():
            return gateway.descriptors() < before

        await eventually(gone)
        assert (await Api(gateway).ask("GET", "/v1/nodes")).status == 200
