"""Who is let in: limits, refused before the upgrade by HTTP, or with `hello` by a close."""

import asyncio

import pytest
from support.rawws import Closed, Peer, Refused
from support.timing import eventually
from support.wsclient import connect


async def refusal(gateway, query=""):
    with pytest.raises(Refused) as refused:
        (await Peer.open(gateway, query)).close()
    answer = refused.value.answer
    assert answer.version == "HTTP/1.1"  # real clients refuse an answer in 1.0
    assert int(answer.headers["content-length"]) == len(answer.body)
    return answer


async def test_above_max_connections_is_503_with_retry_after(start):
    gateway = start(max_connections=3, retry_after_ms=7000)
    async with connect(gateway), connect(gateway):
        async with connect(gateway):
            answer = await refusal(gateway)
            assert answer.status == 503
            assert answer.headers["retry-after"] == "7"
            assert answer.json["error"]["name"] and answer.json["error"]["message"]
            metrics = await gateway.metrics()
            assert metrics("connections") == 3
            assert metrics("connections_refused_total", reason="full") == 1
        async with connect(gateway) as fourth:  # a place is free again
            await fourth.ok("join", room="r")


async def test_python_websockets_understands_the_refusal(start):
    gateway = start(max_connections=1)
    async with connect(gateway):
        with pytest.raises(Exception) as refused:  # its class depends on the library's version
            async with connect(gateway):
                pass
    error = refused.value
    response = getattr(error, "response", None)
    assert (response.status_code if response else error.status_code) == 503
    assert int((response or error).headers["Retry-After"]) >= 1


async def test_above_the_limit_of_one_address_is_429_with_retry_after(start):
    gateway = start(max_connections_per_address=2, retry_after_ms=1500)
    async with connect(gateway), connect(gateway):
        answer = await refusal(gateway)
        assert answer.status == 429
        assert answer.headers["retry-after"] in ("1", "2")
        assert (await gateway.metrics())("connections_refused_total", reason="address") == 1

    async def place():
        return (await gateway.metrics())("connections") == 0

    await eventually(place)
    async with connect(gateway), connect(gateway):
        pass


@pytest.mark.parametrize("options", [{"max_connections": 1}, {"max_connections_per_address": 1}])
async def test_with_hello_a_full_gateway_says_reconnect_and_1013(start, options):
    gateway = start(retry_after_ms=4000, **options)
    async with connect(gateway) as inside:
        async with await Peer.open(gateway, "?hello=1") as peer:
            frame = await peer.next()
            assert frame["type"] == "reconnect"
            assert frame["after_ms"] >= 4000
            assert frame["reason"] == "full"
            with pytest.raises(Closed) as end:
                await peer.next()
            assert end.value.code == 1013
            assert await peer.ended()
        await inside.ok("join", room="r")
        assert (await gateway.metrics())("connections") == 1


async def test_refused_hello_clients_cannot_pile_up(start):
    """They count nowhere, so they must not stay either."""
    gateway = start(max_connections=1)
    async with connect(gateway):
        before = gateway.descriptors()
        peers = [await Peer.open(gateway, "?hello=1") for _ in range(50)]
        await eventually(lambda: gateway.descriptors() == before, timeout=8)
        for peer in peers:
            peer.close()


async def test_a_handshake_that_takes_too_long_is_cut(start):
    gateway = start(handshake_timeout_ms=300)
    before = gateway.descriptors()
    peers = [await Peer.connect(gateway.listen) for _ in range(3)]
    await peers[1].send(b"GET /v1/ws HTTP/1.1\r\n")
    await peers[2].send(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websock")
    for peer in peers:
        assert await peer.ended(timeout=15)
        peer.close()
    await eventually(lambda: gateway.descriptors() == before)


async def test_unfinished_handshakes_do_not_keep_others_out(gateway):
    peers = [await Peer.connect(gateway.listen) for _ in range(300)]
    for peer in peers[::2]:
        await peer.send(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\n")
    async with connect(gateway) as ann:
        await ann.ok("join", room="r")
    for peer in peers:
        peer.close()


async def test_a_handshake_may_come_byte_by_byte(gateway):
    async with await Peer.connect(gateway.listen) as peer:
        raw = (
            b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        for i in range(0, len(raw), 7):
            await peer.send(raw[i : i + 7])
            await asyncio.sleep(0)
        assert (await peer.answer()).status == 101
        assert (await peer.next())["type"] == "welcome"
