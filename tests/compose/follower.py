"""Clients that follow the protocol's rules of reconnecting, and keep account of what they missed."""

import asyncio
import contextlib
import itertools
import random
import time
from dataclasses import dataclass, field

from support.wsclient import Client, ClosedByServer, Frame, open_websocket, url_of
from websockets.exceptions import ConnectionClosed, WebSocketException

COME_BACK = {1001, 1006, 1011, 1012, 1013, 4008, 4009}
BACKOFF_S = (0.05, 0.25)  # uniformly, before another attempt after one that failed
JITTER_S = 0.3  # and before the first one, when the server has not said how long to wait
REFUSED = (OSError, EOFError, asyncio.TimeoutError, WebSocketException)


@dataclass
class Connection:
    node: str
    numbers: list = field(default_factory=list)  # payloads in their order, numbers mostly
    gaps: int = 0


@dataclass
class Absence:
    """From the end of a connection to the next welcome."""

    code: int
    announced: float | None  # seconds that the server asked to wait
    lasted: float

    @property
    def over(self):
        return self.lasted - (self.announced or 0)


class Follower:
    """Stays a member of `room`, whatever happens to its gateway."""

    def __init__(self, balancer, room, rng):
        self.url = url_of(balancer)
        self.room, self.rng = room, rng
        self.client = None
        self.connections, self.absences = [], []
        self.there = asyncio.Event()
        self.ids = itertools.count(1)
        self.asked = {}  # id → future of its answer

    async def _attempt(self):
        ws = await open_websocket(self.url)
        client = Client(ws)
        try:
            client.welcome = await client.next("welcome", timeout=3)
            await client.ok("join", room=self.room, presence=True)
        except BaseException:
            await ws.close()
            raise
        return client

    async def _connect(self):
        while True:
            try:
                return await self._attempt()
            except ClosedByServer as e:
                assert e.code in COME_BACK, e
            except REFUSED:
                pass
            await asyncio.sleep(self.rng.uniform(*BACKOFF_S))

    def _take(self, frame, connection):
        if frame["type"] == "event" and frame["topic"] == f"room:{self.room}":
            connection.numbers.append(frame["payload"])
        elif frame["type"] == "gap":
            connection.gaps += 1
        elif frame["type"] == "reconnect":
            return frame["after_ms"] / 1000
        elif frame.get("id") in self.asked:
            self._answer(frame["id"], frame)
        return None

    async def publish(self, payload):
        """Whether it was acknowledged. False: refused, or the connection ended before the answer."""
        n = f"p{next(self.ids)}"
        answer = self.asked[n] = asyncio.get_running_loop().create_future()
        with contextlib.suppress(WebSocketException):
            await self.client.send(
                "publish", id=n, topic=f"room:{self.room}", event_type="t", payload=payload
            )
            return (await answer)["type"] == "ack"
        return False

    async def _listen(self, connection):
        """Until the end: its code, the wait that was announced, and when it was."""
        announced = None
        early, self.client.inbox = self.client.inbox, []
        try:
            while True:
                frame = early.pop(0) if early else Frame(await self.client.ws.recv())
                said = self._take(frame, connection)
                announced = said if said is not None else announced
        except ConnectionClosed as e:
            return e.rcvd.code if e.rcvd else 1006, announced, time.monotonic()

    async def run(self):
        gone_at = code = announced = None
        while True:
            self.client = await self._connect()
            if gone_at is not None:
                self.absences.append(Absence(code, announced, time.monotonic() - gone_at))
            connection = Connection(self.client.welcome["node"])
            self.connections.append(connection)
            self.there.set()
            try:
                code, announced, gone_at = await self._listen(connection)
            finally:
                self.there.clear()
                self._give_up()
                await self.client.ws.close()
            assert code in COME_BACK, f"closed with {code}"
            wait = announced if announced is not None else self.rng.uniform(0, JITTER_S)
            await asyncio.sleep(wait)

    def _answer(self, n, frame):
        waiting = self.asked.pop(n)
        if not waiting.done():  # whoever asked may have been cancelled
            waiting.set_result(frame)

    def _give_up(self):
        for n in list(self.asked):
            self._answer(n, {"type": "closed"})

    @property
    def node(self):
        return self.connections[-1].node


async def end(tasks):
    """What they ended with. Asked again, as asyncio.wait_for may swallow it (Python up to 3.11)."""
    pending = set(tasks)
    while pending:
        for t in pending:
            t.cancel()
        _, pending = await asyncio.wait(pending, timeout=1)
    return await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def followers(balancer, n, room, seed=1):
    """`n` of them, all connected; a rule that one breaks fails the test at the end."""
    rng = random.Random(seed)
    them = [Follower(balancer, room, random.Random(rng.random())) for _ in range(n)]
    tasks = [asyncio.create_task(f.run()) for f in them]
    try:
        await all_there(them, tasks)
        yield them
    finally:
        ends = await end(tasks)
    broken = [e for e in ends if not isinstance(e, asyncio.CancelledError)]
    assert not broken, broken[:3]


async def all_there(them, tasks=(), timeout=30):
    waiting = asyncio.gather(*(f.there.wait() for f in them))
    done, _ = await asyncio.wait(
        [waiting, *tasks], timeout=timeout, return_when=asyncio.FIRST_COMPLETED
    )
    assert waiting in done, f"{sum(not f.there.is_set() for f in them)} are not connected"


class Publisher:
    """A follower that publishes 0, 1, 2 … in its room; those in `acked` are certain."""

    def __init__(self, follower, pause=0.02):
        self.follower, self.pause = follower, pause
        self.acked, self.failed = [], []

    async def run(self):
        for n in itertools.count():
            await self.follower.there.wait()
            (self.acked if await self.follower.publish(n) else self.failed).append(n)
            await asyncio.sleep(self.pause)


@contextlib.asynccontextmanager
async def publishing(follower):
    publisher = Publisher(follower)
    task = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        await end([task])
