"""SIGHUP: what can change changes for running clients, the rest is named."""

import asyncio
import json
import signal

from support.timing import eventually
from support.wsclient import connect

BASE = "[gateway]\nmax_rate = 1000\n"


def reload(gateway, config):
    gateway.config_path.write_text(config)
    before = len(gateway.log())
    gateway.signal(signal.SIGHUP)
    return before


async def reloaded(gateway, config, count=1):
    reload(gateway, config)

    async def taken():
        return (await gateway.metrics())("reloads_total") == count

    await eventually(taken)


async def test_the_rate_changes_for_running_clients(start):
    gateway = start(config=BASE)
    async with connect(gateway) as ann:
        for _ in range(50):
            assert (await ann.ask("ping"))["type"] == "pong"
        await reloaded(gateway, "[gateway]\nmax_rate = 1\nrate_burst = 20\n")
        for n in range(35):
            await ann.send("ping", id=f"x{n}")
        kinds = [(await ann.next())["type"] for _ in range(35)]
        assert 20 <= kinds.count("pong") <= 25
        await reloaded(gateway, BASE, 2)
        await asyncio.sleep(0.2)
        for _ in range(100):
            assert (await ann.ask("ping"))["type"] == "pong"


async def test_limits_and_policies_change_for_running_clients(start):
    gateway = start(config=BASE)
    async with connect(gateway) as ann, connect(gateway) as bob:
        await ann.ok("join", room="r")
        await reloaded(gateway, BASE + 'topics_per_client = 1\n[room "s"]\nmax_members = 1\n')
        await ann.refused("too_many_topics", "join", room="s")
        await ann.ok("leave", room="r")
        await ann.ok("join", room="s")
        await bob.refused("room_full", "join", room="s")
        await reloaded(gateway, BASE, 2)
        await bob.ok("join", rooms=["s", "t"])


async def test_a_smaller_message_size_holds_at_once(start):
    gateway = start(config=BASE)
    async with connect(gateway) as ann:
        await ann.ok("publish", topic="room:r", event_type="t", payload="x" * 5000)
        await reloaded(gateway, BASE + "max_message_bytes = 2K\n")
        await ann.send("publish", topic="room:r", event_type="t", payload="x" * 5000)
        assert await ann.closed() == 1009
    async with connect(gateway) as bob:
        assert bob.welcome["max_message_bytes"] == 2048


async def test_the_number_of_connections_may_shrink_below_what_is_there(start):
    gateway = start(config=BASE)
    async with connect(gateway) as ann, connect(gateway) as bob:
        await reloaded(gateway, BASE + "max_connections = 1\n")
        await ann.ok("join", room="r")
        await bob.ok("join", room="r")
        try:
            async with connect(gateway):
                raise AssertionError("a third was let in")
        except Exception as refused:  # pylint: disable=broad-except
            assert "503" in str(refused)


async def test_what_needs_a_restart_is_named_in_the_log(start):
    gateway = start(config=BASE)
    async with connect(gateway) as ann:
        await reloaded(
            gateway, BASE + "idempotency_keys = 5\nsocket_send_buffer = 8K\nmax_errors = 7\n"
        )
        line = await eventually(
            lambda: next((x for x in gateway.log().splitlines() if "idempotency_keys" in x), None)
        )
        assert "socket_send_buffer" in line
        assert "max_errors" not in line
        await ann.ok("join", room="r")


async def test_a_broken_file_changes_nothing(start):
    gateway = start(config=BASE)
    async with connect(gateway) as ann:
        for broken, named in (
            ("[gateway]\nmax_rate = 1\nmax_rat = 2\n", "max_rat"),
            ("[gateway]\nrate_burst = 1\nmax_rate = many\n", "max_rate"),
            ("[gateway]\nrate_burst = 1\nmax_rate = -1\n", "max_rate"),
            ("[gatewa]\nrate_burst = 1\n", "gatewa"),
            ('[gateway]\nrate_burst = 1\n[room "x"]\npresence = maybe\n', "presence"),
            ("[gateway]\nrate_burst = 1\nqueue_bytes = 1K\n", "queue_bytes"),
        ):
            before = reload(gateway, broken)
            await eventually(lambda at=before, word=named: word in gateway.log()[at:])
            for _ in range(20):
                assert (await ann.ask("ping"))["type"] == "pong"
        gateway.config_path.unlink()
        before = len(gateway.log())
        gateway.signal(signal.SIGHUP)
        await eventually(lambda: gateway.log()[before:].count("\n") >= 1)
        assert (await ann.ask("ping"))["type"] == "pong"
        assert (await gateway.metrics())("reloads_total") == 0
        await reloaded(gateway, "[gateway]\nmax_rate = 5\nrate_burst = 5\n")


async def test_flags_go_before_the_file_after_a_reload_too(start):
    gateway = start(config=BASE, topics_per_client=1)
    async with connect(gateway) as ann:
        await reloaded(gateway, BASE + "topics_per_client = 50\n")
        await ann.ok("join", room="a")
        await ann.refused("too_many_topics", "join", room="b")


async def test_the_log_changes_level_and_format(start):
    gateway = start(config=BASE)
    await reloaded(gateway, BASE + "log_format = json\nlog_level = debug\n")
    at = len(gateway.log())
    async with connect(gateway):
        await eventually(lambda: gateway.log()[at:].count("\n") >= 1)
    lines = gateway.log()[at:].splitlines()
    assert all(json.loads(line)["event"] for line in lines)
    await reloaded(gateway, BASE, 2)


async def test_without_a_file_a_reload_disturbs_nothing(gateway):
    async with connect(gateway) as ann:
        gateway.signal(signal.SIGHUP)
        gateway.signal(signal.SIGHUP)
        await ann.ok("join", room="r")
