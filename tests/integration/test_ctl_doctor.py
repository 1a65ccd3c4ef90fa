"""roomcastctl doctor: a line for everything that it looks at, and 1 when something is bad."""

import time

import pytest
from support.ctl_api import ask, ask_json
from support.fakeapi import error, fake_api, health, node
from support.process import environment


async def findings(api, code=0):
    return {(f["check"], f["level"]): f["text"] for f in await ask_json(api, "doctor", code=code)}


async def test_a_healthy_cluster_has_nothing_bad():
    async with fake_api() as api:
        found = await findings(api)
        for check in ("this gateway", "fan-out tier", "room for clients", "readiness", "versions", "clocks"):
            assert (check, "ok") in found, found
        table = await ask(api, "doctor")
        assert table.code == 0 and "3 of 3 gateways take clients" in table.out
        # another process than a gateway listens there
        assert "cannot be seen from here" in found["descriptors", "warn"]


@pytest.mark.parametrize(
    "change, check, level, words",
    [
        (dict(ready=False, reason="tier down"), "readiness", "bad", "node bbbbbbbb takes no clients: tier down"),
        (dict(state="draining", ready=False), "readiness", "warn", "node bbbbbbbb is draining"),
        (dict(tier={"name": "redis", "up": False}), "links", "bad", "node bbbbbbbb has lost redis"),
        (dict(version="0.2.0"), "versions", "warn", "aaaaaaaa 0.1.0+1234567, bbbbbbbb 0.2.0, cccccccc"),
        (dict(loop_lag_ms=900), "event loops", "warn", "node bbbbbbbb ran 900 ms late"),
    ],
)
async def test_a_node_with_trouble_is_named(change, check, level, words):
    async with fake_api() as api:
        api.nodes[1] = node("bbbbbbbb", **change)
        found = await findings(api, code=1 if level == "bad" else 0)
        assert words in found[check, level]
        assert ("readiness", "ok") not in found or check == "versions"


@pytest.mark.parametrize("off_ms, level", [(300, "ok"), (2000, "warn"), (-60000, "bad")])
async def test_clocks_that_differ(off_ms, level):
    async with fake_api() as api:
        now = int(time.time() * 1000)
        api.nodes = [node("aaaaaaaa", wall_ms=now), node("bbbbbbbb", wall_ms=now + off_ms)]
        found = await findings(api, code=1 if level == "bad" else 0)
        assert str(abs(off_ms)) in found["clocks", level]


async def test_our_own_clock_is_looked_at_too():
    async with fake_api() as api:
        api.nodes = [node("aaaaaaaa", wall_ms=1000)]
        assert "this machine's differs" in (await findings(api))["clocks", "warn"]


async def test_a_silent_node_is_bad():
    async with fake_api() as api:
        api.unanswered = ["cccccccc"]
        assert "node cccccccc does not answer" in (await findings(api, code=1))["readiness", "bad"]


@pytest.mark.parametrize(
    "change, check, level, words",
    [
        (dict(status="degraded", reason="no tier"), "this gateway", "bad", "is degraded (no tier)"),
        (dict(status="draining", reason="draining"), "this gateway", "warn", "is draining"),
        (dict(tier={"name": "redis", "up": False, "reason": "refused", "down_ms": 7}), "fan-out tier", "bad",
         "redis has not answered for 7 ms (refused)"),
        (dict(connections=950), "room for clients", "warn", "950 of 1000 connections"),
        (dict(queued_bytes=99, memory_limit=100), "memory", "warn", "99 of 100 bytes wait"),
    ],
)
async def test_the_gateways_own_health(change, check, level, words):
    async with fake_api() as api:
        api.answers["GET", "/healthz"] = health(**change)
        assert words in (await findings(api, code=1 if level == "bad" else 0))[check, level]


async def test_a_key_that_is_refused_is_bad_and_the_rest_is_looked_at():
    async with fake_api() as api:
        api.answers["GET", "/v1/nodes"] = error(401, "not_authenticated", "no valid key")
        found = await findings(api, code=1)
        assert "status 401" in found["all gateways", "bad"]
        assert ("this gateway", "ok") in found


async def test_nobody_there_is_bad():
    ended = await ask("http://127.0.0.1:1", "doctor")
    assert ended.code == 1 and "bad" in ended.out and "is a gateway running there?" in ended.err
    assert "1 bad" in ended.err


async def test_another_machine_is_not_judged_by_this_ones_kernel():
    ended = await ask("http://192.0.2.1:8001", "doctor", "--timeout=0.2", env=environment())
    assert ended.code == 1 and "somaxconn" not in ended.out
    assert "not looked at: the endpoint is on another one" in ended.out


async def test_the_process_of_a_gateway_here_is_found(gateway):
    host, port = gateway.admin
    ended = await ask(f"http://{host}:{port}", "doctor", "--json")
    descriptors = next(f for f in ended.lines[0] if f["check"] == "descriptors")
    assert f"process {gateway.pid} may open " in descriptors["text"]
