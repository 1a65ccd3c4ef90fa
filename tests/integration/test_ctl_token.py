"""`roomcastctl token`: what it makes opens a gateway, and PyJWT reads it the same way."""

import json
import subprocess
import time

import jwt
import pytest
from support.process import environment
from support.timing import BUILD, seconds
from support.tokens import SECRET, Key, as_client, by_hand, locked, token
from support.wsclient import connect

CTL = BUILD / "roomcastctl"


def ctl(*arguments, stdin=None):
    return subprocess.run(
        [str(CTL), "token", *map(str, arguments)], input=stdin, capture_output=True, text=True,
        env=environment(), timeout=seconds(10),
    )  # fmt: skip


def minted(*arguments):
    done = ctl("mint", *arguments)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.strip()


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "s"
    path.write_text(SECRET + "\n")
    return path


async def test_what_is_minted_opens_a_gateway(start, tmp_path, secret):
    gateway = locked(start, tmp_path)
    made = minted("--secret-file", secret, "--user", "ann", "--rooms", "a.* b", "--expires", "90")
    async with connect(gateway, **as_client(made)) as ann:
        assert ann.welcome["user"] == "ann"
        assert 80_000 < ann.welcome["expires_in_ms"] <= 91_000
        await ann.ok("join", rooms=["a.1", "b"])
        await ann.refused("forbidden", "join", room="c")


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512", "RS256", "ES256", "EdDSA"])
def test_another_library_reads_what_is_minted(tmp_path, secret, alg):
    if alg.startswith("HS"):
        made, verifier = minted("--secret-file", secret, "--alg", alg, "--user", "ann"), SECRET
    else:
        key = Key(alg)
        path = tmp_path / "private.pem"
        path.write_bytes(key.private)
        made, verifier = minted("--key-file", path, "--kid", "k1", "--user", "ann"), key.public
        assert jwt.get_unverified_header(made)["kid"] == "k1"
    claims = jwt.decode(made, verifier, [alg])
    assert claims["sub"] == "ann"
    assert abs(claims["exp"] - time.time() - 3600) < 5


def test_topics_and_further_claims_are_taken_as_they_are(secret):
    topics = [{"match": "room:a", "can": ["join"]}]
    made = minted("--secret-file", secret, "--topics", json.dumps(topics), "--events", "e f", "--claims", '{"jti":"j1","info":{"n":1.0}}')
    claims = jwt.decode(made, SECRET, ["HS256"])
    assert claims["topics"] == topics
    assert claims["events"] == ["e", "f"]
    assert claims["jti"] == "j1"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--user", "a b"],
        ["--topics", "[{}]"],
        ["--topics", "["],
        ["--claims", "[]"],
        ["--claims", '{"exp":"x"}'],
        ["--user", "ann", "--claims", '{"sub":"bob"}'],
        ["--alg", "RS256"],
        ["--alg", "none"],
        ["--rooms", "a/b"],
    ],
)
def test_what_a_gateway_would_refuse_is_not_made(secret, arguments):
    given = ["--secret-file", secret, *arguments] if arguments else []
    done = ctl("mint", *given)
    assert done.returncode == 2 and done.stdout == "" and done.stderr


def test_show_tells_what_is_in_a_token_and_whether_it_is_right(tmp_path, secret):
    key = Key("ES256", "k1")
    public, jwks = tmp_path / "public.pem", tmp_path / "jwks.json"
    public.write_bytes(key.public)
    jwks.write_text(json.dumps({"keys": [key.jwk]}))
    good = key.token(sub="ann", exp=2000000000)
    for option in (["--key-file", public], ["--jwks-file", jwks]):
        done = ctl("show", "-", *option, stdin=good + "\n")
        assert done.returncode == 0
        head, claims = map(json.loads, done.stdout.splitlines())
        assert (head["alg"], claims["sub"]) == ("ES256", "ann")
        assert "2033-05-18 03:33:20 UTC" in done.stderr and "signature is right" in done.stderr
    done = ctl("show", token(secret="v" * 32, sub="ann"), "--secret-file", secret)
    assert done.returncode == 1 and "signature is wrong" in done.stderr
    done = ctl("show", good, "--secret-file", secret)
    assert done.returncode == 1 and "not among these" in done.stderr
    done = ctl("show", good)
    assert done.returncode == 0 and "not verified" in done.stderr


@pytest.mark.parametrize("bad", ["", "x", "a.b.c", by_hand({"alg": "none"}, {}), by_hand({"alg": "HS256"}, '{"sub":"a","sub":"b"}')])
def test_show_says_why_a_gateway_would_refuse(bad):
    done = ctl("show", bad)
    assert done.returncode == 1 and "would refuse" in done.stderr


def test_a_terminal_is_not_steered_by_a_token(secret):
    done = ctl("show", by_hand({"alg": "HS256"}, '{"x":"\u009b1m"}'))
    assert done.returncode == 0
    assert "\x1b" not in done.stdout and "\x9b" not in done.stdout
