"""Handshake, subprotocol, welcome, `hello` (PROTOCOL.md, sections 1 and 4)."""

import asyncio

import pytest
from support.process import run
from support.rawws import Closed, Peer, Refused, text
from support.wsclient import SUBPROTOCOL, connect, open_websocket, url_of

PROFILES = {
    "lightweight": (60000, 90000, 64 << 10),
    "standard": (30000, 60000, 1 << 20),
    "high-performance": (15000, 30000, 4 << 20),
}


async def refusal(gateway, path="/v1/ws", **headers):
    """The answer to a handshake that must not succeed."""
    query = path.removeprefix("/v1/ws")
    assert path.startswith("/v1/ws") or not headers
    with pytest.raises(Refused) as refused:
        (await Peer.open(gateway, query, **headers)).close()
    assert refused.value.answer.version == "HTTP/1.1"
    return refused.value.answer


@pytest.mark.parametrize("profile", PROFILES)
async def test_welcome_says_what_the_profile_says(start, profile):
    gateway = start(profile=profile)
    ping, timeout, size = PROFILES[profile]
    async with connect(gateway) as ann:
        w = ann.welcome
        assert w["ping_interval_ms"] == ping
        assert w["client_timeout_ms"] == timeout
        assert w["max_message_bytes"] == size
        assert w["max_rate"] == 100
        assert w["version"] and w["version"] in run("--version").stdout
        assert "user" not in w
        assert "expires_in_ms" not in w


async def test_welcome_is_the_first_frame_and_says_who_and_where(gateway):
    async with connect(gateway) as ann, connect(gateway, user="bob") as bob:
        assert ann.id != bob.id
        assert ann.welcome["node"] == bob.welcome["node"]
        assert ann.id.startswith(ann.welcome["node"])
        assert bob.welcome["user"] == "bob"


async def test_features_name_only_what_is_there(gateway):
    async with connect(gateway) as ann:
        features = ann.welcome["features"]
        assert features and all(isinstance(f, str) for f in features)
        assert len(features) == len(set(features))
        assert "history" not in features and "refresh" not in features


async def test_a_new_gateway_gives_other_ids(start):
    async with connect(start()) as ann, connect(start()) as bob:
        assert ann.welcome["node"] != bob.welcome["node"]


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (None, None),
        (SUBPROTOCOL, SUBPROTOCOL),
        (f"other.v9, {SUBPROTOCOL}, third", SUBPROTOCOL),
        (f"other.v9,{SUBPROTOCOL}", SUBPROTOCOL),
    ],
)
async def test_subprotocol_is_ours_or_none(gateway, offered, chosen):
    async with await Peer.open(gateway, Sec_WebSocket_Protocol=offered) as peer:
        assert peer.handshake.headers.get("sec-websocket-protocol") == chosen
        assert (await peer.next())["type"] == "welcome"


@pytest.mark.parametrize(
    "offered", ["other", "roomcast.v2.json", "roomcast.v1.jsonx, x", "ROOMCAST"]
)
async def test_only_unknown_subprotocols_are_a_bad_request(gateway, offered):
    assert (await refusal(gateway, Sec_WebSocket_Protocol=offered)).status == 400
    assert (await gateway.metrics())("connections_refused_total", reason="subprotocol") == 1


async def test_python_websockets_agrees_on_the_subprotocol(gateway):
    ws = await open_websocket(url_of(gateway), subprotocols=["other", SUBPROTOCOL])
    assert ws.subprotocol == SUBPROTOCOL
    await ws.close()


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/ws/", "/v1/wsx", "/v2/ws", "/v1/publish", "/metrics"]
)
async def test_another_path_is_not_found(gateway, path):
    with pytest.raises(Exception) as refused:  # its class depends on the library's version
        await open_websocket(url_of(gateway, path=path))
    status = getattr(refused.value, "status_code", None) or refused.value.response.status_code
    assert status == 404


# ---- hello ----


async def test_welcome_waits_for_the_promised_hello(gateway):
    async with connect(gateway, query="?hello=1", wait_for_welcome=False) as ann:
        await ann.silent(duration=0.3)
        await ann.send("hello")
        assert (await ann.next("welcome"))["client"]
        await ann.ok("join", room="r")


async def test_a_hello_with_id_is_answered_by_the_welcome(gateway):
    async with connect(gateway, query="?hello=1", wait_for_welcome=False) as ann:
        await ann.send("hello", id=7)
        assert (await ann.next())["type"] == "welcome"


async def test_a_hello_that_does_not_come_in_time_is_4001(start):
    gateway = start(handshake_timeout_ms=300)
    async with connect(gateway, query="?hello=1", wait_for_welcome=False) as ann:
        assert await ann.closed() == 4001
        assert not ann.inbox
    assert (await gateway.metrics())("connections") == 0


@pytest.mark.parametrize(
    "first",
    ['{"type":"ping","id":1}', '{"type":"join","id":1,"room":"r"}', '{"type":"helo"}', "{", "[]"],
)
async def test_another_first_frame_than_hello_is_4001(gateway, first):
    async with connect(gateway, query="?hello=1", wait_for_welcome=False) as ann:
        await ann.send_text(first)
        assert await ann.closed() == 4001
        assert "welcome" not in [f["type"] for f in ann.inbox]


async def test_frames_behind_hello_wait_for_the_welcome(gateway):
    async with await Peer.open(gateway, "?hello=1") as peer:
        await peer.send(
            text(type="hello"), text(type="join", id=1, room="r"), text(type="ping", id=2)
        )
        got = [await peer.next() for _ in range(3)]
        assert [f["type"] for f in got] == ["welcome", "ack", "pong"]


async def test_frames_sent_with_the_handshake_are_answered_behind_the_welcome(gateway):
    async with await Peer.open(gateway) as peer:
        await peer.send(*(text(type="ping", id=n) for n in range(20)))
        assert (await peer.next())["type"] == "welcome"
        assert [(await peer.next())["id"] for _ in range(20)] == list(range(20))


async def test_a_second_hello_is_an_error(gateway):
    async with connect(gateway) as ann:
        answer = await ann.ask("hello")
        assert answer["type"] == "error", answer
        await ann.ok("join", room="r")


# ---- user ----


async def test_user_is_believed_only_where_that_is_allowed(start):
    gateway = start(allow_user_param=None)
    async with connect(gateway, user="ann") as ann:
        assert "user" not in ann.welcome


@pytest.mark.parametrize("user", ["", "a%20b", "a%00b", "a/b", "x" * 201, "%C3%A4"])
async def test_a_user_that_is_no_name_is_a_bad_request(gateway, user):
    assert (await refusal(gateway, f"/v1/ws?user={user}")).status == 400


async def test_a_user_may_have_every_character_of_a_name(gateway):
    name = "AZaz09_-=@,.;:"
    async with connect(gateway, user=name.replace("=", "%3D").replace(";", "%3B")) as ann:
        assert ann.welcome["user"] == name
    async with connect(gateway, user="x" * 200) as ann:
        assert ann.welcome["user"] == "x" * 200


# ---- ending ----


async def test_a_normal_close_is_answered_and_counted(gateway):
    async with connect(gateway) as ann:
        await ann.ws.close(1000, "done")
        assert ann.ws.close_code == 1000
    metrics = await gateway.metrics()
    assert metrics("connections") == 0
    assert metrics("connections_left_total") == 1
    assert metrics("connections_opened_total") == 1


async def test_two_gateways_cannot_disturb_each_other(start):
    async with connect(start()) as ann, connect(start()) as bob:
        await ann.ok("join", room="r")
        await bob.ok("publish", topic="room:r", event_type="x", payload=1)
        await ann.silent("event", 0.3)


async def test_a_peer_that_leaves_before_its_welcome_leaves_nothing(gateway):
    peers = [await Peer.open(gateway, "?hello=1") for _ in range(20)]
    for peer in peers:
        peer.reset()
    for _ in range(100):
        if (await gateway.metrics())("connections") == 0:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("connections are left")


async def test_a_close_frame_is_echoed_with_its_code(gateway):
    async with connect(gateway) as ann:
        await ann.ws.close(4999, "mine")
        assert ann.ws.close_code == 4999


async def test_closed_is_raised_for_a_raw_peer_too(gateway):
    async with await Peer.open(gateway, "?hello=1") as peer:
        await peer.send(text(type="nope"))
        with pytest.raises(Closed) as end:
            await peer.next("welcome")
        assert end.value.code == 4001


async def test_a_token_in_the_url_is_taken_or_refused_as_configured(start):
    """Open mode: it means nothing, but who forbids it there wants to hear of it."""
    for value, code in (("on", None), ("off", 400)):
        gateway = start(allow_query_token=value)
        if code is None:
            (await Peer.open(gateway, "?token=SECRET")).close()
        else:
            answer = await refusal(gateway, "/v1/ws?token=SECRET")
            assert answer.status == code
        assert "SECRET" not in gateway.log()
