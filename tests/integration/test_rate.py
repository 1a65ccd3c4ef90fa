"""Rate limit: over it requests are refused, who does not stop is closed (sections 7 and 8)."""

import asyncio
import time

from support.timing import SANITIZED
from support.wsclient import assert_error, connect


async def test_above_the_burst_requests_are_refused_with_their_id(start):
    gateway = start(max_rate=20, rate_burst=50)
    async with connect(gateway) as ann:
        for n in range(70):
            await ann.send("publish", id=f"m{n}", topic="room:r", event_type="t", payload=n)
        answers = [await ann.next() for _ in range(70)]
        taken = [f["id"] for f in answers if f["type"] == "ack"]
        refused = [f for f in answers if f["type"] == "error"]
        assert sorted(f["id"] for f in answers) == sorted(f"m{n}" for n in range(70))
        assert 48 <= len(taken) <= 60
        for f in refused:
            assert_error(f, "rate_limited")
        assert (await gateway.metrics())("rate_limited_total") == len(refused)


async def test_a_list_costs_one_for_each_name(start):
    """It may overdraw the account once; who comes next pays."""
    gateway = start(max_rate=10, rate_burst=100)
    for verb, field in (("ack", "ids"), ("join", "rooms"), ("unsubscribe", "events")):
        async with connect(gateway) as ann:
            for n in range(3):
                await ann.send(verb, id=n, **{field: [f"x{n}" for n in range(80)]})
            answer = await ann.next("error")
            assert_error(answer, "rate_limited")
            assert answer["id"] == 2


async def test_what_was_refused_was_not_sent(start):
    gateway = start(max_rate=10, rate_burst=20)
    async with connect(gateway) as ann, connect(gateway) as bob:
        await bob.ok("join", room="r")
        for n in range(35):
            await ann.send("publish", id=n, topic="room:r", event_type="t", payload=n)
        answers = [await ann.next() for _ in range(35)]
        taken = {f["id"] for f in answers if f["type"] == "ack"}
        got = [(await bob.event())["payload"] for _ in taken]
        assert got == sorted(taken)
        await bob.silent("event", 0.1)


async def test_after_a_pause_it_may_send_again(start):
    gateway = start(max_rate=50, rate_burst=20)
    async with connect(gateway) as ann:
        for _ in range(30):
            await ann.send("join", room="r")
        assert (await ann.next("error"))["name"] == "rate_limited"
        await asyncio.sleep(0.3)
        await ann.ok("join", room="r")


async def test_a_steady_client_at_its_rate_is_never_refused(start):
    gateway = start(max_rate=100)
    async with connect(gateway) as ann:
        started = time.monotonic()
        for n in range(100):
            await ann.send("ping", id=n)
            await asyncio.sleep(max(0.0, started + (n + 1) * 0.011 - time.monotonic()))
        for n in range(100):
            assert (await ann.next())["type"] == "pong"


async def test_a_burst_of_twice_the_rate_is_the_default(start):
    gateway = start(max_rate=20)
    async with connect(gateway) as ann:
        for n in range(60):
            await ann.send("ping", id=n)
        kinds = [(await ann.next())["type"] for _ in range(60)]
        assert 38 <= kinds.count("pong") <= (60 if SANITIZED else 50)


async def test_who_does_not_stop_is_closed_with_4029_and_others_notice_nothing(start):
    gateway = start(max_rate=50)
    async with connect(gateway) as eve, connect(gateway) as ann, connect(gateway) as bob:
        await bob.ok("join", room="r")

        async def flood():
            try:
                while True:
                    for _ in range(20):
                        await eve.send("publish", topic="room:r2", event_type="t", payload=1)
                    await asyncio.sleep(0.005)
            except Exception:  # pylint: disable=broad-except
                return  # closed, as it should be

        flooding = asyncio.create_task(flood())
        closing = asyncio.create_task(eve.closed(timeout=40))
        slowest = 0.0
        for n in range(20):
            at = time.monotonic()
            await ann.ok("publish", topic="room:r", event_type="t", payload=n)
            assert (await bob.event())["payload"] == n
            slowest = max(slowest, time.monotonic() - at)
            await asyncio.sleep(0.05)
        assert await closing == 4029
        flooding.cancel()
        errors = {f["name"] for f in eve.inbox if f["type"] == "error"}
        assert errors == {"rate_limited"}
        assert slowest < 1
        metrics = await gateway.metrics()
        assert metrics("connections_closed_total", reason="rate_limit") == 1
        assert metrics("connections") == 2


async def test_errors_without_id_do_not_pile_up_in_the_answers(start):
    """Repeated ones become one: a flood must not be answered by a flood."""
    gateway = start(max_rate=50, control_messages=16)
    async with connect(gateway) as eve:
        for _ in range(180):
            await eve.send("join", room="r")
        assert (await eve.next("error"))["name"] == "rate_limited"
        await asyncio.sleep(0.3)
        assert (await eve.ask("ping"))["type"] == "pong"
        assert len(eve.inbox) < 80
