"""roomcastctl with a server that the test plays: what a healthy gateway seldom does."""

import asyncio
import contextlib
import http
import json
import re
import ssl
import subprocess

import pytest
import websockets
from support.ctl import Ctl, ctl
from support.timing import seconds
from support.wsclient import SUBPROTOCOL

WELCOME = {"type": "welcome", "client": "played-1", "ping_interval_ms": 30000, "client_timeout_ms": 60000}


def headers_of(ws):
    return getattr(ws, "request_headers", None) or ws.request.headers


class Played:
    """A server. `script(ws)` speaks with each connection, after the welcome if there is one."""

    def __init__(self, script, welcome):
        self.script, self.welcome = script, welcome
        self.seen = []  # headers and path of each handshake

    async def serve(self, ws, path=None):
        self.seen.append((headers_of(ws), path or ws.path if hasattr(ws, "path") else ws.request.path))
        with contextlib.suppress(websockets.exceptions.ConnectionClosed):
            if self.welcome is not None:
                await ws.send(json.dumps(self.welcome))
            await self.script(ws)


EVENT = '{"type":"event","topic":"all","event_type":"t","payload":1,"ts":1}'


async def wait(ws):
    await ws.wait_closed()


async def send_one(ws):
    await ws.send(EVENT)
    await ws.wait_closed()


@contextlib.asynccontextmanager
async def played(script=wait, welcome=WELCOME, tls=None):
    server = Played(script, welcome)
    async with websockets.serve(
        server.serve, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL], ssl=tls, compression=None, max_size=None,
    ) as s:
        server.port = s.sockets[0].getsockname()[1]
        server.url = f"{'wss' if tls else 'ws'}://localhost:{server.port}/v1/ws"
        yield server


@contextlib.asynccontextmanager
async def answering(raw):
    """A server that answers every request with these bytes."""
    requests = []

    async def answer(reader, writer):
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(raw)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as s:
        yield f"ws://127.0.0.1:{s.sockets[0].getsockname()[1]}/v1/ws", requests


def http_answer(status, *headers):
    lines = "".join(f"{h}\r\n" for h in headers)
    return f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\n{lines}Content-Length: 0\r\n\r\n".encode()


# ---- the handshake ----


@pytest.mark.parametrize(
    "status, sentence",
    [
        (400, "it does not take this request"),
        (401, "the token is missing or not valid"),
        (403, "not allowed from here"),
        (404, "there is no gateway at this path"),
        (429, "too many connections"),
        (500, "refused with HTTP status 500"),
        (503, "it is full, overloaded, or not ready"),
        (200, "refused with HTTP status 200"),
    ],
)
async def test_a_refused_handshake_is_told_by_its_status(status, sentence):
    async with answering(http_answer(status)) as (url, _):
        ended = await ctl("listen", "room:r", at=url)
    assert (ended.code, ended.out) == (1, "")
    assert sentence in ended.err and str(status) in ended.err


async def test_when_to_come_back_is_passed_on():
    async with answering(http_answer(429, "Retry-After: 17")) as (url, _):
        assert "try again in 17 s" in (await ctl("listen", "room:r", at=url)).err


async def test_a_redirect_is_not_followed_with_the_token():
    async with played() as elsewhere:
        location = f"Location: {elsewhere.url}"
        async with answering(http_answer(307, location)) as (url, requests):
            ended = await ctl("listen", "room:r", "--token", "secret", at=url)
    assert ended.code == 1 and "307" in ended.err
    assert b"secret" in requests[0]
    assert elsewhere.seen == []


@pytest.mark.parametrize("raw", [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"])
async def test_what_is_no_websocket_server_is_a_failure(raw):
    async with answering(raw) as (url, _):
        ended = await ctl("listen", "room:r", at=url)
    assert (ended.code, ended.out) == (1, "")
    assert "cannot connect: " in ended.err


async def test_the_token_travels_in_a_header_and_is_never_shown():
    async def refuse(ws):
        await ws.close(4001, "not authenticated")

    for arguments, env in ((["--token", "to.ken_1=="], {}), ([], {"ROOMCAST_TOKEN": "to.ken_1=="})):
        async with played(refuse) as server:
            ended = await ctl("listen", "room:r", *arguments, env=env, at=server.url + "?a=b")
            headers, path = server.seen[0]
        assert headers["Authorization"] == "Bearer to.ken_1=="
        assert headers["Sec-WebSocket-Protocol"] == SUBPROTOCOL
        assert "Origin" not in headers
        assert path == "/v1/ws?a=b"
        assert "4001 not authenticated" in ended.err
        assert "to.ken" not in ended.err + ended.out


async def test_a_user_is_escaped_into_the_url():
    async with played(send_one) as server:
        await ctl("listen", "all", "--user", "a=b@c:d;e", "--count", "1", at=server.url)
        assert server.seen[0][1] == "/v1/ws?user=a%3Db%40c%3Ad%3Be"


async def test_a_certificate_must_be_valid_unless_told_otherwise(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    trusting = {"SSL_CERT_FILE": str(certificate)}
    async with played(send_one, tls=tls) as server:
        listen = ["listen", "all", "--count", "1"]
        strict = await ctl(*listen, at=server.url)
        assert strict.code == 1 and "TLS failed: self" in strict.err
        assert (await ctl(*listen, "--insecure", at=server.url)).code == 0
        assert (await ctl(*listen, at=server.url, env=trusting)).code == 0
        other = await ctl(*listen, at=server.url.replace("localhost", "127.0.0.1"), env=trusting)
        assert other.code == 1 and "TLS failed: IP address mismatch" in other.err
        assert len(server.seen) == 2, "a token would have been sent to who is not trusted"


# ---- the connection ----


@pytest.mark.parametrize(
    "code, reason, sentence",
    [
        (1000, "", "1000"),
        (1001, "going away", "1001 going away"),
        (1012, "this gateway restarts, come back", "1012 this gateway restarts, come back"),
        (1013, "try again later", "1013 try again later"),
        (4003, "kicked", "4003 kicked"),
        (4009, "", "4009"),
        (4010, "\x1b[31m\u009b", "4010 ?[31m?"),
    ],
)
async def test_the_close_code_and_reason_are_shown(code, reason, sentence):
    async def close(ws):
        await ws.close(code, reason)

    async with played(close) as server:
        ended = await ctl("listen", "all", at=server.url)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.endswith(f"the gateway closed the connection: {sentence}\n")


@pytest.mark.parametrize(
    "sent, sentence",
    [
        ('{"type":"event",}', "not a JSON object"),
        ("[]", "not a JSON object"),
        ("", "not a JSON object"),
        (b"{}", "a binary message"),
    ],
)
async def test_a_server_that_speaks_something_else_is_left(sent, sentence):
    async def speak(ws):
        await ws.send(sent)
        await ws.wait_closed()

    async with played(speak) as server:
        ended = await ctl("listen", "all", at=server.url)
    assert (ended.code, ended.out) == (1, "")
    assert sentence in ended.err


async def test_a_gateway_that_falls_silent_is_noticed():
    impatient = {**WELCOME, "ping_interval_ms": 300, "client_timeout_ms": 5000}
    pings = []

    async def live(ws):
        async for text in ws:
            pings.append(json.loads(text)["type"])
            await ws.send('{"type":"pong"}')

    async with played(live, impatient) as server:
        assert (await ctl("listen", "all", "--timeout", str(seconds(1.5)), at=server.url)).code == 0
    assert len(pings) >= 2 and set(pings) == {"ping"}

    async with played(wait, {**impatient, "client_timeout_ms": 600}) as server:
        ended = await ctl("listen", "all", at=server.url)
    assert ended.code == 1 and "the gateway has gone silent" in ended.err


async def test_a_welcome_that_does_not_come_ends_in_time():
    async with played(welcome=None) as server:
        for arguments in (["listen", "all"], ["publish", "room:r", "t", "1"]):
            ended = await ctl(*arguments, "--timeout", "0.3", at=server.url)
            assert ended.code == 1 and "no answer in time" in ended.err


async def test_an_error_instead_of_a_welcome_is_told():
    async def refuse(ws):
        await ws.send('{"type":"error","code":1201,"name":"unavailable","message":"no tier"}')
        await ws.close(1013, "try again later")

    async with played(refuse, welcome=None) as server:
        ended = await ctl("publish", "room:r", "t", "1", at=server.url)
    assert ended.code == 1
    assert "unavailable: no tier" in ended.err and "1013" in ended.err


# ---- answers ----


async def test_an_ack_that_does_not_come_means_perhaps():
    async def swallow(ws):
        await ws.recv()
        await ws.wait_closed()

    async def die(ws):
        await ws.recv()
        ws.transport.abort()

    async with played(swallow) as server:
        late = await ctl("publish", "room:r", "t", "1", "--timeout", str(seconds(1)), at=server.url)
    async with played(die) as server:
        broken = await ctl("publish", "room:r", "t", "1", at=server.url)
    for ended, sentence in ((late, "no answer in time"), (broken, "the connection broke")):
        assert (ended.code, ended.out) == (1, "")
        assert sentence in ended.err and "may have been sent" in ended.err


async def test_frames_before_the_ack_do_not_disturb_it():
    got = []

    async def talk_first(ws):
        got.append(await ws.recv())
        await ws.send(EVENT)
        await ws.send('{"type":"ack","id":99}')
        await ws.send('{"type":"new_in_version_2"}')
        await ws.send('{"type":"ack","id":1,"nodes":3,"seq":7,"epoch":"e"}')
        await ws.wait_closed()

    async with played(talk_first, {**WELCOME, "user": "ann"}) as server:
        ended = await ctl("publish", "room:r", "t", "1.0", "--json", "--key", "k", "--priority", "high", at=server.url)
    assert ended.code == 0
    assert ended.lines == [{"topic": "room:r", "event_type": "t", "nodes": 3, "seq": 7, "epoch": "e"}]
    assert json.loads(got[0]) == {
        "type": "publish", "id": 1, "topic": "room:r", "event_type": "t", "key": "k", "priority": "high", "payload": 1.0,
    }
    assert '"payload":1.0}' in got[0]


async def test_the_text_of_an_error_steers_no_terminal():
    async def refuse(ws):
        await ws.recv()
        message = "\\u001b]0;title\\u0007 \\u009b31m \\r\\n"
        await ws.send(f'{{"type":"error","id":1,"code":1008,"name":"forbidden","message":"{message}"}}')
        await ws.wait_closed()

    async with played(refuse) as server:
        ended = await ctl("publish", "room:r", "t", "1", at=server.url)
    assert ended.code == 1 and "room:r: forbidden: ?]0;title" in ended.err
    assert re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", ended.err) is None


async def test_gaps_are_shown_and_do_not_count():
    async def leave_a_hole(ws):
        join = json.loads(await ws.recv())
        await ws.send(json.dumps({"type": "ack", "id": join["id"]}))
        await ws.send('{"type":"gap","topics":["room:r"],"reason":"slow","count":2}')
        await ws.send('{"type":"event","topic":"room:r","event_type":"t","payload":1,"ts":1}')
        await ws.wait_closed()

    async with played(leave_a_hole) as server:
        ended = await ctl("listen", "room:r", "--count", "1", at=server.url)
    assert ended.code == 0
    assert [line["type"] for line in ended.lines] == ["gap", "event"]


async def test_a_confirmation_that_does_not_come_is_told():
    async def confirm_one(ws):
        join = json.loads(await ws.recv())
        await ws.send(json.dumps({"type": "ack", "id": join["id"]}))
        await ws.wait_closed()

    async with played(confirm_one) as server:
        ended = await ctl("listen", "room:a", "room:b", "--timeout", str(seconds(1)), at=server.url)
    assert ended.code == 1
    assert "not all topics were confirmed in time" in ended.err


async def test_a_flood_does_not_hold_up_the_time_limit():
    async def flood(ws):
        while True:
            await ws.send(EVENT)

    async with played(flood) as server:
        c = await Ctl.start("listen", "all", "--timeout", str(seconds(1)), at=server.url)
        ended = await c.end(timeout=10)
    assert ended.code == 0
    assert ended.out.startswith(EVENT)
