"""Redis fails in every way: clients stay, hear of it, and all is well again when it is back."""

import asyncio
import time

import pytest
from support.cluster import crowd, post, ready
from support.outage import HEALED, OPTIONS, TIMEOUT, Outage
from support.rawws import Peer, Refused
from support.redis import Redis
from support.resp import ErrorReply
from support.timing import SANITIZED, eventually, seconds
from support.wsclient import connect

pytestmark = pytest.mark.limit(60)


async def back(gateway):
    await eventually(lambda: ready(gateway), HEALED)


# ---- at the start ----


async def test_without_redis_it_starts_says_so_and_keeps_trying(cluster, redis):
    redis.kill()
    (gateway,) = await cluster(1, ready=False, **OPTIONS)
    await asyncio.sleep(1)
    assert (await gateway.http("GET", "/livez")).status == 200
    assert (await gateway.http("GET", "/readyz")).status == 503
    health = (await gateway.http("GET", "/healthz")).json
    assert health["status"] == "degraded" and health["tier"]["up"] is False
    assert health["tier"]["reason"]
    with pytest.raises(Refused) as refused:
        await Peer.open(gateway)
    assert refused.value.answer.status == 503
    assert int(refused.value.answer.headers["retry-after"]) >= 1
    answer = await post(gateway, "room:r")
    assert answer.status == 503 and answer.json["error"]["name"] == "unavailable"
    assert gateway.log().count("event=tier.") < 20, "it complains without end"
    redis.restart()
    await back(gateway)
    assert (await gateway.http("GET", "/healthz")).json["status"] == "ok"
    async with connect(gateway) as ann:
        await ann.ok("join", room="r", presence=True)
        assert (await post(gateway, "room:r")).json == {"nodes": 1, "receivers": 1}
        await ann.silent("gap", 0.1)


async def test_a_listener_that_says_nothing_is_not_redis(cluster):
    """Connected, and never an answer: the time-out holds for the greeting too."""
    server = await asyncio.start_server(lambda r, w: asyncio.sleep(3600), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    (gateway,) = await cluster(1, ready=False, redis=f"redis://127.0.0.1:{port}", **OPTIONS)
    await asyncio.sleep(TIMEOUT / 1000 + 0.5)
    health = (await gateway.http("GET", "/healthz")).json
    assert health["tier"]["up"] is False and health["tier"]["reason"]
    server.close()


# ---- it dies ----


@pytest.mark.parametrize("kept", [False, True], ids=["without its data", "with its data"])
async def test_redis_is_killed_and_comes_back(cluster, redis, kept, request):
    if kept:
        redis.cli("CONFIG", "SET", "appendonly", "yes", "appendfsync", "always")
        redis.config.update({"appendonly": "yes", "appendfsync": "always"})
    gateways = await cluster(2, **OPTIONS)
    async with Outage.on(gateways) as outage:
        redis.kill()
        await asyncio.sleep(1)
        joining = await outage.witnesses[0].ask("join", room="other")
        assert joining["name"] == "unavailable"
        redis.restart(keep=kept)
        await outage.healed()
        await outage.check(gaps=1, redis=redis)


async def test_redis_is_away_longer_than_the_leases(cluster, redis):
    redis.cli("CONFIG", "SET", "appendonly", "yes", "appendfsync", "always")
    redis.config.update({"appendonly": "yes", "appendfsync": "always"})
    gateways = await cluster(2, **{**OPTIONS, "lease_ms": 1000})
    async with Outage.on(gateways) as outage:
        redis.kill()
        await asyncio.sleep(2.5)
        redis.restart()
        await outage.healed()
        await outage.check(gaps=1, redis=redis)


async def test_rev_never_goes_back_even_without_the_data(cluster, redis):
    gateways = await cluster(2, **OPTIONS)
    async with Outage.on(gateways, pause=None) as outage:
        before = (await outage.witnesses[0].ask("presence", room="r"))["rev"]
        redis.restart(keep=False)
        await outage.healed()
        assert (await outage.witnesses[0].ask("presence", room="r"))["rev"] > before


async def test_redis_is_killed_again_and_again(cluster, redis):
    gateways = await cluster(2, **OPTIONS)
    async with Outage.on(gateways) as outage:
        for n in range(4):
            redis.kill()
            await asyncio.sleep(0.2 * n)
            redis.restart()
            await asyncio.sleep(0.1)
        await outage.healed()
        await outage.settle()
        for w in outage.witnesses:
            assert 1 <= len(w.gaps) <= 4
        outage.check_answers()
        outage.check_messages()


# ---- it hangs ----


@pytest.mark.parametrize("duration", [4, pytest.param(20, marks=pytest.mark.long)])
async def test_redis_is_stopped_and_goes_on(cluster, redis, duration):
    gateways = await cluster(2, **OPTIONS)
    async with Outage.on(gateways) as outage:
        redis.pause()
        await outage.refused(0, ("uncertain",), TIMEOUT / 1000 + 1)
        await outage.refused(0, ("unavailable",), TIMEOUT / 1000 + 1)
        await asyncio.sleep(duration - 1)
        redis.resume()
        await outage.healed()
        await outage.check(gaps=1, redis=redis)


async def test_a_short_stop_is_only_slow(cluster, redis):
    gateways = await cluster(2, **{**OPTIONS, "redis_timeout_ms": 2000})
    async with Outage.on(gateways) as outage:
        redis.pause()
        await asyncio.sleep(0.6)
        redis.resume()
        await outage.healed()
        await outage.check(gaps=0, redis=redis)
        assert set(outage.answers()) == {"ack"}


@pytest.mark.parametrize(("what", "gaps"), [("ALL", 1), ("WRITE", 0)])
async def test_client_pause_of_redis(cluster, redis, what, gaps):
    gateways = await cluster(2, **OPTIONS)
    async with Outage.on(gateways) as outage:
        redis.cli("CLIENT", "PAUSE", 2500, what)
        await outage.refused(0)
        await asyncio.sleep(2.5)
        await outage.healed()
        await outage.check(gaps=gaps, redis=redis)


async def test_what_waits_for_a_stopped_redis_is_bounded(cluster, redis):
    """Forty clients publish 100 × 20 KB each, not waiting for answers: 80 MB, where 4 may wait."""
    options = {**OPTIONS, "redis_max_pending_bytes": "4M", "redis_timeout_ms": 3000}
    (gateway,) = await cluster(1, **options)
    async with crowd([gateway], 40) as (clients,):
        for c in clients:
            await c.ok("publish", topic="room:r", event_type="t", payload="x")
        before = gateway.rss_kib()
        redis.pause()
        answers = []

        async def flood(client, filling="x" * 20000):
            for _ in range(100):
                await client.send("publish", id=1, topic="room:r", event_type="t", payload=filling)
            for _ in range(100):
                answers.append(await client.next("error", timeout=10))

        try:
            async with asyncio.timeout(seconds(10)):
                tasks = [asyncio.create_task(flood(c)) for c in clients]
                await asyncio.sleep(1)
                grown = gateway.rss_kib() - before
                metrics = await gateway.metrics()
                await asyncio.gather(*tasks)
        finally:
            redis.resume()
        assert {a["name"] for a in answers} <= {"unavailable", "uncertain"}
        assert any(a["name"] == "unavailable" for a in answers)
        assert metrics("tier_pending_bytes") <= 4.2 * 1024 * 1024
        if not SANITIZED:  # whose allocator keeps what was freed
            assert grown < 40000


async def test_a_client_with_many_questions_under_way_hears_of_each(cluster, redis):
    """The answers come all at once when the time is over; they are no reason to send it away."""
    (gateway,) = await cluster(1, **OPTIONS)
    async with connect(gateway) as ann:
        redis.pause()
        try:
            for n in range(400):
                await ann.send("publish", id=n, topic="room:r", event_type="t", payload=n)
            answers = [await ann.next("error") for _ in range(400)]
        finally:
            redis.resume()
        assert sorted(a["id"] for a in answers) == list(range(400))
        assert {a["name"] for a in answers} <= {"unavailable", "uncertain"}
        assert (await ann.ask("ping"))["type"] == "pong"


# ---- connections are cut ----


@pytest.mark.parametrize(
    ("kind", "gaps"), [("normal", 0), ("pubsub", 1), ("both", 1)], ids=str
)
async def test_redis_kills_connections(cluster, redis, kind, gaps):
    gateways = await cluster(2, **OPTIONS)
    async with Outage.on(gateways) as outage:
        for one in ("normal", "pubsub") if kind == "both" else (kind,):
            redis.cli("CLIENT", "KILL", "TYPE", one, "SKIPME", "yes")
        await outage.healed()
        await outage.check(gaps=gaps, redis=redis)


async def test_one_gateways_connections_are_killed_many_times(cluster, redis):
    gateways = await cluster(2, **OPTIONS)
    async with Outage.on(gateways) as outage:
        for _ in range(10):
            redis.cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await asyncio.sleep(0.15)
        await outage.healed()
        await outage.check(gaps=0, redis=redis)


# ---- it refuses ----


async def refusing(redis, outage, how, back_again, names=("unavailable", "uncertain")):
    """While Redis refuses to write, joining fails by name, and nobody is disconnected."""
    how()
    try:
        await asyncio.sleep(1)
        answer = await outage.witnesses[0].ask("join", room="other", presence=True)
        assert answer["type"] == "error" and answer["name"] in names, answer
        await asyncio.sleep(0.5)
    finally:
        back_again()
    await outage.healed()
    assert (await outage.witnesses[0].ask("join", room="other"))["type"] == "ack"
    assert (await outage.witnesses[0].ask("leave", room="other"))["type"] == "ack"


async def test_redis_has_become_a_read_only_replica(cluster, redis, tmp_path):
    gateways = await cluster(2, **OPTIONS)
    with Redis(tmp_path / "master") as master:
        async with Outage.on(gateways) as outage:
            await refusing(
                redis,
                outage,
                lambda: redis.cli("REPLICAOF", "127.0.0.1", master.port),
                lambda: redis.cli("REPLICAOF", "NO", "ONE"),
            )
            await outage.settle()
            outage.check_answers()
            outage.check_messages()
            for w in outage.witnesses:
                assert w.ended is None and len(w.gaps) <= 1


async def test_redis_is_out_of_memory(cluster, redis):
    gateways = await cluster(2, **OPTIONS)
    async with Outage.on(gateways) as outage:
        await refusing(
            redis,
            outage,
            lambda: redis.cli("CONFIG", "SET", "maxmemory", "1"),
            lambda: redis.cli("CONFIG", "SET", "maxmemory", "0"),
        )
        await outage.check(gaps=0, redis=redis)
        assert (await gateways[0].metrics())("tier_errors_total") > 0


async def test_redis_has_forgotten_the_scripts(cluster, redis):
    gateways = await cluster(2, **OPTIONS)
    async with Outage.on(gateways) as outage:
        for n in range(5):
            redis.cli("SCRIPT", "FLUSH")
            said = {"topic": "room:none", "event_type": "t", "payload": n, "key": f"k{n}"}
            await asyncio.gather(
                insist(outage.witnesses[0], "publish", **said),
                *(come_and_go(w) for w in outage.groups[0][1:]),
            )
        await outage.healed()
        await outage.check(gaps=0, redis=redis)


async def insist(witness, kind, **fields):
    """Until it is done: it may be refused for a moment, by name."""

    async def done():
        answer = await witness.ask(kind, **fields)
        assert answer["type"] == "ack" or answer["name"] in ("unavailable", "uncertain"), answer
        return answer["type"] == "ack"

    await eventually(done)


async def come_and_go(witness):
    await insist(witness, "join", room="other", presence=True)
    await insist(witness, "leave", room="other")


async def test_redis_has_lost_everything_and_nobody_noticed(cluster, redis):
    """FLUSHALL: the leases are gone, so everybody registers again."""
    gateways = await cluster(2, **{**OPTIONS, "lease_ms": 1500})
    async with Outage.on(gateways) as outage:
        redis.cli("FLUSHALL")
        await outage.healed()
        await outage.check(gaps=0, redis=redis)


async def test_the_password_changes_and_changes_back(cluster, redis):
    gateways = await cluster(2, **OPTIONS)
    async with Outage.on(gateways) as outage:
        redis.cli("CONFIG", "SET", "requirepass", "another")
        redis.password = "another"
        redis.cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        redis.cli("CLIENT", "KILL", "TYPE", "pubsub")
        await outage.refused(0)
        await asyncio.sleep(1)
        redis.cli("CONFIG", "SET", "requirepass", "")
        redis.password = None
        await outage.healed()
        await outage.check(gaps=1, redis=redis)


async def test_redis_is_still_loading(cluster, redis):
    """With a real server, which reads a dump slowly."""
    redis.cli("DEBUG", "POPULATE", 3000, "filling", 50)
    redis.cli("SAVE")
    gateways = await cluster(2, **OPTIONS)
    async with Outage.on(gateways) as outage:
        redis.kill()
        redis.lines = ["key-load-delay 500", "loading-process-events-interval-bytes 1024"]
        began = time.monotonic()
        redis._run()  # it answers, but with -LOADING, for a second and a half
        loading = False
        while time.monotonic() < began + 20:
            try:
                redis.cli("GET", "x")
                break
            except ErrorReply as e:
                loading = loading or str(e).startswith("LOADING")
            except OSError:
                pass
            await asyncio.sleep(0.02)
        assert loading, "it was not loading"
        await outage.healed()
        await outage.check(gaps=1)
