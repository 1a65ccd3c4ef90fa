"""Keys: several at once, exchanged while the gateway runs, from files and from a server of keys."""

import asyncio
import json
import signal
import ssl
import subprocess

import pytest
from support.rawws import Peer, Refused, text
from support.timing import eventually
from support.tokens import SECRET, Key, as_client, bearer, b64, by_hand, token
from support.wsclient import connect


@pytest.fixture(scope="module")
def keys():
    return {
        "rsa": Key("RS256", "rsa-1"),
        "ec": Key("ES256", "ec-1"),
        "ed": Key("EdDSA", "ed-1"),
        "new": Key("ES256", "ec-2"),
    }


def jwks(*keys):
    return json.dumps({"keys": [k if isinstance(k, dict) else k.jwk for k in keys]})


async def status_of(gateway, text):
    try:
        (await Peer.open(gateway, **bearer(text))).close()
        return 101
    except Refused as refused:
        return refused.answer.status


def hang_up(gateway):
    gateway.signal(signal.SIGHUP)


def keyed(start, **options):
    return start(allow_user_param=None, log_level="debug", **options)


async def test_a_set_in_a_file_opens_with_each_of_its_keys(start, tmp_path, keys):
    path = tmp_path / "jwks.json"
    path.write_text(jwks(keys["rsa"], keys["ec"], keys["ed"], {"kty": "oct", "kid": "s", "k": b64(SECRET)}))
    gateway = keyed(start, jwt_jwks_file=path)
    assert (await gateway.metrics())("keys") == 4
    for name in ("rsa", "ec", "ed"):
        assert await status_of(gateway, keys[name].token(sub="ann")) == 101
    assert await status_of(gateway, token(sub="ann", head={"kid": "s"})) == 101
    assert await status_of(gateway, token(sub="ann")) == 101  # no kid: any key that fits
    assert await status_of(gateway, keys["new"].token(sub="ann")) == 401
    # one's own name of another's key, and a name that nobody has
    for kid in ("ec-1", "rsa-1", "x", "ec-1 "):
        assert await status_of(gateway, keys["new"].token(head={"kid": kid}, sub="ann")) == 401
    assert await status_of(gateway, keys["ec"].token(head={"kid": "rsa-1"}, sub="ann")) == 401
    assert await status_of(gateway, token(sub="ann", head={"kid": "ec-1"})) == 401


async def test_several_files_and_kinds_hold_at_once(start, tmp_path, keys):
    old, young = tmp_path / "old", tmp_path / "young"
    old.write_text("the old secret: 32 bytes or more\n")
    young.write_text("the young secret: 32 bytes, more")
    both = tmp_path / "public.pem"
    both.write_bytes(keys["rsa"].public + keys["ec"].public)
    one = tmp_path / "ed.pem"
    one.write_bytes(keys["ed"].public)
    gateway = keyed(start, jwt_hmac_secret_file=f"{old},{young}", jwt_public_key_file=f"{both},{one}")
    for secret in ("the old secret: 32 bytes or more", "the young secret: 32 bytes, more"):
        assert await status_of(gateway, token(secret=secret, sub="ann")) == 101
    for name in ("rsa", "ec", "ed"):
        assert await status_of(gateway, keys[name].token(sub="ann")) == 101
    assert await status_of(gateway, keys["new"].token(sub="ann")) == 401


async def test_a_reload_reads_the_files_again(start, tmp_path):
    path = tmp_path / "secret"
    path.write_text(SECRET)
    gateway = keyed(start, jwt_hmac_secret_file=path)
    other = token(secret="the young secret: 32 bytes, more", sub="ann")
    assert await status_of(gateway, other) == 401
    async with connect(gateway, **as_client(token(sub="ann"))) as ann:
        path.write_text("the young secret: 32 bytes, more")
        hang_up(gateway)
        gateway.wait_for_log("keys.reloaded")
        assert await status_of(gateway, other) == 101
        assert await status_of(gateway, token(sub="ann")) == 401
        await ann.ask("ping")  # who is inside stays until its token ends
        path.write_text("short")
        hang_up(gateway)
        gateway.wait_for_log("keys.not_reloaded")
        assert await status_of(gateway, other) == 101  # what was read last holds


async def test_a_secret_that_all_may_read_is_warned_of(start, tmp_path):
    for mode, warned in ((0o644, True), (0o640, False)):
        path = tmp_path / f"secret{mode}"
        path.write_text(SECRET)
        path.chmod(mode)
        gateway = keyed(start, jwt_hmac_secret_file=path)
        assert bool(gateway.log_lines("keys.readable_by_all")) is warned


# ---- a server of keys ----


class KeyServer:
    """Answers every request with `body` as it is now; `delay` seconds late."""

    def __init__(self):
        self.body, self.status, self.delay, self.asked = "{}", "200 OK", 0, 0
        self.headers = ""

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()

    tls = None

    @property
    def url(self):
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/jwks.json"

    async def serve(self, reader, writer):
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            await asyncio.sleep(self.delay)
            body = self.body.encode()
            writer.write(
                f"HTTP/1.1 {self.status}\r\nContent-Length: {len(body)}\r\n{self.headers}"
                f"Content-Type: application/json\r\nConnection: close\r\n\r\n".encode() + body
            )
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def started(start, **options):
    return await asyncio.to_thread(keyed, start, **options)


async def fetched(gateway, n=1, result="ok"):
    async def enough():
        return (await gateway.metrics())("key_fetches_total", result=result) >= n

    await eventually(enough, timeout=10)


async def test_keys_are_fetched_at_the_start(start, keys):
    async with KeyServer() as server:
        server.body = jwks(keys["ec"], keys["rsa"])
        gateway = await started(start, jwt_jwks_url=server.url)
        await fetched(gateway)
        assert server.asked == 1
        assert await status_of(gateway, keys["ec"].token(sub="ann")) == 101
        assert await status_of(gateway, keys["rsa"].token(sub="ann")) == 101
        assert server.asked == 1  # nobody asks again for what is known


async def test_an_unknown_key_is_fetched_at_most_once_a_minute(start, keys):
    async with KeyServer() as server:
        server.body = jwks(keys["ec"])
        gateway = await started(start, jwt_jwks_url=server.url)
        await fetched(gateway)
        server.body = jwks(keys["ec"], keys["new"])
        assert await status_of(gateway, keys["new"].token(sub="ann")) == 503  # come back in a moment
        await fetched(gateway, 2)
        assert await status_of(gateway, keys["new"].token(sub="ann")) == 101
        for n in range(20):
            assert await status_of(gateway, keys["ed"].token(head={"kid": f"x{n}"}, sub="ann")) == 401
        assert server.asked == 2


async def test_while_keys_are_fetched_the_gateway_serves_others(start, tmp_path, keys):
    """A server of keys that does not answer costs nobody anything."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    async with KeyServer() as server:
        server.delay = 60
        gateway = await started(start, jwt_jwks_url=server.url, jwt_hmac_secret_file=secret)
        async with connect(gateway, **as_client(token(sub="ann"))) as ann:
            for _ in range(50):
                assert (await ann.ask("ping", timeout=1))["type"] == "pong"
        with pytest.raises(Refused) as refused:
            await Peer.open(gateway, **bearer(keys["ec"].token(sub="ann")))
        assert refused.value.answer.status == 503
        assert "retry-after" in refused.value.answer.headers
        async with connect(gateway, query="?hello=1", wait_for_welcome=False) as browser:
            await browser.send("hello", token=keys["ec"].token(sub="ann"))
            assert (await browser.next("reconnect"))["reason"] == "keys"
            assert await browser.closed() == 1013


@pytest.mark.parametrize(
    "wrong",
    [
        {"body": "no JSON"},
        {"body": '{"keys":[]}'},
        {"body": '{"keys":[{"kty":"RSA"}]}'},
        {"body": json.dumps({"keys": [{"kty": "oct", "k": b64(SECRET)}]})},  # a secret for everybody
        {"status": "404 Not Found"},
        {"status": "302 Found", "headers": "Location: http://127.0.0.1:1/\r\n"},
        {"body": "x" * 300_000},
    ],
)
async def test_what_is_no_set_of_keys_is_passed_over_and_asked_for_again(start, keys, wrong):
    async with KeyServer() as server:
        server.body = jwks(keys["ec"])
        good = dict(body=server.body, status=server.status, headers="")
        for name, value in wrong.items():
            setattr(server, name, value)
        gateway = await started(start, jwt_jwks_url=server.url)
        await fetched(gateway, 1, "failed")
        assert await status_of(gateway, keys["ec"].token(sub="ann")) == 503
        assert await status_of(gateway, token(sub="ann")) == 503
        for name, value in good.items():
            setattr(server, name, value)
        await fetched(gateway)
        assert await status_of(gateway, keys["ec"].token(sub="ann")) == 101
        assert await status_of(gateway, token(sub="ann")) in (401, 503)


async def test_keys_that_were_fetched_hold_while_their_server_is_away(start, keys):
    async with KeyServer() as server:
        server.body = jwks(keys["ec"])
        gateway = await started(start, jwt_jwks_url=server.url)
        await fetched(gateway)
        server.status = "500 Oops"
        hang_up(gateway)
        await fetched(gateway, 1, "failed")
        assert await status_of(gateway, keys["ec"].token(sub="ann")) == 101
        server.status, server.body = "200 OK", jwks(keys["new"])
        hang_up(gateway)
        await fetched(gateway, 2)
        assert await status_of(gateway, keys["ec"].token(sub="ann")) in (401, 503)  # it was taken away
        assert await status_of(gateway, keys["new"].token(sub="ann")) == 101


async def test_over_tls_the_server_of_keys_must_be_the_right_one(start, tmp_path, keys):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    server = KeyServer()
    server.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.tls.load_cert_chain(cert, key)
    async with server:
        server.body = jwks(keys["ec"])
        trusting = await started(start, jwt_jwks_url=server.url, jwt_jwks_ca=cert)
        await fetched(trusting)
        assert await status_of(trusting, keys["ec"].token(sub="ann")) == 101
        doubting = await started(start, jwt_jwks_url=server.url)
        await fetched(doubting, 1, "failed")
        assert await status_of(doubting, keys["ec"].token(sub="ann")) == 503
        elsewhere = await started(
            start, jwt_jwks_url=server.url.replace("127.0.0.1", "localhost"), jwt_jwks_ca=cert
        )
        await fetched(elsewhere, 1, "failed")  # the certificate is for another name


async def test_a_gateway_that_fetches_can_be_stopped(start):
    async with KeyServer() as server:
        server.delay = 60
        gateway = await started(start, jwt_jwks_url=server.url)

        async def asked():
            return server.asked == 1

        await eventually(asked)
        await asyncio.to_thread(gateway.stop)


async def test_hand_made_tokens_of_other_kinds_open_no_key(start, tmp_path, keys):
    """The key's kind decides, whatever alg a token says."""
    path = tmp_path / "jwks.json"
    path.write_text(jwks(keys["rsa"], keys["ec"], keys["ed"]))
    gateway = keyed(start, jwt_jwks_file=path)
    claims = {"sub": "ann"}
    for alg in ("HS256", "none", "RS256", "ES256", "EdDSA"):
        for kid in ("rsa-1", "ec-1", "ed-1"):
            for secret in (keys["rsa"].public, keys["ec"].public, json.dumps(keys["ec"].jwk), "", b"\0" * 32):
                forged = by_hand({"alg": alg, "kid": kid}, claims, secret)
                assert await status_of(gateway, forged) == 401
    async with await Peer.open(gateway, "?hello=1") as peer:
        await peer.send(text(type="hello", token=keys["ed"].token(sub="ann")))
        assert (await peer.next())["user"] == "ann"
