"""The log: one line an event, no secrets, and nobody can forge a line."""

import json

import pytest
from support.httpio import head_of
from support.process import parse_line
from support.rawws import CLOSE, Peer, close_payload, frame, text, upgrade_headers
from support.timing import eventually
from support.wsclient import connect

SECRET = "s3cr3tT0ken"


def assert_well_formed(gateway):
    for line in gateway.log().splitlines():
        fields = parse_line(line)
        assert list(fields)[:3] == ["ts", "level", "event"], line


async def test_coming_and_going_are_logged_with_the_client_id(start):
    gateway = start(log_level="debug")
    async with connect(gateway) as ann:
        pass

    def lines():
        return [x for x in gateway.log_lines() if ann.id in x.values()]

    await eventually(lambda: any(x.get("code") == "1000" for x in lines()))
    assert len(lines()) >= 2
    assert_well_formed(gateway)


@pytest.mark.parametrize("level", ["info", "debug"])
async def test_a_token_never_gets_into_the_log(start, level):
    gateway = start(log_level=level, handshake_timeout_ms=300)
    async with connect(gateway, query=f"?token={SECRET}") as ann:
        await ann.send("refresh", id=1, token=SECRET)
        await ann.next()
        await ann.send("hello", id=2, token=SECRET)
        await ann.next()
        await ann.send_text(f'{{"type":"hello","token":"{SECRET}"')
        await ann.next()
    async with await Peer.open(gateway, Authorization=f"Bearer {SECRET}") as peer:
        await peer.next("welcome")
    async with await Peer.open(gateway, "?hello=1") as peer:
        await peer.send(text(type="hello", token=SECRET))
        await peer.next("welcome")
    # refused in every way
    for changed in (
        {"Sec-WebSocket-Protocol": "unknown"},
        {"Upgrade": None},
        {"Sec-WebSocket-Key": None},
    ):
        headers = {
            **upgrade_headers(gateway.listen),
            "Authorization": f"Bearer {SECRET}",
            **changed,
        }
        for path in (
            f"/v1/ws?token={SECRET}",
            f"/nope?token={SECRET}",
            f"/v1/ws?user=a%20b&token={SECRET}",
        ):
            async with await Peer.connect(gateway.listen) as peer:
                await peer.send(head_of("GET", path, headers))
                await peer.ended(timeout=15)
    for path in (f"/metrics?token={SECRET}", f"/nope?key={SECRET}"):
        await gateway.http("GET", path, headers={"Authorization": f"Bearer {SECRET}"})
    await gateway.http(
        "POST",
        f"/v1/publish?token={SECRET}",
        body=f'{{"payload":"{SECRET}"'.encode(),
        headers={"Authorization": f"Bearer {SECRET}"},
    )
    gateway.stop()
    assert SECRET not in gateway.log()


async def test_payloads_are_not_logged(start):
    gateway = start(log_level="debug")
    async with connect(gateway) as ann:
        await ann.ok("join", room="r", presence=True, info=SECRET)
        await ann.ok("publish", topic="room:r", event_type="t", payload=SECRET)
        await ann.refused(
            "bad_payload",
            "publish",
            topic="room:r",
            event_type="task_update",
            payload={"task_id": SECRET},
        )
    gateway.stop()
    assert SECRET not in gateway.log()


async def test_control_characters_cannot_forge_a_line(start):
    gateway = start(log_level="debug")
    forged = '\nts=0 level=error event=forged "\r\n\x1b[31m'
    async with connect(gateway) as ann:
        await ann.ask("join", room=forged)
        await ann.ask(forged)
        await ann.ask("publish", topic=forged, event_type=forged, payload=1)
        await ann.ask("publish", topic="room:r", event_type="t", payload=1, key=forged)
        await ann.send("ack", ids=[forged])
        await ann.send_text(json.dumps({"type": "nope", "id": forged[:40]}))
        await ann.next("error", where=lambda f: f.get("id") == forged[:40])
    for reason in (forged, "a\nb c", "a\rb", "\x1b[2J", "a b", "\x7f", ""):
        async with await Peer.open(gateway) as peer:
            await peer.next("welcome")
            await peer.send(frame(CLOSE, close_payload(4000, reason.encode())))
            await peer.closed()
    for path in ("/v1/ws?user=a%0Aevent=forged", "/%0Aevent=forged", "/\x0bevent=forged"):
        async with await Peer.connect(gateway.listen) as peer:
            await peer.send(
                head_of("GET", path, upgrade_headers(gateway.listen, Origin="a\x0bb\x1b"))
            )
            await peer.ended(timeout=15) if "ws" not in path else await peer.answer()
    gateway.stop()
    assert_well_formed(gateway)
    assert not gateway.log_lines("forged")
    assert "\x1b" not in gateway.log() and "\r" not in gateway.log()


async def test_hostile_input_does_not_flood_the_log(start):
    gateway = start(max_errors=1000000, max_rate=1000000)
    async with connect(gateway) as ann:
        for _ in range(2000):
            await ann.send_text("{")
        await ann.ask("ping")
    for _ in range(200):
        async with await Peer.connect(gateway.listen) as peer:
            await peer.send(b"nonsense\r\n\r\n")
    gateway.stop()
    assert gateway.log().count("\n") < 1000
