"""Redis refuses to write, for a reason that is none of a connection: what it can do still goes on."""

import asyncio

import pytest
from support.outage import OPTIONS, Outage
from support.timing import eventually

pytestmark = pytest.mark.limit(60)


def cannot_save(redis):
    """As with a full disk: the snapshot fails, and Redis takes no writes any more (MISCONF)."""
    (redis.directory / "dump.rdb").mkdir()
    redis.cli("CONFIG", "SET", "save", "3600 1")
    redis.cli("BGSAVE")


def can_save(redis):
    (redis.directory / "dump.rdb").rmdir()
    redis.cli("CONFIG", "SET", "save", "")
    redis.cli("SAVE")


async def test_redis_cannot_save(cluster, redis):
    """MISCONF: messages and publishes go on; a leave is made up for when Redis writes again."""
    gateways = await cluster(2, **{**OPTIONS, "lease_ms": 1500})
    async with Outage.on(gateways) as outage:
        ann = outage.witnesses[1]
        await ann.ask("join", room="other", presence=True)
        cannot_save(redis)
        await eventually(lambda: "rdb_last_bgsave_status:err" in redis.cli("INFO", "persistence"))
        assert (await ann.ask("leave", room="other"))["type"] == "ack"
        assert (await ann.ask("join", room="another", presence=True))["name"] == "unavailable"
        await asyncio.sleep(4)
        can_save(redis)
        await outage.healed()
        await outage.check(gaps=0, redis=redis)
        assert set(outage.answers()) == {"ack"}


async def test_redis_is_full_and_has_lost_the_scripts(cluster, redis):
    """Nobody can register again; what is no write goes on."""
    gateways = await cluster(2, **OPTIONS)
    async with Outage.on(gateways) as outage:
        redis.cli("CONFIG", "SET", "maxmemory", "1")
        redis.cli("SCRIPT", "FLUSH")
        ann = outage.witnesses[1]
        await eventually(lambda: registers_again(gateways[0], ann))
        await asyncio.sleep(2)
        redis.cli("CONFIG", "SET", "maxmemory", "0")
        await outage.healed()
        await outage.check(gaps=0, redis=redis)
        assert set(outage.answers()) == {"ack"}


async def registers_again(gateway, client):
    assert (await client.ask("join", room="another", presence=True))["name"] == "unavailable"
    return "event=tier.register_again" in gateway.log()


async def test_a_gateway_ends_when_redis_has_lost_the_scripts(cluster, redis):
    """It cannot give its lease back, and is not surprised."""
    (gateway,) = await cluster(1, **OPTIONS)
    redis.cli("SCRIPT", "FLUSH")
    gateway.stop()


async def test_a_wrong_gateway_that_comes_first_does_not_end_the_others(cluster, redis):
    """Redis has lost its data, and somebody else says what the cluster is."""
    gateways = await cluster(2, **OPTIONS)
    async with Outage.on(gateways) as outage:
        redis.cli("HSET", "{roomcast:0}meta", "partitions", 64, "servers", "2 one:1 two:2")
        redis.cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await outage.refused(0, ("unavailable",))
        await eventually(lambda: all("tier.other_cluster" in g.log() for g in gateways))
        await asyncio.sleep(1)
        redis.cli("DEL", "{roomcast:0}meta")
        await outage.healed()
        await outage.check(gaps=0, redis=redis)
