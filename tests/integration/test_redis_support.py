"""The tools of the Redis tests themselves: server, proxy, scripted answers, Sentinel."""

import asyncio
import time

import pytest
from support.proxy import Proxy
from support.redis import Guarded, Redis
from support.resp import Answer, Connection, ErrorReply, Listener, ScriptedServer
from support.timing import eventually


async def asked(address, *arguments, timeout=5):
    return await asyncio.to_thread(ask, address, arguments, timeout)


def ask(address, arguments, timeout):
    with Connection(address, timeout) as c:
        return c(*arguments)


def test_a_server_forgets_or_keeps_what_it_had(tmp_path):
    with Redis(tmp_path / "r", appendonly="yes", appendfsync="always") as redis:
        redis.cli("SET", "a", "ä")
        redis.restart()
        assert redis.cli("GET", "a") == "ä"
        redis.restart(keep=False)
        assert redis.keys() == []
        with pytest.raises(ErrorReply, match="unknown command"):
            redis.cli("NONSENSE")


def test_a_paused_server_is_silent_until_it_goes_on(redis):
    with Connection(redis.address, 0.2) as c:
        redis.pause()
        with pytest.raises(TimeoutError):
            c("PING")
        redis.resume()
        assert c.reply() == "PONG"


async def test_the_proxy_passes_stalls_and_goes_on(redis):
    async with Proxy(redis.address) as proxy:
        async with Listener.open(proxy.address, "news") as listener:
            await asked(redis.address, "PUBLISH", "news", "1")
            assert await listener.next() == ("news", b"1")
            proxy.stall("sub")
            await asked(proxy.address, "PUBLISH", "news", "2")
            with pytest.raises(TimeoutError):
                await listener.next(timeout=0.1)
            proxy.resume()
            assert await listener.next() == ("news", b"2")
            with pytest.raises(ConnectionError):
                proxy.reset("sub")
                await listener.next()
        assert proxy.taken == 2


async def test_the_proxy_lets_half_a_reply_through(redis):
    redis.cli("SET", "a", "0123456789")
    async with Proxy(redis.address) as proxy:
        c = await asyncio.to_thread(Connection, proxy.address, 0.3)
        await eventually(lambda: proxy.links)
        proxy.pass_only(9)
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(c, "GET", "a")
        assert bytes(c.data) == b"$10\r\n0123"
        proxy.resume()
        assert await asyncio.to_thread(c.reply) == b"0123456789"
        c.close()


async def test_the_proxy_delays_and_refuses(redis):
    async with Proxy(redis.address) as proxy:
        proxy.delay(0.1)
        began = time.monotonic()
        assert await asked(proxy.address, "PING") == "PONG"
        assert time.monotonic() - began >= 0.2
        await proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            await asked(proxy.address, "PING")
        await proxy.listen()
        assert await asked(proxy.address, "PING") == "PONG"


async def test_single_answers_are_what_the_test_says(redis):
    async with ScriptedServer(redis) as server:
        c = await asyncio.to_thread(Connection, server.address, 0.3)

        def talk(*commands):
            return c.pipeline(commands)

        server.say("GET", b"-LOADING not yet\r\n")
        got = await asyncio.to_thread(talk, ("SET", "a", 1), ("GET", "a"), ("PING",))
        assert [str(g) for g in got] == ["OK", "LOADING not yet", "PONG"]
        server.say("INCR", Answer(b"-OOM no\r\n", forward=True))
        server.say("GET", lambda command: None if command[1] == b"a" else b"$-1\r\n")
        got = await asyncio.to_thread(talk, ("INCR", "a"), ("GET", "a"), ("GET", "b"))
        assert [str(got[0]), *got[1:]] == ["OOM no", b"2", None]
        assert server.asked["GET"] == 3
        server.say("GET", Answer(b"$5\r\nab", then="silence"))
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(talk, ("GET", "a"))
        assert bytes(c.data) == b"$5\r\nab"
        c.close()
        server.say("PING", Answer(b"+PO", then="close"))
        with pytest.raises(ConnectionResetError):
            await asked(server.address, "PING")


async def test_a_scripted_server_passes_what_subscribers_get(redis):
    async with ScriptedServer(redis) as server:
        async with Listener.open(server.address, "a", "b*") as listener:
            for channel in ("a", "b1"):
                redis.cli("PUBLISH", channel, channel)
                assert await listener.next() == (channel, channel.encode())


def test_sentinels_choose_another_master(tmp_path):
    with Guarded(tmp_path, down_after_ms=300) as guarded:
        first = guarded.master()
        first.cli("SET", "a", 1)
        first.cli("WAIT", 1, 1000)
        first.kill()
        end = time.monotonic() + 20
        while guarded.master() is first or "role:master" not in guarded.master().cli("INFO"):
            assert time.monotonic() < end
            time.sleep(0.05)
        assert guarded.master().cli("GET", "a") == "1"
