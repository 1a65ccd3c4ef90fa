"""TLS for clients: certificates of our own, both ways, large and small, and what is refused."""

import asyncio
import json
import socket
import ssl
import subprocess

import pytest
from support.process import run
from support.timing import seconds

import websockets



@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate that signs itself, for 127.0.0.1, and its key."""
    d = tmp_path_factory.mktemp("tls")
    cert, key = d / "cert.pem", d / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


@pytest.fixture
def secure(start, certificate):
    """A gateway with TLS, and how to connect to it."""
    gateway = start(tls_cert=certificate[0], tls_key=certificate[1])
    context = ssl.create_default_context(cafile=certificate[0])
    host, port = gateway.listen

    def dial(**options):
        return websockets.connect(
            f"wss://{host}:{port}/v1/ws", ssl=context, max_size=None, **options
        )

    return gateway, dial


async def ask(ws, **fields):
    await ws.send(json.dumps(fields))
    return json.loads(await asyncio.wait_for(ws.recv(), seconds(5)))


def test_messages_of_every_size_arrive_both_ways(secure):
    _, dial = secure

    async def scene():
        async with dial() as ann, dial() as bob:
            for ws in (ann, bob):
                assert json.loads(await ws.recv())["type"] == "welcome"
                assert (await ask(ws, type="join", id=1, room="r"))["type"] == "ack"
            for size in (0, 1, 125, 126, 16000, 16384, 16385, 65536, 200000, 1000000):
                payload = "x" * size
                await ann.send(
                    json.dumps(
                        {"type": "publish", "topic": "room:r", "event_type": "t", "payload": payload}
                    )
                )
                for ws in (bob, ann):
                    event = json.loads(await asyncio.wait_for(ws.recv(), seconds(10)))
                    assert event["payload"] == payload

    asyncio.run(scene())


def test_a_burst_arrives_whole_and_in_order(secure):
    gateway, dial = secure

    async def scene():
        async with dial() as ann, dial() as bob:
            await ann.recv(), await bob.recv()
            assert (await ask(bob, type="join", id=1, room="r"))["type"] == "ack"
            for n in range(150):
                await ann.send(
                    json.dumps(
                        {"type": "publish", "topic": "room:r", "event_type": "t", "payload": [n] * 300}
                    )
                )
            for n in range(150):
                event = json.loads(await asyncio.wait_for(bob.recv(), seconds(5)))
                assert event["payload"] == [n] * 300

    asyncio.run(scene())


def test_a_reader_that_pauses_gets_the_rest(secure):
    """What the socket did not take is offered again: nothing is lost or doubled inside TLS."""
    _, dial = secure

    async def scene():
        async with dial() as ann, dial(max_queue=1, read_limit=1024) as bob:
            await ann.recv(), await bob.recv()
            assert (await ask(bob, type="join", id=1, room="r"))["type"] == "ack"
            for n in range(20):
                await ann.send(
                    json.dumps(
                        {"type": "publish", "topic": "room:r", "event_type": "t", "payload": [n, "x" * 60000]}
                    )
                )
            await asyncio.sleep(0.5)
            for n in range(20):
                event = json.loads(await asyncio.wait_for(bob.recv(), seconds(5)))
                assert event["payload"][0] == n

    asyncio.run(scene())


def test_a_plain_client_gets_no_answer(secure):
    gateway, _ = secure
    with socket.create_connection(gateway.listen, timeout=seconds(5)) as s:
        s.sendall(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            answer = s.recv(100)
        except ConnectionError:
            answer = b""
        assert not answer.startswith(b"HTTP")


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_old_versions_are_refused(secure, certificate, version):
    gateway, _ = secure
    context = ssl.create_default_context(cafile=certificate[0])
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
    with socket.create_connection(gateway.listen, timeout=seconds(5)) as s:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(s, server_hostname="127.0.0.1")


def test_wrong_files_stop_the_start(certificate, tmp_path):
    cert, key = certificate
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate\n")
    locked = tmp_path / "locked.pem"
    subprocess.run(
        ["openssl", "pkey", "-in", key, "-aes128", "-passout", "pass:x", "-out", locked],
        check=True, capture_output=True,
    )  # fmt: skip
    for options, code, words in (
        ({"tls_cert": cert}, 2, "tls_key"),
        ({"tls_cert": tmp_path / "none", "tls_key": key}, 1, "cannot be read"),
        ({"tls_cert": cert, "tls_key": tmp_path}, 1, "Is a directory"),
        ({"tls_cert": junk, "tls_key": key}, 2, "holds no certificate"),
        ({"tls_cert": cert, "tls_key": junk}, 2, "holds no key"),
        ({"tls_cert": cert, "tls_key": locked}, 2, "holds no key"),
    ):
        for what in ([], ["--check-config"]):
            ended = run(*what, listen="127.0.0.1:0", admin_listen="off", **options)
            assert ended.returncode == code
            assert words in ended.stderr
            assert ended.stderr.count("\n") == 1
    assert run("--check-config", tls_cert=cert, tls_key=key).returncode == 0
