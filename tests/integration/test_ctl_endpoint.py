"""Where roomcastctl finds the HTTP API and its key."""

import ssl
import subprocess

import pytest
from support.ctl import ctl
from support.ctl_api import ask
from support.fakeapi import fake_api

NOWHERE = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    "url, sentence",
    [
        ("127.0.0.1:8001", "does not begin with http:// or https://"),
        ("ws://127.0.0.1:8001", "does not begin with http:// or https://"),
        ("http://", "is not HOST:PORT"),
        ("http://:8001", "is not HOST:PORT"),
        ("http://h:0", "is not HOST:PORT"),
        ("http://h:65536", "is not HOST:PORT"),
        ("http://[::1", "is not HOST:PORT"),
        ("http://key@h/", "use --key-file"),
        ("http://h/?a=b", "characters that an endpoint may not have"),
        ("http://h/\r\nHost: x", "characters that an endpoint may not have"),
        ("http://h/" + "x" * 600, "too long"),
        ("http://" + "h" * 300, "is not HOST:PORT"),
    ],
)
async def test_what_is_no_endpoint_is_refused(url, sentence):
    ended = await ask(url, "rooms")
    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err


async def test_a_proxy_of_the_environment_is_not_asked():
    async with fake_api() as api:
        ended = await ask(api, "rooms", env={"http_proxy": NOWHERE, "ALL_PROXY": NOWHERE})
        assert ended.code == 0, ended


async def test_flags_over_environment_over_file(tmp_path):
    (tmp_path / "roomcast").mkdir()
    conf = tmp_path / "roomcast/ctl.conf"
    env = {"XDG_CONFIG_HOME": str(tmp_path)}
    async with fake_api() as api, fake_api() as other:
        conf.write_text(f"# mine\n\nendpoint = {api.url}\nkey = from-file\n")
        conf.chmod(0o600)
        assert (await ctl("rooms", env=env)).err == ""
        assert api.seen[-1][3]["authorization"] == "Bearer from-file"
        env["ROOMCAST_KEY"] = "from-environment"
        env["ROOMCAST_ENDPOINT"] = other.url + "/"
        await ctl("rooms", env=env)
        assert other.seen[-1][3]["authorization"] == "Bearer from-environment"
        (tmp_path / "key").write_text("from-key-file\nnot this\n")
        await ask(api, "rooms", "--key-file", str(tmp_path / "key"), env=env)
        assert api.seen[-1][3]["authorization"] == "Bearer from-key-file"
        await ctl("--endpoint", api.url, "--key", "before", "rooms", env=env)
        assert api.seen[-1][3]["authorization"] == "Bearer before"
        conf.write_text(f"key_file={tmp_path}/key\n")
        env.pop("ROOMCAST_KEY")
        await ctl("rooms", env=env)
        assert other.seen[-1][3]["authorization"] == "Bearer from-key-file"


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("endpoint http://x\n", "ctl.conf:1: not NAME = VALUE"),
        ("\ncolour = red\n", "ctl.conf:2: there is no 'colour'"),
        ("key =\n", "the value of key is empty or too long"),
        ("key = a b\n", "ctl.conf: the key is empty or holds a character"),
        ("key_file = /does/not/exist\n", "cannot read the key file"),
    ],
)
async def test_a_file_with_a_mistake_is_refused(tmp_path, text, sentence):
    (tmp_path / "roomcast").mkdir()
    (tmp_path / "roomcast/ctl.conf").write_text(text)
    (tmp_path / "roomcast/ctl.conf").chmod(0o600)
    ended = await ctl("rooms", env={"XDG_CONFIG_HOME": str(tmp_path)})
    assert ended.code == 2 and sentence in ended.err


async def test_a_key_that_others_can_read_is_complained_about(tmp_path):
    (tmp_path / ".config/roomcast").mkdir(parents=True)
    conf = tmp_path / ".config/roomcast/ctl.conf"
    conf.write_text("key = k\n")
    conf.chmod(0o644)
    env = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": ""}
    async with fake_api() as api:
        ended = await ask(api, "rooms", env=env)
        assert ended.code == 0 and "others can read it: chmod 600" in ended.err
        conf.chmod(0o600)
        assert (await ask(api, "rooms", env=env)).err == ""


async def test_tls_is_checked_unless_it_shall_not_be(tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
        check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    async with fake_api(tls) as api:
        port = api.server.sockets[0].getsockname()[1]
        here, other = f"https://localhost:{port}", f"https://127.0.0.1:{port}"
        refused = await ask(here, "rooms")
        assert refused.code == 1 and "certificate" in refused.err and not api.seen
        assert (await ask(here, "rooms", env={"SSL_CERT_FILE": str(cert)})).code == 0
        assert (await ask(other, "rooms", env={"SSL_CERT_FILE": str(cert)})).code == 1
        assert (await ask(other, "rooms", "--insecure")).code == 0
