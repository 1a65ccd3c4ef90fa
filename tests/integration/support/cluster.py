"""Several gateways on one Redis: what more than one theme of their tests needs."""

import asyncio
import contextlib
import signal
from collections import Counter

from support.httpio import request
from support.timing import eventually, seconds
from support.wsclient import ClosedByServer, connect, connect_many

from websockets.exceptions import InvalidHandshake

FAST = {"max_rate": 1000000, "queue_messages": 100000, "queue_bytes": "64M"}


async def post(gateway, topic, payload=0, event_type="t", **more):
    """POST /v1/publish."""
    body = {"topic": topic, "event_type": event_type, "payload": payload, **more}
    return await request(gateway.admin, "POST", "/v1/publish", body=body)


async def ready(gateway):
    return (await gateway.http("GET", "/readyz")).status == 200


def kill(gateway):
    """As kill -9 does; the end of the test expects it."""
    gateway.exit_code = -signal.SIGKILL
    gateway.ending = True
    gateway.process.kill()
    gateway.process.wait()


@contextlib.asynccontextmanager
async def crowd(gateways, each, **options):
    """`each` clients on every gateway: a list of lists."""
    async with contextlib.AsyncExitStack() as stack:
        yield list(
            await asyncio.gather(
                *(stack.enter_async_context(connect_many(g, each, **options)) for g in gateways)
            )
        )


def ids(members):
    return sorted(m["client"] for m in members)


class View:
    """A room as one client knows it from its list and the notices; every one is checked.

    `joined` and `left` count how often each client came and went.
    """

    def __init__(self, client, room, answer):
        self.client, self.room = client, room
        self.members = {m["client"]: m for m in answer["members"]}
        self.rev, self.count, self.users = answer["rev"], answer["count"], answer["users"]
        assert len(self.members) == self.count
        self.joined, self.left = Counter(), Counter()
        self.users_joined, self.users_left = Counter(), Counter()

    @classmethod
    async def of(cls, client, room, timeout=5, **more):
        answer = await client.ok("join", timeout, room=room, presence=True, **more)
        return cls(client, room, answer)

    def take(self, notice):
        """Whether it was news. A jump of `rev` is an error: then something was missed."""
        if notice["rev"] <= self.rev:
            return False
        joined, left = notice["joined"], notice["left"]
        assert notice["rev"] == self.rev + len(joined) + len(left), (self.rev, notice)
        for m in joined:
            self.members[m["client"]] = m
        for m in left:
            self.members.pop(m["client"], None)
        self.joined.update(m["client"] for m in joined)
        self.left.update(m["client"] for m in left)
        self.users_joined.update(notice.get("users_joined", []))
        self.users_left.update(notice.get("users_left", []))
        self.rev, self.count, self.users = notice["rev"], notice["count"], notice["users"]
        assert len(self.members) == self.count, notice
        return True

    async def step(self, timeout=5):
        while True:
            notice = await self.client.next(
                "presence", timeout, where=lambda f: f["room"] == self.room
            )
            if self.take(notice):
                return notice

    async def until(self, members, timeout=5):
        """Step until exactly these clients are there."""
        members = set(members)
        async with asyncio.timeout(seconds(timeout)):
            while set(self.members) != members:
                await self.step(timeout)

    async def quiet(self, duration=0.3):
        """No news comes any more."""
        with contextlib.suppress(asyncio.TimeoutError):
            async with asyncio.timeout(duration):
                while True:
                    notice = await self.client.next(
                        "presence", duration + 5, where=lambda f: f["room"] == self.room
                    )
                    assert not self.take(notice), notice


async def list_of(gateway, room):
    """The room as somebody sees it who has just come to that gateway and looks in."""
    async with connect(gateway) as eve:
        return await eve.ok("presence", room=room)


async def all_agree(gateways, room, members, timeout=5):
    """Every gateway's list of the room becomes this, with one count and one rev."""
    wanted = sorted(members)

    async def agreed():
        try:
            lists = [await list_of(g, room) for g in gateways]
        except ClosedByServer as e:
            assert e.code == 1013, e  # "try again later": it is about to register again
            return None
        except InvalidHandshake as e:
            assert "503" in str(e), e  # it has no tier at the moment
            return None
        return all(ids(a["members"]) == wanted for a in lists) and lists

    lists = await eventually(agreed, timeout)
    assert len({(a["rev"], a["count"], a["users"]) for a in lists}) == 1
    assert lists[0]["count"] == len(wanted)
    return lists[0]
