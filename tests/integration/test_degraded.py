"""A gateway without its tier: it runs, says so, and lets nobody in. Needs no Redis: there is none."""

import asyncio

import pytest
from support.process import run
from support.rawws import Closed, Peer, Refused

NOBODY = "redis://ann:s3cr3t@127.0.0.1:1"  # no port of a server


@pytest.fixture
def alone(start):
    return start(tier="redis", redis=NOBODY, retry_after_ms=4000, log_level="debug")


async def test_it_is_alive_and_not_ready(alone):
    assert (await alone.http("GET", "/livez")).status == 200
    answer = await alone.http("GET", "/readyz")
    assert answer.status == 503
    assert answer.json["ready"] is False
    assert answer.json["reason"].startswith("tier not reached yet")
    host, port = alone.admin
    asked = await asyncio.to_thread(run, "--healthcheck", admin_listen=f"{host}:{port}")
    assert asked.returncode == 1


async def test_its_health_says_why_and_since_when(alone):
    before = (await alone.http("GET", "/healthz")).json
    assert before["status"] == "degraded"
    assert before["reason"].startswith("tier not reached yet")
    assert before["tier"]["up"] is False
    await asyncio.sleep(0.1)
    after = (await alone.http("GET", "/healthz")).json
    assert after["tier"]["down_ms"] >= before["tier"]["down_ms"] + 100
    assert (await alone.metrics())("tier_up") == 0


async def test_new_clients_are_asked_to_come_back(alone):
    with pytest.raises(Refused) as refused:
        await Peer.open(alone)
    answer = refused.value.answer
    assert answer.status == 503
    assert answer.headers["retry-after"] == "4"
    assert answer.json["error"]["name"] == "unavailable"
    async with await Peer.open(alone, "?hello=1") as peer:
        frame = await peer.next()
        assert frame["type"] == "reconnect" and frame["reason"] == "tier"
        assert frame["after_ms"] >= 4000
        with pytest.raises(Closed) as end:
            await peer.next()
        assert end.value.code == 1013
    metrics = await alone.metrics()
    assert metrics("connections_refused_total", reason="tier") == 2
    assert metrics("connections_opened_total") == 0


async def test_nothing_can_be_published_and_the_sender_hears_so(alone):
    answer = await alone.http(
        "POST", "/v1/publish", body={"topic": "room:r", "event_type": "t", "payload": 1}
    )
    assert answer.status == 503
    assert answer.json["error"]["name"] == "unavailable"
    assert (await alone.metrics())("messages_published_total") == 0


async def test_its_password_is_in_no_log_and_on_no_page(alone):
    await asyncio.sleep(0.3)  # for some attempts
    pages = [(await alone.http("GET", p)).text for p in ("/healthz", "/readyz", "/metrics")]
    alone.stop()
    assert "s3cr3t" not in "".join([alone.log(), *pages])


@pytest.mark.parametrize("what", [[], ["--check-config"]], ids=["start", "check"])
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "redis is not set"),
        ({"redis": ""}, "redis is not set"),
        ({"redis": f"{NOBODY},http://:s3cr3t@h"}, "redis: URL 2: "),
        ({"redis": f"{NOBODY}/x"}, "the database is not a number"),
        ({"redis": NOBODY, "redis_prefix": "{a}"}, "redis-prefix"),
        ({"redis": f"{NOBODY},{NOBODY}"}, "same server"),
    ],
)
def test_what_cannot_be_meant_stops_the_start(what, options, says):
    ended = run(*what, tier="redis", **options)
    assert ended.returncode == 2 and ended.stdout == ""
    assert ended.stderr.count("\n") == 1 and says in ended.stderr
    assert "s3cr3t" not in ended.stderr


def test_redis_is_not_looked_at_where_it_is_not_the_tier():
    assert run("--check-config", redis="nonsense").returncode == 0
