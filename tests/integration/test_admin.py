"""The admin listener: metrics and health."""

import asyncio
import re
import socket

import pytest
from support.httpio import authority, exchange, head_of, read_answer, request
from support.metrics import Metrics
from support.timing import ROOT, eventually, seconds
from support.wsclient import connect


def rows(kind):
    table = (ROOT / "gateway/base/metrics.def").read_text()
    return re.findall(rf"^{kind}\((\w+)", table, re.M)


async def test_every_metric_is_there_with_help_and_type(gateway):
    answer = await gateway.http("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    metrics = Metrics(answer.text)  # reads every line, strictly
    for kind, wire, ending in (
        ("COUNTER", "counter", "_total"),
        ("GAUGE", "gauge", ""),
        ("HISTOGRAM", "histogram", ""),
        ("BY_ERROR", "counter", "_total"),
        ("BY_CLOSE", "counter", "_total"),
        ("BY_LABEL", "counter", "_total"),
    ):
        names = rows(kind)
        assert names
        for name in names:
            full = f"roomcast_{name}{ending}"
            assert metrics.types[full] == wire
            assert metrics.help[full]
    assert (
        metrics(
            "build_info",
            **dict(
                next(labels for name, labels in metrics.samples if name == "roomcast_build_info")
            ),
        )
        == 1
    )
    assert metrics("tier_up") == 1
    assert metrics("memory_limit_bytes") > 0


async def test_histograms_are_cumulative_and_end_with_infinity(gateway):
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
        for n in range(50):
            await ann.ok("publish", topic="room:r", event_type="t", payload=n)
            await ann.event()
    metrics = await gateway.metrics()
    for name in rows("HISTOGRAM"):
        buckets = [
            (dict(labels)["le"], v)
            for (n, labels), v in metrics.samples.items()
            if n == f"roomcast_{name}_bucket"
        ]
        bounds = [float(le) for le, _ in buckets]
        counts = [v for _, v in buckets]
        assert bounds == sorted(bounds) and buckets[-1][0] == "+Inf"
        assert counts == sorted(counts)
        assert counts[-1] == metrics(name + "_count")
    for name in ("publish_queued_seconds", "publish_written_seconds", "tier_round_trip_seconds"):
        assert metrics(name + "_count") >= (3 if "written" in name else 50)  # a sample of 16
        assert 0 < metrics(name + "_sum") < 50


async def test_counters_count_what_happens(gateway):
    async with connect(gateway) as ann, connect(gateway) as bob:
        await ann.ok("join", rooms=["r", "s"])
        await bob.ok("join", room="r")
        await ann.ok("subscribe", events=["e"])
        for n in range(10):
            await ann.ok("publish", topic="room:r", event_type="t", payload=n)
            await bob.event()
        await bob.refused("unknown_type", "nope")

        async def counted():
            return (await gateway.metrics())("deliveries_total") >= 20

        await eventually(counted)
        m = await gateway.metrics()
        assert m("connections") == m("connections_opened_total") == 2
        assert m("rooms") == 2
        assert m("frames_received_total") == 14
        assert m("bytes_received_total") > 14 * 20
        assert m("messages_published_total") == 10
        assert m("messages_received_total") == 10
        assert m("deliveries_total") == 20
        assert m("errors_total", name="unknown_type") == 1
        assert m("errors_total", name="bad_json") == 0
        assert m("bytes_sent_total") > m("messages_sent_total") >= 20 + 14


# ---- health ----


async def test_health_pages(gateway):
    for path in ("/livez", "/readyz"):
        answer = await gateway.http("GET", path)
        assert answer.status == 200, path
    async with connect(gateway):
        answer = await gateway.http("GET", "/healthz")
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("application/json")
        assert isinstance(answer.json, dict) and answer.json


async def test_a_full_gateway_is_alive(start):
    gateway = start(max_connections=1)
    async with connect(gateway):
        assert (await gateway.http("GET", "/livez")).status == 200


async def test_head_is_answered_without_a_body(gateway):
    answer = await gateway.http("HEAD", "/livez", with_body=False)
    assert answer.status in (200, 405)


@pytest.mark.parametrize(
    "path", ["/", "/nope", "/metrics/x", "/metricsx", "/v1/ws", "/v1", "//", "/livez/.."]
)
async def test_an_unknown_page_is_404(gateway, path):
    assert (await gateway.http("GET", path)).status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/metrics"),
        ("POST", "/livez"),
        ("PUT", "/readyz"),
        ("DELETE", "/healthz"),
        ("GET", "/v1/publish"),
        ("PUT", "/v1/publish"),
        ("DELETE", "/v1/publish"),
    ],
)
async def test_a_wrong_method_is_405_and_says_which_are_allowed(gateway, method, path):
    answer = await gateway.http(method, path)
    assert answer.status == 405
    assert ("POST" if path == "/v1/publish" else "GET") in answer.headers["allow"]


async def test_a_query_does_not_matter(gateway):
    assert (await gateway.http("GET", "/livez?verbose=1")).status == 200


async def test_the_clients_listener_shows_none_of_it(gateway):
    for path in ("/metrics", "/livez", "/readyz", "/healthz"):
        assert (await request(gateway.listen, "GET", path)).status == 404
    answer = await request(
        gateway.listen,
        "POST",
        "/v1/publish",
        body={"topic": "all", "event_type": "t", "payload": 1},
    )
    assert answer.status in (404, 405)


async def test_the_admin_listener_may_be_off(start):
    gateway = start(admin_listen="off")
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
    assert gateway.admin is None


# ---- the demo page ----


async def test_the_demo_page_is_shown_only_when_asked_for(start):
    assert (await request(start().listen, "GET", "/")).status == 404
    answer = await request(start(demo_page="on").listen, "GET", "/")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert b"<html" in answer.body.lower() and answer.body.rstrip().lower().endswith(b"</html>")
    assert not re.search(
        rb"""(?:src|href)=["'](?:https?:)?//""", answer.body
    ), "an outside resource"


# ---- connections ----


async def test_two_requests_on_one_connection(gateway):
    reader, writer = await asyncio.open_connection(*gateway.admin, limit=1 << 20)
    for path in ("/livez", "/metrics", "/healthz", "/nope", "/livez"):
        writer.write(head_of("GET", path, {"Host": authority(gateway.admin)}))
        answer = await asyncio.wait_for(read_answer(reader), seconds(5))
        assert answer.status == (404 if path == "/nope" else 200)
    writer.close()


async def test_pipelined_requests_are_answered_in_order_or_the_connection_ends(gateway):
    """Whatever it does with the second request, it must not take it for a part of the first."""
    reader, writer = await asyncio.open_connection(*gateway.admin, limit=1 << 20)
    host = {"Host": authority(gateway.admin)}
    writer.write(head_of("GET", "/livez", host) + head_of("GET", "/nope", host))
    first = await asyncio.wait_for(read_answer(reader), seconds(5))
    assert first.status == 200
    try:
        second = await asyncio.wait_for(read_answer(reader), seconds(5))
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return
    assert second.status == 404


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01" * 20,
        b"GET /livez HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
        b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\n\r\n",
        b"\0" * 5000,
    ],
)
async def test_nonsense_does_not_disturb_the_next_request(gateway, raw):
    reader, writer = await asyncio.open_connection(*gateway.admin)
    writer.write(raw)
    try:
        got = await asyncio.wait_for(reader.read(1 << 16), 1)
        assert b" 200 " not in got.split(b"\r\n")[0]
    except (asyncio.TimeoutError, ConnectionResetError):
        pass
    writer.transport.abort()
    assert (await gateway.http("GET", "/livez")).status == 200


async def test_many_connections_to_the_admin_listener_do_not_stop_it(gateway):
    idle = [socket.create_connection(gateway.admin) for _ in range(100)]
    assert (await gateway.http("GET", "/livez")).status == 200
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
    for s in idle:
        s.close()


async def test_a_web_page_of_another_host_may_not_read_it(gateway):
    """DNS rebinding: the name is the attacker's, the address ours."""
    raw = (
        head_of(
            "POST",
            "/v1/publish",
            {
                "Host": "evil.example:80",
                "Connection": "close",
                "Content-Type": "application/json",
                "Content-Length": 2,
            },
        )
        + b"{}"
    )
    assert (await exchange(gateway.admin, raw)).status == 403
