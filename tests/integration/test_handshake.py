"""Handshakes by hand: what is no WebSocket handshake must not become a connection."""

import asyncio
import contextlib
import resource
import socket

import pytest
from support.httpio import head_of
from support.rawws import Closed, Peer, Refused, text, upgrade_headers
from support.timing import eventually, seconds
from support.wsclient import connect

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


async def status_of(gateway, raw):
    """The HTTP status, or None where the connection simply ends."""
    async with await Peer.connect(gateway.listen) as peer:
        try:
            await peer.send(raw)
            return (await peer.answer(timeout=15)).status
        except (Closed, ConnectionError):
            return None


async def handshake(gateway, method="GET", path="/v1/ws", **changed):
    status = await status_of(
        gateway, head_of(method, path, upgrade_headers(gateway.listen, **changed))
    )
    async with connect(gateway) as other:  # and the next one is served
        await other.ok("join", room="r")
    return status


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"Upgrade": "WebSocket"},
        {"Connection": "keep-alive, Upgrade"},
        {"Connection": "upgrade"},
        {"Origin": "https://example.com"},
        {"Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits"},
        {"Cookie": "a=b"},
        {"X_Long": "x" * 2000},
    ],
)
async def test_a_good_handshake_succeeds(gateway, changed):
    assert await handshake(gateway, **changed) == 101


async def test_no_extension_is_agreed_on(gateway):
    async with await Peer.open(gateway, Sec_WebSocket_Extensions="permessage-deflate") as peer:
        assert "sec-websocket-extensions" not in peer.handshake.headers
        assert (await peer.next())["type"] == "welcome"


@pytest.mark.parametrize(
    "changed",
    [
        {"Upgrade": None},
        {"Upgrade": "h2c"},
        {"Connection": None},
        {"Connection": "keep-alive"},
        {"Host": None},
        {"Sec_WebSocket_Key": None},
        {"Sec_WebSocket_Key": ""},
        {"Sec_WebSocket_Key": "abc"},
        {"Sec_WebSocket_Key": "x" * 22},
        {"Sec_WebSocket_Key": "!" * 22 + "=="},
        {"Sec_WebSocket_Key": "A" * 200},
        {"Sec_WebSocket_Version": None},
    ],
)
async def test_without_a_right_header_there_is_no_upgrade(gateway, changed):
    status = await handshake(gateway, **changed)
    assert status is None or 400 <= status < 500


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "HEAD", "DELETE", "BREW"])
async def test_another_method_does_not_upgrade(gateway, method):
    status = await handshake(gateway, method)
    assert status is None or 400 <= status < 500


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n\r\n",
        b"GET /v1/ws\r\n\r\n",
        b"\x16\x03\x01\0\0" * 20 + b"\r\n\r\n",
        b"\0" * 1000,
        b"GET /v1/ws HTTP/1.1\r\n" + b"A: b\r\n" * 3000 + b"\r\n",
        b"GET /v1/ws HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 65536 + b"\r\n\r\n",
        b"GET /v1/ws?" + b"a" * 65536 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET http://elsewhere/ HTTP/1.1\r\nHost: h\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_nonsense_becomes_no_connection(start, raw):
    gateway = start(handshake_timeout_ms=1000)
    assert await status_of(gateway, raw) != 101
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")

    async def alone():
        return (await gateway.metrics())("connections") == 0

    await eventually(alone)


async def test_a_plain_get_is_answered_at_once(gateway):
    """Without an upgrade the path is no page."""
    status = await status_of(gateway, head_of("GET", "/v1/ws", {"Host": "h"}))
    assert status in (400, 404, 426)


async def test_a_frame_in_the_same_segment_as_the_handshake_is_read(gateway):
    async with await Peer.connect(gateway.listen) as peer:
        await peer.send(
            head_of("GET", "/v1/ws", upgrade_headers(gateway.listen)) + text(type="ping", id=1)
        )
        assert (await peer.answer()).status == 101
        assert (await peer.next("pong"))["id"] == 1


async def test_path_tricks_do_not_reach_another_page(gateway):
    for path in ("/v1/ws/../ws", "/v1//ws", "/v1/%77s", "/V1/WS", "/v1/ws%00", "/v1/ws#x"):
        status = await handshake(gateway, path=path)
        assert status is None or status in (101, 400, 404), path


@pytest.mark.parametrize("version", ["12", "8", "0", "14", "13, 12", "x"])
async def test_another_version_is_426_and_says_which_one_is_spoken(gateway, version):
    with pytest.raises(Refused) as refused:
        (await Peer.open(gateway, Sec_WebSocket_Version=version)).close()
    assert refused.value.answer.status == 426
    assert refused.value.answer.headers["sec-websocket-version"] == "13"


async def test_http_1_0_is_not_upgraded(gateway):
    raw = head_of("GET", "/v1/ws", upgrade_headers(gateway.listen)).replace(
        b"HTTP/1.1", b"HTTP/1.0"
    )
    assert await status_of(gateway, raw) in (400, None)


async def test_half_open_handshakes_leave_operators_and_clients_alone(start):
    """More of them than there are places: nobody who is in notices, and later others come in."""
    gateway = start(max_connections=3000, handshake_timeout_ms=5000)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2
    )
    async with connect(gateway) as ann:
        half = []
        try:
            for _ in range(2600):
                s = socket.socket()
                s.setblocking(False)
                s.connect_ex(gateway.listen)
                half.append(s)
            await asyncio.sleep(0.3)
            for s in half:
                with contextlib.suppress(OSError):
                    s.send(b"GET /v1/ws HTTP/1.1\r\nX-Slow: ")
            await asyncio.sleep(0.5)
            for path in ("/livez", "/readyz", "/metrics"):
                answer = await asyncio.wait_for(gateway.http("GET", path), seconds(2))
                assert answer.status == 200
            assert (await ann.ask("ping"))["type"] == "pong"
            async with connect(gateway, open_timeout=seconds(15)):
                pass
        finally:
            for s in half:
                s.close()
