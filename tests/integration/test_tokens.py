"""Tokens at the door: which ones open it, by which road they come, and what who has none hears."""

import hashlib
import time

import pytest
from support.process import run
from support.rawws import Closed, Peer, Refused, text
from support.tokens import SECRET, Key, as_client, b64, bearer, by_hand, locked, token
from support.wsclient import connect

import websockets


@pytest.fixture
def gateway(start, tmp_path):
    return locked(start, tmp_path)


async def status_of(gateway, text=None, query="", **headers):
    """The status of a handshake with this token; 101 where it succeeds."""
    if text is not None:
        headers = {**bearer(text), **headers}
    try:
        (await Peer.open(gateway, query, **headers)).close()
        return 101
    except Refused as refused:
        if refused.answer.status == 401:
            assert refused.answer.headers["www-authenticate"].startswith("Bearer")
            assert refused.answer.json["error"]["name"] in ("not_authenticated", "expired")
        return refused.answer.status


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
async def test_a_shared_secret_opens_with_each_of_its_algorithms(gateway, alg):
    async with connect(gateway, **as_client(token(alg, sub="ann"))) as ann:
        assert ann.welcome["user"] == "ann"
        assert 3590_000 < ann.welcome["expires_in_ms"] <= 3600_000
        assert "refresh" in ann.welcome["features"]


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
async def test_a_public_key_opens(start, tmp_path, alg):
    key = Key(alg)
    path = tmp_path / "public.pem"
    path.write_bytes(key.public)
    gateway = start(jwt_public_key_file=path, allow_user_param=None)
    async with connect(gateway, **as_client(key.token(sub="ann"))) as ann:
        assert ann.welcome["user"] == "ann"
    assert await status_of(gateway, Key(alg).token(sub="ann")) == 401
    # the text of the public key is no secret, so it must open nothing
    for secret in (key.public, key.public.strip(), key.public + b"\n"):
        for digest, name in ((hashlib.sha256, "HS256"), (hashlib.sha512, "HS512")):
            assert await status_of(gateway, by_hand({"alg": name}, {"sub": "ann"}, secret, digest)) == 401


async def test_a_token_without_a_user_is_an_anonymous_client_with_rights(gateway):
    async with connect(gateway, **as_client(token(rooms=["a"]))) as anon:
        assert "user" not in anon.welcome
        await anon.ok("join", room="a")
        await anon.refused("forbidden", "join", room="b")


async def test_without_exp_a_token_does_not_end(gateway):
    async with connect(gateway, **as_client(token(sub="ann", exp=None))) as ann:
        assert "expires_in_ms" not in ann.welcome


def soon(seconds):
    return int(time.time()) + seconds


BAD = {
    "no signature": lambda: by_hand({"alg": "none"}, {"sub": "ann"}, None),
    "none with a signature": lambda: by_hand({"alg": "none"}, {"sub": "ann"}),
    "None": lambda: by_hand({"alg": "None"}, {"sub": "ann"}, None),
    "another secret": lambda: token(secret="x" * 32, sub="ann"),
    "another digest": lambda: by_hand({"alg": "HS384"}, {"sub": "ann"}),
    "an alg twice": lambda: by_hand('{"alg":"HS256","alg":"HS256"}', {"sub": "ann"}),
    "no alg": lambda: by_hand({}, {"sub": "ann"}),
    "an alg of public keys": lambda: by_hand({"alg": "RS256"}, {"sub": "ann"}),
    "crit": lambda: by_hand({"alg": "HS256", "crit": ["exp"]}, {"sub": "ann"}),
    "a user twice": lambda: by_hand({"alg": "HS256"}, '{"sub":"ann","sub":"bob"}'),
    "a user twice, once escaped": lambda: by_hand({"alg": "HS256"}, '{"sub":"a","s\\u0075b":"b"}'),
    "a user that is no name": lambda: token(sub="a b"),
    "text behind the claims": lambda: by_hand({"alg": "HS256"}, '{"sub":"ann"}{}'),
    "no JSON": lambda: by_hand({"alg": "HS256"}, "ann"),
    "not UTF-8": lambda: by_hand({"alg": "HS256"}, b'{"x":"\xff"}'),
    "exp as a string": lambda: by_hand({"alg": "HS256"}, {"exp": str(soon(99))}),
    "not yet": lambda: token(sub="ann", nbf=soon(30)),
    "an audience when none is set": lambda: token(sub="ann", aud="others"),
    "a padded signature": lambda: token(sub="ann") + "=",
    "a part too many": lambda: token(sub="ann") + ".x",
    "a part too few": lambda: token(sub="ann").rsplit(".", 1)[0],
    "nothing": lambda: "",
    "dots": lambda: "..",
    "its head only": lambda: b64({"alg": "HS256"}) + "..",
    "a rule that is none": lambda: token(topics=[{"match": "rooms:a", "can": ["join"]}]),
    "257 rules": lambda: token(rooms=["r"] * 257),
}


@pytest.mark.parametrize("bad", BAD)
async def test_a_bad_token_is_refused_before_the_upgrade_and_closed_after_it(gateway, bad):
    text = BAD[bad]()
    assert await status_of(gateway, text) == 401
    with pytest.raises(Closed) as end:
        async with await Peer.open(gateway, "?hello=1", **bearer(text)) as peer:
            await peer.next("welcome")
    assert end.value.code == 4001
    metrics = await gateway.metrics()
    assert metrics("connections_refused_total", reason="unauthenticated") == 2
    assert metrics("tokens_total", result="refused") == 2
    assert metrics("connections") == 0
    assert await status_of(gateway, token(sub="ann")) == 101


async def test_an_expired_token_is_told_so(gateway):
    old = token(sub="ann", exp=soon(-1))
    with pytest.raises(Refused) as refused:
        await Peer.open(gateway, **bearer(old))
    assert refused.value.answer.status == 401
    assert refused.value.answer.json["error"]["name"] == "expired"
    with pytest.raises(Closed) as end:
        async with await Peer.open(gateway, "?hello=1", **bearer(old)) as peer:
            await peer.next("welcome")
    assert end.value.code == 4002
    forged = token(secret="x" * 32, sub="ann", exp=soon(-1))  # whose signature is wrong is not "expired"
    with pytest.raises(Refused) as refused:
        await Peer.open(gateway, **bearer(forged))
    assert refused.value.answer.json["error"]["name"] == "not_authenticated"


async def test_clocks_may_differ_by_the_leeway_which_is_0_by_itself(start, tmp_path):
    strict, loose = locked(start, tmp_path), locked(start, tmp_path, jwt_leeway_s=60)
    for claims in ({"exp": soon(-5)}, {"nbf": soon(20)}):
        assert await status_of(strict, token(sub="ann", **claims)) == 401
        assert await status_of(loose, token(sub="ann", **claims)) == 101
    for claims in ({"exp": soon(-100)}, {"nbf": soon(100)}):
        assert await status_of(loose, token(sub="ann", **claims)) == 401


async def test_issuer_and_audience_are_what_was_configured(start, tmp_path):
    gateway = locked(start, tmp_path, jwt_issuer="us", jwt_audience="chat")
    good = {"sub": "ann", "iss": "us", "aud": "chat"}
    assert await status_of(gateway, token(**good)) == 101
    assert await status_of(gateway, token(**{**good, "aud": ["x", "chat"]})) == 101
    for wrong in ({"iss": "them"}, {"iss": None}, {"aud": "chats"}, {"aud": None}, {"aud": []}, {"aud": ["x"]}):
        assert await status_of(gateway, token(**{**good, **wrong})) == 401, wrong


async def test_a_token_may_have_8_kib_and_no_more(gateway):
    """In a header it also shares the 8 KiB of all headers, so `hello` is where the limit shows."""

    def sized(n):
        """Of that length, or one or two less."""
        room = (n - len(token(sub="ann", padding=""))) * 3 // 4
        out = token(sub="ann", padding="x" * room)
        assert n - 2 <= len(out) <= n
        return out

    async with await Peer.open(gateway, "?hello=1") as peer:
        await peer.send(text_of("hello", token=sized(8192)))
        assert (await peer.next())["type"] == "welcome"
    async with await Peer.open(gateway, "?hello=1") as peer:
        await peer.send(text_of("hello", token=sized(8196)))
        assert (await peer.next())["name"] == "not_authenticated"
        with pytest.raises(Closed) as end:
            await peer.next()
    assert end.value.code == 4001
    with pytest.raises(Closed) as end:
        await status_of(gateway, sized(20000))  # more than all headers may have
    assert end.value.code is None


def text_of(kind, **fields):
    return text(type=kind, **fields)


# ---- the roads ----


async def test_the_scheme_is_bearer_in_any_case(gateway):
    good = token(sub="ann")
    for value, status in (
        (f"bearer {good}", 101),
        (f"BEARER   {good} ", 101),
        (f"Bearer{good}", 401),
        (f"Basic {good}", 401),
        (good, 401),
        ("Bearer", 401),
    ):
        assert await status_of(gateway, Authorization=value) == status, value


async def test_two_headers_leave_open_which_counts(gateway):
    async with await Peer.connect(gateway.listen) as peer:
        host = f"{gateway.listen[0]}:{gateway.listen[1]}"
        await peer.send(
            f"GET /v1/ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Authorization: Bearer {token(sub='ann')}\r\nAuthorization: Bearer {token(sub='bob')}\r\n\r\n".encode()
        )
        assert (await peer.answer()).status == 400


async def test_hello_brings_the_token_of_a_browser(gateway):
    async with connect(gateway, query="?hello=1", wait_for_welcome=False) as ann:
        await ann.send("hello", token=token(sub="ann", rooms=["a"]))
        assert (await ann.next("welcome"))["user"] == "ann"
        await ann.ok("join", room="a")
        await ann.refused("forbidden", "join", room="b")


@pytest.mark.parametrize(
    "frame, code, name",
    [
        ({}, 4001, "not_authenticated"),
        ({"token": "x"}, 4001, "not_authenticated"),
        ({"token": ""}, 4001, "not_authenticated"),
        ({"token": token(secret="y" * 32, sub="ann")}, 4001, "not_authenticated"),
        ({"token": token(sub="ann", exp=1)}, 4002, "expired"),
    ],
)
async def test_hello_without_a_good_token_is_told_and_closed(gateway, frame, code, name):
    async with connect(gateway, query="?hello=1", wait_for_welcome=False) as ann:
        await ann.send("hello", id=1, **frame)
        answer = await ann.next("error")
        assert (answer["name"], answer["id"]) == (name, 1)
        assert await ann.closed() == code


async def test_the_header_is_first_and_hello_then_only_greets(gateway):
    async with connect(
        gateway, query="?hello=1", wait_for_welcome=False, **as_client(token(sub="ann"))
    ) as ann:
        await ann.send("hello", token=token(sub="bob"))
        assert (await ann.next("welcome"))["user"] == "ann"


async def test_the_url_is_a_road_only_where_it_is_allowed(start, tmp_path):
    closed, opened = locked(start, tmp_path), locked(start, tmp_path, allow_query_token="on")
    good = token(sub="ann", jti="the-token-of-ann")
    assert await status_of(closed, query=f"?token={good}") == 400
    assert await status_of(opened, query=f"?token={good}") == 101
    assert await status_of(opened, query="?token=x") == 401
    assert await status_of(opened, query="?token=") == 401
    # a header is first, also when it is wrong
    assert await status_of(opened, "x", query=f"?token={good}") == 401
    for gateway in (closed, opened):
        assert good not in gateway.log()


async def test_who_has_no_token_stays_outside(gateway):
    assert await status_of(gateway) == 401
    assert await status_of(gateway, query="?user=ann") == 401


async def test_anonymous_clients_come_in_where_they_may_and_may_do_nothing(start, tmp_path):
    gateway = locked(start, tmp_path, allow_anonymous="on")
    async with connect(gateway) as anon, connect(
        gateway, query="?hello=1", wait_for_welcome=False
    ) as browser:
        await browser.send("hello")
        assert "user" not in await browser.next("welcome")
        await anon.refused("forbidden", "join", room="a")
        await anon.refused("forbidden", "publish", topic="room:a", event_type="e", payload=1)
    assert await status_of(gateway, "x") == 401  # a token that is wrong is not none


async def test_what_the_token_says_of_a_client_is_what_others_see(gateway):
    async with connect(gateway, **as_client(token(sub="ann", rooms=["a"], info={"role": "admin"}))) as ann:
        answer = await ann.ok("join", room="a", presence=True, info={"role": "liar"})
        assert answer["members"] == [{"client": ann.id, "user": "ann", "info": {"role": "admin"}}]


async def test_a_token_may_bring_its_own_rate(gateway):
    async with connect(gateway, **as_client(token(sub="ann", max_rate=1))) as ann:
        assert ann.welcome["max_rate"] == 1
        answers = [(await ann.ask("ping"))["type"] for _ in range(3)]
        assert answers == ["pong", "pong", "error"]


async def test_no_token_stands_in_the_log(gateway):
    good, bad = token(sub="ann", jti="j1"), token(secret="z" * 32, sub="ann")
    async with connect(gateway, **as_client(good)) as ann:
        await ann.ok("refresh", token=token(sub="ann", jti="j2"))
        await ann.refused("not_authenticated", "refresh", token=bad)
    await status_of(gateway, bad)
    log = gateway.log()
    for secret in (good, bad, SECRET, *good.split("."), *bad.split(".")):
        assert secret not in log
    assert 'reason="its signature is wrong"' in log
    assert "jti=j1" in log  # its number is what one may speak of


# ---- the configuration ----


def test_believing_the_url_and_having_keys_stops_the_start(tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    done = run("--check-config", f"--jwt-hmac-secret-file={tmp_path}/secret", "--allow-user-param=on")
    assert done.returncode == 2
    assert "allow_user_param" in done.stderr and "jwt_hmac_secret_file" in done.stderr


@pytest.mark.parametrize(
    "option, content, says",
    [
        ("jwt_hmac_secret_file", "short\n", "shorter than 32 bytes"),
        ("jwt_hmac_secret_file", None, "No such file"),
        ("jwt_hmac_secret_file", "-----BEGIN PUBLIC KEY-----\n" + "A" * 64, "PEM file is no shared"),
        ("jwt_public_key_file", SECRET, "no public key"),
        ("jwt_public_key_file", Key("ES256").private.decode(), "a private key"),
        ("jwt_jwks_file", "{}", "no list `keys`"),
        ("jwt_jwks_file", '{"keys":[]}', "no key that could be used"),
    ],
)
def test_keys_that_are_none_stop_the_start(tmp_path, option, content, says):
    path = tmp_path / "file"
    if content is not None:
        path.write_text(content)
    for action in ("--check-config", "--listen=127.0.0.1:0"):
        done = run(action, f"--{option.replace('_', '-')}={path}")
        assert done.returncode == 2
        assert says in done.stderr and option in done.stderr and str(path) in done.stderr


@pytest.mark.parametrize("url", ["http://example.com/jwks", "ftp://x/y", "https://", "https://u:p@x/", "x"])
def test_a_set_of_keys_comes_over_https_or_from_this_machine(url):
    done = run("--check-config", f"--jwt-jwks-url={url}")
    assert done.returncode == 2 and "jwt_jwks_url" in done.stderr


def test_open_mode_is_warned_of_where_others_can_reach_it(start, tmp_path):
    everywhere = start(listen="0.0.0.0:0")
    assert everywhere.log_lines("gateway.open")
    assert not start().log_lines("gateway.open")
    assert not locked(start, tmp_path, listen="0.0.0.0:0").log_lines("gateway.open")


async def test_a_client_that_we_did_not_write_comes_in_with_a_header(gateway):
    """python3-websockets alone, to be sure that nothing of our own helps."""
    host, port = gateway.listen
    async with connect(gateway, **as_client(token(sub="ann"))):
        pass
    with pytest.raises(websockets.exceptions.InvalidHandshake):
        await websockets.connect(f"ws://{host}:{port}/v1/ws")
