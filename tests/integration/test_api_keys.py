"""Keys of the HTTP API: who has which scope, how they are changed, and what is there without any."""

import asyncio
import signal

import pytest
from support.api import ADMIN, KEYS, PUBLISH, READ, Api, assert_refused, write_keys
from support.process import run
from support.timing import eventually
from support.wsclient import connect

GOOD = {"topic": "room:r", "event_type": "t", "payload": 1}
GETS = ["/v1/rooms", "/v1/clients", "/v1/nodes", "/v1/stats", "/v1/openapi.json", "/v1/config"]


@pytest.fixture(name="keys")
def fixture_keys(tmp_path):
    return write_keys(tmp_path)


@pytest.fixture(name="guarded")
def fixture_guarded(start, keys):
    return start(api_keys_file=keys)


async def test_without_a_key_nobody_gets_in(guarded):
    for path in GETS + ["/v1/rooms/r", "/v1/users/u", "/v1/clients/c"]:
        answer = await Api(guarded).ask("GET", path)
        assert_refused(answer, 401, "not_authenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert_refused(await Api(guarded).ask("POST", "/v1/publish", GOOD), 401, "not_authenticated")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer " + READ[:-1],
        "Bearer " + READ + "x",
        "Bearer " + READ.upper(),
        "Bearer",
        "Bearer  ",
        READ,
        "Basic " + READ,
        f"Bearer {READ} {READ}",
        "Bearer monitor",
        "Bearer " + "x" * 400,
        "Bearer " + "x" * 2000,
        "x" * 2000,
    ],
)
async def test_a_wrong_key_is_no_key(guarded, header):
    answer = await Api(guarded).ask("GET", "/v1/nodes", headers={"Authorization": header})
    assert_refused(answer, 401, "not_authenticated")
    assert READ not in answer.text


async def test_a_key_does_what_its_scope_allows(guarded):
    async def status(key, method, path, body=b""):
        return (await Api(guarded, key).ask(method, path, body)).status

    for path in GETS[:-1]:
        assert await status(READ, "GET", path) == 200, path
        assert await status(ADMIN, "GET", path) == 200, path
        assert await status(PUBLISH, "GET", path) == 403, path
    assert await status(ADMIN, "GET", "/v1/config") == 200
    assert await status(READ, "GET", "/v1/config") == 403
    for key, expected in ((READ, 403), (PUBLISH, 200), (ADMIN, 200)):
        assert await status(key, "POST", "/v1/publish", GOOD) == expected
        assert await status(key, "POST", "/v1/publish/batch", {"messages": [GOOD]}) == expected
    for path in ("/v1/rooms/r/disconnect", "/v1/users/u/disconnect", "/v1/clients/c/disconnect"):
        for key, expected in ((READ, 403), (PUBLISH, 403), (ADMIN, 404)):
            assert await status(key, "POST", path, {}) == expected, (key, path)
    assert await status(READ, "POST", "/v1/nodes/abcdefgh/drain", {}) == 403


async def test_metrics_and_health_need_no_key(guarded):
    for path in ("/metrics", "/livez", "/readyz", "/healthz"):
        assert (await guarded.http("GET", path)).status == 200


async def test_with_a_key_any_host_and_origin_will_do(guarded):
    for headers in ({"Host": "gateway.example"}, {"Origin": "https://tool.example"}):
        answer = await Api(guarded, PUBLISH).ask("POST", "/v1/publish", GOOD, headers)
        assert answer.status == 200
        assert (await Api(guarded).ask("POST", "/v1/publish", GOOD, headers)).status == 401


async def test_with_keys_it_is_there_on_every_address(start, keys):
    gateway = start(admin_listen="0.0.0.0:0", api_keys_file=keys)
    gateway.admin = ("127.0.0.1", gateway.admin[1])
    assert (await Api(gateway, READ).ask("GET", "/v1/nodes")).status == 200
    assert (await Api(gateway).ask("GET", "/v1/nodes")).status == 401


async def test_without_keys_only_on_loopback(start):
    gateway = start(admin_listen="0.0.0.0:0")
    gateway.admin = ("127.0.0.1", gateway.admin[1])
    for path in GETS:
        assert_refused(await Api(gateway).ask("GET", path), 403, "forbidden")
    assert not gateway.log_lines("api.open")


async def test_an_open_api_is_said_in_the_log(gateway, guarded):
    assert len(gateway.log_lines("api.open")) == 1
    assert not guarded.log_lines("api.open")
    assert (await Api(gateway).ask("GET", "/v1/config")).status == 200


async def test_a_web_page_cannot_use_an_open_api(gateway):
    for headers in ({"Origin": "null"}, {"Host": "evil.example"}, {"Host": "127.0.0.1.evil.example"}):
        for path in GETS:
            assert_refused(await Api(gateway).ask("GET", path, headers=headers), 403, "forbidden")


async def test_guessing_is_slowed_down_for_those_who_guess(guarded):
    wrong = Api(guarded, "wrong-key-0123456789abc")
    answers = await asyncio.gather(*(wrong.ask("GET", "/v1/nodes") for _ in range(40)))
    found = [a.status for a in answers]
    assert set(found) == {401, 429} and 10 <= found.count(401) <= 20, found
    for a in answers:
        if a.status == 429:
            assert_refused(a, 429, "rate_limited")
            assert a.headers["retry-after"] == "1"
    assert (await Api(guarded, READ).ask("GET", "/v1/nodes")).status == 200
    assert (await Api(guarded).ask("GET", "/v1/nodes")).status == 401  # no guess

    async def again():
        return (await wrong.ask("GET", "/v1/nodes")).status == 401

    await eventually(again)
    lines = guarded.log_lines("api.refused")
    assert 1 <= len(lines) <= 5 and lines[0]["address"] == "127.0.0.1"


async def test_no_key_is_ever_shown(guarded, keys):
    await Api(guarded, "wrong-key-0123456789abc").ask("GET", "/v1/nodes")
    answer = await Api(guarded, ADMIN).ask("GET", "/v1/config")
    assert answer.json["options"]["api_keys_file"] == str(keys)
    keys.write_text(f"broken {ADMIN}\n")
    guarded.signal(signal.SIGHUP)
    guarded.wait_for_log("api.keys_not_reloaded")
    for key in (READ, PUBLISH, ADMIN, "wrong-key"):
        assert key not in guarded.log() and key not in answer.text


async def reload(gateway, count):
    gateway.signal(signal.SIGHUP)

    async def taken():
        return (await gateway.metrics())("reloads_total") == count

    await eventually(taken)


async def test_keys_are_rotated_by_a_reload(guarded, keys):
    new = "the-next-key-0123456789"

    async def statuses():
        return [(await Api(guarded, k).ask("GET", "/v1/nodes")).status for k in (READ, new)]

    assert await statuses() == [200, 401]
    keys.write_text(KEYS + f"next read {new}\n")
    await reload(guarded, 1)
    assert await statuses() == [200, 200]
    keys.write_text(f"next read {new}\n")
    await reload(guarded, 2)
    assert await statuses() == [401, 200]
    keys.write_text("nonsense\n")
    await reload(guarded, 3)
    assert await statuses() == [401, 200]
    assert "keys:1:" in guarded.wait_for_log("api.keys_not_reloaded")["error"]
    keys.unlink()
    await reload(guarded, 4)
    assert await statuses() == [401, 200]


async def test_keys_may_come_and_go_with_the_configuration(start, keys):
    gateway = start(config="[gateway]\n")
    assert (await Api(gateway).ask("GET", "/v1/nodes")).status == 200
    gateway.config_path.write_text(f"[gateway]\napi_keys_file = {keys}\n")
    await reload(gateway, 1)
    assert (await Api(gateway).ask("GET", "/v1/nodes")).status == 401
    assert (await Api(gateway, READ).ask("GET", "/v1/nodes")).status == 200
    gateway.config_path.write_text("[gateway]\n")
    await reload(gateway, 2)
    assert (await Api(gateway).ask("GET", "/v1/nodes")).status == 200
    assert len(gateway.log_lines("api.open")) == 2


def test_a_wrong_file_stops_the_start(tmp_path):
    path = tmp_path / "keys"
    missing = run(api_keys_file=path, admin_listen="127.0.0.1:0", listen="127.0.0.1:0")
    assert missing.returncode == 1 and "cannot be read" in missing.stderr
    path.write_text(f"root admin {ADMIN}\nroot {PUBLISH}\n")
    for arguments in ((), ("--check-config",)):
        wrong = run(*arguments, api_keys_file=path, admin_listen="127.0.0.1:0", listen="127.0.0.1:0")
        assert wrong.returncode == 2 and f"{path}:2: " in wrong.stderr
        assert ADMIN not in wrong.stderr and PUBLISH not in wrong.stderr
    path.write_text(KEYS)
    assert run("--check-config", api_keys_file=path).returncode == 0


def test_a_file_that_others_may_read_is_warned_of(start, keys):
    assert not start(api_keys_file=keys).log_lines("api.keys_open_to_others")
    keys.chmod(0o644)
    line = start(api_keys_file=keys).log_lines("api.keys_open_to_others")[0]
    assert line["mode"] == "644"


async def test_orders_are_logged_with_the_name_of_the_key(guarded):
    async with connect(guarded) as ann:
        await Api(guarded, ADMIN).post("clients", ann.id, "disconnect")
        line = guarded.wait_for_log("api.order")
        assert (line["key"], line["name"], line["result"]) == ("root", ann.id, "ok")
        assert await ann.closed() == 4003
