"""The road between one gateway and Redis fails; and Redis says what it should not."""

import asyncio
import contextlib
import time

import pytest
from support.outage import HEALED, OPTIONS, TIMEOUT, Outage
from support.proxy import DOWN, UP, Proxy
from support.resp import Answer, ScriptedServer
from support.timing import eventually, seconds
from support.wsclient import connect

pytestmark = pytest.mark.limit(100)

LONG_ENOUGH = TIMEOUT / 1000 + 0.9  # to be noticed


async def pair(cluster, road):
    """A gateway behind the bad road, and one that is well connected."""
    return [
        *(await cluster(1, redis=road.url(), **OPTIONS)),
        *(await cluster(1, **OPTIONS)),
    ]


# ---- the road ----


@pytest.mark.parametrize(("which", "gaps"), [("sub", 1), ("cmd", 0), (None, 1)])
@pytest.mark.parametrize("how", ["reset", "cut"])
async def test_connections_are_cut(cluster, redis, how, which, gaps):
    async with Proxy(redis.address) as proxy:
        gateways = await pair(cluster, proxy)
        async with Outage.on(gateways) as outage:
            getattr(proxy, how)(which)
            await outage.healed()
            await outage.check(gaps=[gaps, 0], redis=redis)


@pytest.mark.parametrize(
    ("which", "direction", "gaps"),
    [
        ("sub", None, 1),
        ("cmd", None, 0),
        (None, None, 1),
        ("cmd", UP, 0),
        ("sub", DOWN, 1),
        ("cmd", DOWN, 0),
        (None, DOWN, 1),
    ],
)
async def test_connections_stall_and_go_on(cluster, redis, which, direction, gaps):
    """Nothing is closed, nothing passes: only time tells. Later the road is good again."""
    async with Proxy(redis.address) as proxy:
        gateways = await pair(cluster, proxy)
        async with Outage.on(gateways) as outage:
            proxy.stall(which, direction)
            if which != "sub":
                await outage.refused(0, timeout=LONG_ENOUGH)
            await asyncio.sleep(LONG_ENOUGH)
            proxy.resume()
            await outage.healed()
            await outage.check(gaps=[gaps, 0], redis=redis)


@pytest.mark.parametrize("which", ["sub", None])
async def test_a_road_that_is_stalled_upwards_alone_keeps_no_join_waiting(cluster, redis, which):
    """Messages still come down, so the connection looks alive; SUBSCRIBE is never confirmed."""
    async with Proxy(redis.address) as proxy:
        gateways = await pair(cluster, proxy)
        async with Outage.on(gateways) as outage:
            proxy.stall(which, UP)
            began = time.monotonic()
            answer = await outage.groups[0][1].ask("join", room="other", timeout=10)
            assert time.monotonic() - began < seconds(TIMEOUT / 1000 + 1)
            assert answer["type"] == "error" and answer["name"] in ("unavailable", "uncertain")
            await asyncio.sleep(LONG_ENOUGH)
            proxy.resume()
            await outage.healed()
            await outage.settle()
            outage.check_answers()
            outage.check_messages()
            for w in outage.witnesses:
                assert w.ended is None and len(w.gaps) <= (1 if w.gateway == 0 else 0)


async def test_a_slow_road_is_only_slow(cluster, redis):
    async with Proxy(redis.address) as proxy:
        gateways = await pair(cluster, proxy)
        async with Outage.on(gateways) as outage:
            proxy.delay(0.1)
            await asyncio.sleep(1)
            await outage.healed()
            await outage.check(gaps=0, redis=redis)
            assert set(outage.answers()) == {"ack"}


async def test_the_road_is_closed_for_a_while(cluster, redis):
    async with Proxy(redis.address) as proxy:
        gateways = await pair(cluster, proxy)
        async with Outage.on(gateways) as outage:
            await proxy.refuse()
            proxy.reset()
            await outage.refused(0)
            await asyncio.sleep(2)
            assert outage.answers(1).keys() == {"ack"}, "the other gateway has its own road"
            await proxy.listen()
            await outage.healed()
            await outage.check(gaps=[1, 0], redis=redis)
            assert outage.answers(0)["unavailable"] > 20


@pytest.mark.parametrize("after", [0, 1, 3, 10, 50, 333])
async def test_the_road_stalls_in_the_midst_of_replies(cluster, redis, after):
    """Half of the outstanding replies are read: the other half ends as uncertain, never as done."""
    async with Proxy(redis.address) as proxy:
        gateways = await pair(cluster, proxy)
        async with Outage.on(gateways, pause=0.004) as outage:
            for link in proxy.chosen("cmd"):
                link.down.left = after
                if after == 0:
                    link.down.stall()
            await outage.refused(0, ("uncertain",), LONG_ENOUGH)
            await asyncio.sleep(0.3)
            proxy.reset("cmd")
            await outage.healed()
            await outage.check(gaps=[0, 0], redis=redis)


async def test_the_road_stalls_in_the_midst_of_a_message(cluster, redis):
    async with Proxy(redis.address) as proxy:
        gateways = await pair(cluster, proxy)
        async with Outage.on(gateways) as outage:
            proxy.pass_only(777, "sub")
            await asyncio.sleep(LONG_ENOUGH)
            await outage.healed()
            await outage.check(gaps=[1, 0], redis=redis)


async def test_redis_cuts_a_subscriber_that_does_not_read(cluster, redis):
    """Its output buffer limit: messages are lost, and that is said."""
    redis.cli("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 1mb 1")
    async with Proxy(redis.address) as proxy:
        options = {**OPTIONS, "redis_timeout_ms": 4000}
        gateways = [
            *(await cluster(1, redis=proxy.url(), **options)),
            *(await cluster(1, **options)),
        ]
        async with Outage.on(gateways, pause=None) as outage:
            async with connect(gateways[1]) as eve:
                proxy.stall("sub", DOWN)
                said = {"topic": "room:r", "event_type": "filling", "payload": "x" * 60000}
                for _ in range(160):
                    await eve.ok("publish", **said)
                    if "output buffer limits" in redis.log():
                        break
            assert "output buffer limits" in redis.log(), "Redis did not cut it"
            proxy.resume()
            await outage.healed(HEALED + 2)
            await outage.settle()
            for w in outage.witnesses:
                assert w.ended is None
                assert len(w.gaps) == (1 if w.gateway == 0 else 0)


async def test_a_gateway_on_a_bad_road_for_long_is_reaped_and_comes_back(cluster, redis):
    """The others see its clients leave; its clients stay connected to it, and return."""
    async with Proxy(redis.address) as proxy:
        options = {**OPTIONS, "lease_ms": 1000}
        gateways = [
            *(await cluster(1, redis=proxy.url(), **options)),
            *(await cluster(1, **options)),
        ]
        async with Outage.on(gateways) as outage:
            proxy.stall()
            alone = sorted(w.id for w in outage.groups[1])

            async def reaped():
                answer = await outage.groups[1][0].ask("presence", room="r")
                return sorted(m["client"] for m in answer["members"]) == alone

            await eventually(reaped, timeout=4)
            proxy.resume()
            await outage.healed()
            await outage.check(gaps=[1, 0], redis=redis)


# ---- what Redis should not say ----

CRLF = b"\r\n"
ODD = {
    "loading": b"-LOADING Redis is loading the dataset in memory\r\n",
    "moved": b"-MOVED 3999 127.0.0.1:6381\r\n",
    "clusterdown": b"-CLUSTERDOWN The cluster is down\r\n",
    "readonly": b"-READONLY You can't write against a read only replica.\r\n",
    "oom": b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    "noscript": b"-NOSCRIPT No matching script. Please use EVAL.\r\n",
    "noauth": b"-NOAUTH Authentication required.\r\n",
    "busy": b"-BUSY Redis is busy running a script.\r\n",
    "an unknown error": b"-WHATEVER it \x00\xff is\r\n",
    "an empty error": b"-\r\n",
    "a very long error": b"-ERR " + b"x" * 60000 + CRLF,
    "another type": b"*2\r\n$1\r\na\r\n:5\r\n",
    "nil": b"$-1\r\n",
    "nil array": b"*-1\r\n",
    "empty array": b"*0\r\n",
    "a status": b"+OK\r\n",
    "a negative number": b":-1\r\n",
    "a huge number": b":9223372036854775807\r\n",
    "a number that is none": b":12x\r\n",
    "an absurd array": b"*99999999999\r\n",
    "a big array": b"*1000000\r\n",
    "an absurd length": b"$99999999999999999999\r\n",
    "a negative length": b"$-5\r\n",
    "nonsense": b"!!!\r\n",
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "deep nesting": b"*1\r\n" * 1000 + b":1\r\n",
    "two answers": b":1\r\n:1\r\n",
    "half, then silence": Answer(b"$100\r\nabc", then="silence"),
    "half, then the end": Answer(b"$100\r\nabc", then="close"),
    "nothing": Answer(b"", then="silence"),
    "the end": Answer(b"", then="close"),
}
COMMANDS = "PUBLISH EVALSHA EVAL"


async def scripted_pair(cluster, server):
    return [
        *(await cluster(1, redis=server.url(), **OPTIONS)),
        *(await cluster(1, **OPTIONS)),
    ]


# What this says is what Redis says when it has published: who is lied to cannot know.
LIES = ["two answers"]


@pytest.mark.parametrize("odds", [[o for o in ODD if o not in LIES], LIES], ids=["refused", "lies"])
async def test_an_odd_answer_to_commands_does_no_lasting_harm(cluster, redis, odds):
    """For a while every publish and script is answered so; nobody hears a false `ack`."""
    async with ScriptedServer(redis) as server:
        gateways = await scripted_pair(cluster, server)
        async with Outage.on(gateways, each=2) as outage:
            for odd in odds:
                before = len(outage.spoken)
                server.say(COMMANDS, ODD[odd])
                await asyncio.sleep(0.15)
                server.say_nothing_special()
                assert len(outage.spoken) > before + 3
                with naming(odd):
                    await outage.healed()
                    assert not [w for w in outage.witnesses if w.ended or w.gaps]
            await outage.settle()
            outage.check_answers()
            if odds != LIES:
                outage.check_messages()


@contextlib.contextmanager
def naming(odd):
    try:
        yield
    except AssertionError as e:
        raise AssertionError(f"after {odd!r}: {e}") from e


@pytest.mark.parametrize("command", ["PING", "SUBSCRIBE", "everything"])
async def test_an_odd_answer_while_it_connects_only_delays_it(cluster, redis, command):
    names = "PING SUBSCRIBE SCRIPT AUTH SELECT CLIENT HELLO INFO ROLE TIME EVAL EVALSHA PUBLISH"
    async with ScriptedServer(redis) as server:
        (gateway,) = await cluster(1, redis=server.url(), **OPTIONS)
        for odd, answer in list(ODD.items())[:: 2 if command == "everything" else 3]:
            server.say(names if command == "everything" else command, answer)
            redis.cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            redis.cli("CLIENT", "KILL", "TYPE", "pubsub")
            await asyncio.sleep(0.15)
            assert (await gateway.http("GET", "/livez")).status == 200, odd
            server.say_nothing_special()
            with naming(odd):
                await eventually(lambda: up(gateway), HEALED)
            async with connect(gateway) as ann:
                await ann.ok("join", room="r", presence=True)
                await ann.ok("publish", topic="room:r", event_type="t", payload=1)
                assert (await ann.event())["payload"] == 1, odd


async def up(gateway):
    return (await gateway.metrics())("tier_up") == 1


async def test_a_subscriber_that_is_sent_nonsense_connects_again(cluster, redis):
    """A push that is no message: the connection cannot be trusted, so it is a loss."""
    async with ScriptedServer(redis) as server:
        gateways = await scripted_pair(cluster, server)
        async with Outage.on(gateways) as outage:
            server.say("PING", b"!!!\r\n")
            await asyncio.sleep(1.5)
            server.say_nothing_special()
            await outage.healed()
            await outage.settle()
            for w in outage.witnesses:
                assert w.ended is None and len(w.gaps) <= (1 if w.gateway == 0 else 0)
            outage.check_answers()
            outage.check_messages()


async def test_a_publish_whose_answer_is_lost_is_uncertain_though_it_was_sent(cluster, redis):
    async with ScriptedServer(redis) as server:
        gateways = await scripted_pair(cluster, server)
        async with Outage.on(gateways, pause=None) as outage:
            ann = outage.groups[0][0]
            server.say(COMMANDS, Answer(b"", forward=True, then="silence"))
            answer = await ann.ask("publish", topic="room:r", event_type="t", payload=4711)
            assert answer["name"] == "uncertain"
            assert outage.groups[1][0].heard[4711] == 1, "it was sent"
            server.say_nothing_special()
            await outage.healed()


async def test_a_publish_repeated_with_its_key_after_uncertain_is_sent_once(cluster, redis):
    async with ScriptedServer(redis) as server:
        gateways = await scripted_pair(cluster, server)
        async with Outage.on(gateways, pause=None) as outage:
            ann = outage.groups[0][0]
            said = {"topic": "room:r", "event_type": "t", "payload": 4711, "key": "once"}
            server.say(COMMANDS, Answer(b"", forward=True, then="close"))
            assert (await ann.ask("publish", **said))["name"] == "uncertain"
            server.say_nothing_special()
            await outage.healed()
            again = await ann.ask("publish", **said)
            assert again["type"] == "ack" and again["duplicate"] is True
            await outage.settle()
            assert all(w.heard[4711] == 1 for w in outage.witnesses)
