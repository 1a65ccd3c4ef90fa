"""RFC 6455 frames by hand: what a server must refuse, with which code, and what it must take."""

import asyncio
import os

import pytest
from support.rawws import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Closed,
    Peer,
    close_payload,
    frame,
    text,
)
from support.timing import eventually

PING_TEXT = b'{"type":"ping","id":1}'


async def welcomed(gateway):
    peer = await Peer.open(gateway)
    await peer.next("welcome")
    return peer


async def assert_closes(gateway, codes, *frames):
    async with await welcomed(gateway) as peer:
        await peer.send(*frames)
        code = await peer.closed()
        assert code in codes, f"closed with {code}"
        assert await peer.ended()
    async with await welcomed(gateway) as other:
        await other.send(frame(TEXT, PING_TEXT))
        assert (await other.next("pong"))["id"] == 1


async def assert_answers(gateway, *frames, want=((TEXT, b'{"type":"pong","id":1}'),), each=None):
    async with await welcomed(gateway) as peer:
        await peer.send(*frames, each=each)
        for expected in want:
            assert await peer.message() == expected


# ---- what it must refuse ----


@pytest.mark.parametrize("rsv", [1, 2, 4, 7])
@pytest.mark.parametrize("opcode", [TEXT, PING])
async def test_reserved_bits_are_refused(gateway, rsv, opcode):
    await assert_closes(gateway, {1002}, frame(opcode, PING_TEXT, rsv=rsv))


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
async def test_reserved_opcodes_are_refused(gateway, opcode):
    await assert_closes(gateway, {1002}, frame(opcode, b"x"))


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_control_frames_must_not_be_long_or_in_pieces(gateway, opcode):
    long = close_payload(1000, b"x" * 124)
    await assert_closes(gateway, {1002}, frame(opcode, long))
    await assert_closes(gateway, {1002}, frame(opcode, long[:4], fin=False), frame(0, b"b"))


@pytest.mark.parametrize(
    "frames",
    [
        [frame(CONTINUATION, b"x")],
        [frame(CONTINUATION, b"x", fin=False), frame(CONTINUATION, b"y")],
        [frame(TEXT, b"a", fin=False), frame(TEXT, b"b")],
        [frame(TEXT, b"a", fin=False), frame(BINARY, b"b")],
        [frame(TEXT, PING_TEXT), frame(CONTINUATION, b"x")],
    ],
)
async def test_pieces_must_belong_together(gateway, frames):
    await assert_closes(gateway, {1002, 1003}, *frames)  # 1003: binary is refused for itself


@pytest.mark.parametrize("opcode", [TEXT, BINARY, CONTINUATION, PING, PONG, CLOSE])
async def test_a_client_frame_without_a_mask_is_refused(gateway, opcode):
    data = close_payload(1000) if opcode == CLOSE else PING_TEXT
    await assert_closes(gateway, {1002}, frame(opcode, data, mask=False))


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
async def test_a_close_code_that_must_not_be_sent_is_refused(gateway, code):
    await assert_closes(gateway, {1002}, frame(CLOSE, close_payload(code)))


@pytest.mark.parametrize("opcode", [TEXT, PING])
@pytest.mark.parametrize("length_bytes", [2, 8])
async def test_a_length_longer_than_need_be_is_refused(gateway, length_bytes, opcode):
    await assert_closes(gateway, {1002}, frame(opcode, PING_TEXT, length_bytes=length_bytes))
    if length_bytes == 8 and opcode == TEXT:
        await assert_closes(gateway, {1002}, frame(opcode, b" " * 60000, length_bytes=8))


async def test_a_length_of_63_bits_costs_nothing(gateway):
    before = gateway.rss_kib()
    for length in (b"\x7f" + b"\xff" * 7, b"\xff" * 8, b"\0\0\0\x7f" + b"\xff" * 4):
        await assert_closes(gateway, {1002, 1009}, b"\x81\xff" + length + b"\0\0\0\0" + b"x" * 100)
    assert gateway.rss_kib() - before < 16 << 10


async def test_an_endless_chain_of_fragments_is_bounded(start):
    gateway = start(max_message_bytes="64K")
    async with await welcomed(gateway) as peer:
        await peer.send(frame(TEXT, b" ", fin=False))
        with pytest.raises((Closed, ConnectionError)) as end:
            for _ in range(40):
                await peer.send(frame(CONTINUATION, b" " * 4096, fin=False))
                await asyncio.sleep(0)
            await peer.next()
        assert not isinstance(end.value, Closed) or end.value.code in (1009, None)


@pytest.mark.parametrize(
    "frames",
    [
        [frame(TEXT, b'"ok', fin=False), frame(CONTINUATION, b'\xff"')],
        [frame(TEXT, b'"\xe2\x82', fin=False), frame(CONTINUATION, b'"')],
        [
            frame(TEXT, b'"\xf0\x9f', fin=False),
            frame(CONTINUATION, b"\x98", fin=False),
            frame(0, b'"'),
        ],
    ],
)
async def test_bad_utf8_across_pieces_is_1007(gateway, frames):
    await assert_closes(gateway, {1007}, *frames)


async def test_a_close_reason_that_is_not_utf8_ends_the_connection(gateway):
    await assert_closes(gateway, {1007}, frame(CLOSE, close_payload(1000, b"\xff\xfe")))


async def test_a_close_payload_of_one_byte_is_refused(gateway):
    await assert_closes(gateway, {1002}, frame(CLOSE, b"\x03"))


# ---- what it must take ----


@pytest.mark.parametrize("each", [None, 1, 3, 7])
async def test_a_frame_may_come_in_any_pieces_of_tcp(gateway, each):
    await assert_answers(gateway, frame(TEXT, PING_TEXT), each=each)


@pytest.mark.parametrize("sizes", [[5], [1] * 21, [0, 5, 0, 0, 3, 0], [21], [0]])
async def test_fragments_are_joined(gateway, sizes):
    pieces, at = [], 0
    for size in sizes:
        pieces.append(PING_TEXT[at : at + size])
        at += size
    pieces.append(PING_TEXT[at:])
    frames = [
        frame(TEXT if n == 0 else CONTINUATION, p, fin=n == len(pieces) - 1)
        for n, p in enumerate(pieces)
    ]
    await assert_answers(gateway, *frames)


async def test_pings_between_fragments_are_answered_at_once(gateway):
    async with await welcomed(gateway) as peer:
        await peer.send(frame(TEXT, PING_TEXT[:5], fin=False), frame(PING, b"between"))
        assert await peer.message() == (PONG, b"between")
        await peer.send(frame(CONTINUATION, PING_TEXT[5:9], fin=False), frame(PONG, b"unasked"))
        await peer.send(frame(CONTINUATION, PING_TEXT[9:]))
        assert (await peer.next())["id"] == 1


async def test_a_character_may_be_split_between_fragments(gateway):
    whole = '{"type":"ping","id":"κόσμε 😀"}'.encode()
    for at in range(21, len(whole) - 2):
        async with await welcomed(gateway) as peer:
            await peer.send(frame(TEXT, whole[:at], fin=False), frame(CONTINUATION, whole[at:]))
            assert (await peer.next())["id"] == "κόσμε 😀"


@pytest.mark.parametrize("size", [0, 1, 124, 125])
async def test_a_ping_comes_back_as_a_pong_with_the_same_bytes(gateway, size):
    data = os.urandom(size)
    await assert_answers(gateway, frame(PING, data), want=[(PONG, data)])


@pytest.mark.parametrize("data", [b"", b"unasked", b"\xff" * 8, bytes(range(125))])
async def test_an_unasked_pong_is_no_error(gateway, data):
    await assert_answers(gateway, frame(PONG, data), frame(TEXT, PING_TEXT))


@pytest.mark.parametrize("opcode", [PING, PONG])
@pytest.mark.parametrize("data", [b"\xff", b"\xe2\x82", b"\x80" * 125])
async def test_control_frames_may_hold_any_bytes_also_between_text(gateway, opcode, data):
    """They are not text: bytes that are not UTF-8 must not end the connection."""
    async with await welcomed(gateway) as peer:
        await peer.send(frame(TEXT, PING_TEXT), frame(opcode, data))
        await peer.send(frame(TEXT, PING_TEXT[:9], fin=False), frame(opcode, data))
        await peer.send(frame(CONTINUATION, PING_TEXT[9:]))
        assert [(await peer.next())["id"] for _ in range(2)] == [1, 1]


@pytest.mark.parametrize(
    "code",
    [1000, 1001, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999],
)
async def test_a_close_is_answered_with_its_own_code(start, code):
    gateway = start(log_level="debug")
    async with await welcomed(gateway) as peer:
        await peer.send(frame(CLOSE, close_payload(code, b"because")))
        assert await peer.closed() == code
        assert await peer.ended()
    await eventually(lambda: f"code={code} reason=because" in gateway.log())


async def test_a_close_without_code_is_answered(gateway):
    async with await welcomed(gateway) as peer:
        await peer.send(frame(CLOSE))
        assert await peer.closed() in (1000, 1005)
        assert await peer.ended()


async def test_what_comes_behind_a_close_is_not_looked_at(gateway):
    async with await Peer.open(gateway) as listener:
        await listener.send(text(type="join", id=1, room="r"))
        await listener.next("ack")
        async with await welcomed(gateway) as peer:
            await peer.send(
                frame(CLOSE, close_payload(1000)),
                text(type="publish", topic="room:r", event_type="t", payload="late"),
            )
            assert await peer.closed() == 1000
        async with await welcomed(gateway) as peer:
            await peer.send(text(type="publish", topic="room:r", event_type="t", payload="seen"))
            assert (await listener.next("event"))["payload"] == "seen"


async def test_every_ping_is_answered_in_its_order(gateway):
    """RFC 6455 5.5.3 allows to answer only the last."""
    pongs = [(PONG, b"p%d" % n) for n in range(5)]
    await assert_answers(gateway, *(frame(PING, data) for _, data in pongs), want=pongs)


async def test_a_flood_of_pings_that_is_not_read_costs_little(gateway):
    """Pongs may be left out, but neither memory nor other clients may suffer."""
    async with await welcomed(gateway) as peer, await welcomed(gateway) as other:
        before = gateway.rss_kib()
        flood = frame(PING, b"x" * 125) * 500

        async def send():
            for _ in range(200):
                await peer.send(flood)

        sending = asyncio.create_task(send())
        for _ in range(20):
            await other.send(frame(TEXT, PING_TEXT))
            assert (await other.next("pong", timeout=2))["id"] == 1
            await asyncio.sleep(0.02)
        sending.cancel()
        assert gateway.rss_kib() - before < 8 << 10
