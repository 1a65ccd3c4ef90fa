"""Where the gap stands that a gateway tells of, when it could not hear Redis for a while."""

import asyncio

import pytest
from support.cluster import post
from support.outage import OPTIONS
from support.proxy import Proxy
from support.redis import Redis
from support.timing import eventually
from support.wsclient import connect

pytestmark = pytest.mark.limit(60)


async def talk(gateway, topic, said):
    """Numbers from 0, one after the other; `said` holds them."""
    while True:
        answer = await post(gateway, topic, len(said))
        assert answer.status == 200, answer
        said.append(len(said))


async def hear(client):
    """Numbers and gaps in their order, until twenty numbers stand behind a gap."""
    heard = []
    while "gap" not in heard or len(heard) - heard.index("gap") < 20:
        f = await client.next(timeout=10)
        if f["type"] in ("event", "gap"):
            heard.append(f["payload"] if f["type"] == "event" else "gap")
    return heard


async def links(gateway, up):
    return (await gateway.metrics())("tier_up") == up


@pytest.mark.parametrize("which", ["sub", None])
async def test_the_gap_stands_where_messages_are_missing(cluster, redis, which):
    """Not behind the first messages that came again: who asks for what he missed since the last one
    he knows would ask for too little."""
    async with Proxy(redis.address) as proxy:
        (far,) = await cluster(1, redis=proxy.url(), **OPTIONS)
        (near,) = await cluster(1, **OPTIONS)
        async with connect(far) as ann:
            for n in range(100):
                await ann.ok("join", room=f"{n}")
            said = []
            talking = asyncio.create_task(talk(near, "room:7", said))
            await ann.event()
            proxy.delay(0.05)
            await asyncio.sleep(0.2)
            proxy.reset(which)
            heard = await hear(ann)
            talking.cancel()
            at = heard.index("gap")
            before, after = heard[:at], heard[at + 1 :]
            assert before == list(range(before[0], before[-1] + 1)), heard
            assert after == list(range(after[0], after[-1] + 1)), heard
            assert after[0] > before[-1] + 1, "nothing was missed"


async def test_a_gap_does_not_wait_for_another_server(cluster, redis, tmp_path):
    """One of two servers is away for long; what the other one lost meanwhile is told at once."""
    with Redis(tmp_path / "second") as second:
        async with Proxy(redis.address) as proxy:
            (gateway,) = await cluster(1, redis=f"{proxy.url()},{second.url()}", **OPTIONS)
            async with connect(gateway) as ann:
                for n in range(20):  # both servers have some of them
                    await ann.ok("join", room=f"{n}")
                second.kill()
                await eventually(lambda: links(gateway, 0))
                proxy.reset("sub")
                gap = await ann.next("gap")
                assert gap["topics"] == "*" and gap["reason"] == "tier"
                assert await links(gateway, 0)
                second.restart(keep=False)
                await ann.next("gap")
                await ann.silent("gap")
