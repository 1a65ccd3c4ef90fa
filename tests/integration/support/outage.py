"""What must hold however Redis or the road to it fails, watched from the clients.

    async with Outage.on(gateways) as outage:
        redis.pause(); await asyncio.sleep(3); redis.resume()
        await outage.healed()
        await outage.check(gaps=1)

Clients on every gateway are in one room and speak all the time, each message with an id. Nobody
may be disconnected; every request is answered in time; what was acknowledged is heard by all who
had no gap; what was refused is heard by nobody; nothing comes twice.
"""

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from dataclasses import dataclass

from support import registry
from support.cluster import all_agree, crowd, post
from support.timing import eventually, seconds
from support.wsclient import ClosedByServer, Frame

from websockets.exceptions import ConnectionClosed

TIMEOUT = 500  # ms; redis_timeout_ms of these tests
OPTIONS = {
    "redis_timeout_ms": TIMEOUT,
    "lease_ms": 3000,
    "max_rate": 1000000,
    "queue_messages": 100000,
    "queue_bytes": "64M",
}
HEALED = 5  # s after Redis' return


@dataclass
class Spoken:
    gateway: int
    at: float
    took: float | None = None
    answer: str | None = None  # "ack" or the error's name


class Witness:
    """A client whose frames are all taken as they come."""

    def __init__(self, client, gateway, outage):
        self.client, self.gateway, self.outage = client, gateway, outage
        self.heard = Counter()  # payloads of the room
        self.order = []
        self.gaps = []
        self.others = []
        self.waiting = {}  # id → future
        self.ended = None
        self.task = asyncio.create_task(self._listen())

    @property
    def id(self):
        return self.client.id

    async def _listen(self):
        try:
            while True:
                self._take(await self.client.next(timeout=3600))
        except ClosedByServer as e:
            self.ended = e
        except asyncio.CancelledError:
            raise
        except Exception as e:  # pylint: disable=broad-exception-caught
            self.ended = e

    def _take(self, frame: Frame):
        kind = frame["type"]
        if kind == "event" and frame["topic"] == "room:r":
            self.heard[frame["payload"]] += 1
            self.order.append(frame["payload"])
        elif kind == "gap":
            self.gaps.append(frame)
        elif kind in ("ack", "error", "pong") and frame.get("id") in self.waiting:
            self.waiting.pop(frame["id"]).set_result(frame)
        else:
            self.others.append(frame)

    async def ask(self, kind, timeout=5, **fields):
        number = f"w{next(self.outage.numbers)}"
        self.waiting[number] = asyncio.get_running_loop().create_future()
        answer = self.waiting[number]
        await self.client.send(kind, id=number, **fields)
        async with asyncio.timeout(seconds(timeout)):
            return await answer

    async def speak(self):
        """Publish one numbered message and note the answer."""
        number = next(self.outage.numbers)
        note = self.outage.spoken[number] = Spoken(self.gateway, time.monotonic())
        try:
            answer = await self.ask(
                "publish", 15, topic="room:r", event_type="t", payload=number
            )
        except (TimeoutError, ConnectionClosed):
            return  # `check_answers` finds it
        note.took = time.monotonic() - note.at
        note.answer = answer["name"] if answer["type"] == "error" else "ack"


class Outage:
    def __init__(self, gateways, groups):
        self.gateways = gateways
        self.numbers = itertools.count(1)
        self.spoken = {}
        self.groups = [
            [Witness(c, g, self) for c in group] for g, group in enumerate(groups)
        ]
        self.witnesses = [w for group in self.groups for w in group]
        self.speakers = []
        self.silent = asyncio.Event()

    @classmethod
    @contextlib.asynccontextmanager
    async def on(cls, gateways, each=3, pause=0.02):
        """With `each` clients on every gateway, of which the first speaks every `pause` seconds."""
        async with crowd(gateways, each) as groups:
            self = cls(gateways, groups)
            for n, w in enumerate(self.witnesses):
                answer = await w.ask("join", room="r", presence=True, info=n)
                assert answer["type"] == "ack", answer
            if pause is not None:
                self.speakers = [
                    asyncio.create_task(self._talk(group[0], pause)) for group in self.groups
                ]
                await asyncio.sleep(0.2)
            try:
                yield self
            finally:
                tasks = [*self.speakers, *(w.task for w in self.witnesses)]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _talk(self, witness, pause):
        """One after the other is begun, whether the one before is answered or not."""
        async with asyncio.TaskGroup() as asked:
            while not self.silent.is_set():
                asked.create_task(witness.speak())
                await asyncio.sleep(pause)

    # ---- what is asked of it ----

    def answers(self, gateway=None):
        return Counter(
            s.answer for s in self.spoken.values() if gateway in (None, s.gateway)
        )

    async def refused(self, gateway=0, names=("unavailable", "uncertain"), timeout=5):
        """Wait until that gateway's clients are told so: the failure is there."""
        before = sum(self.answers(gateway)[n] for n in names)
        await eventually(
            lambda: sum(self.answers(gateway)[n] for n in names) > before, timeout
        )

    async def healed(self, timeout=HEALED):
        """In time, messages pass from every gateway to every client, and the registry is true."""
        end = time.monotonic() + seconds(timeout)
        for group in self.groups:
            await self._passes(group[0], end)
        everybody = [w.id for w in self.witnesses]
        left = max(0.5, (end - time.monotonic()) / seconds(1))
        await all_agree(self.gateways, "r", everybody, left)

        async def counted():
            answers = [await post(g, "room:r", -1) for g in self.gateways]
            return all(
                a.status == 200
                and a.json == {"nodes": len(self.gateways), "receivers": len(everybody)}
                for a in answers
            )

        await eventually(counted, max(0.5, (end - time.monotonic()) / seconds(1)))
        for g in self.gateways:
            assert (await g.http("GET", "/readyz")).status == 200

    async def _passes(self, witness, end):
        """A message of his reaches everybody."""
        while True:
            number = next(self.numbers)
            self.spoken[number] = note = Spoken(witness.gateway, time.monotonic())
            said = {"topic": "room:r", "event_type": "t", "payload": number}
            answer = await witness.ask("publish", 15, **said)
            note.took = time.monotonic() - note.at
            note.answer = answer.get("name", "ack")
            if note.answer == "ack":
                for _ in range(20):
                    if all(w.heard[number] for w in self.witnesses):
                        return
                    await asyncio.sleep(0.02)
            missing = [w.gateway for w in self.witnesses if not w.heard[number]]
            assert time.monotonic() < end, (
                f"a message of gateway {witness.gateway} was answered {note.answer} and did not "
                f"reach clients of gateways {missing}: {dict(self.answers())}"
            )
            await asyncio.sleep(0.05)

    async def settle(self):
        """Nobody speaks any more, and all is answered."""
        self.silent.set()
        await asyncio.gather(*self.speakers)
        await asyncio.sleep(0.3)  # what is under way to the clients

    async def check(self, gaps=0, redis=None):
        """`gaps`: what each client must have been told; a number, or one for each gateway.
        `redis`: where the keys are looked at."""
        await self.settle()
        expected = [gaps] * len(self.gateways) if isinstance(gaps, int) else gaps
        for w in self.witnesses:
            assert w.ended is None, f"a client of gateway {w.gateway} was closed: {w.ended}"
            assert (await w.ask("ping"))["type"] == "pong"
            assert len(w.gaps) == expected[w.gateway], (w.gateway, w.gaps)
            for gap in w.gaps:
                assert gap["topics"] == "*" and gap["reason"] == "tier", gap
            assert not [f for f in w.others if f["type"] == "error"], w.others
        self.check_answers()
        self.check_messages()
        if redis is not None:
            found = await registry.settled(redis, {"r": len(self.witnesses)})
            assert set(found.topics["room:r"].members) == {w.id for w in self.witnesses}

    def check_answers(self):
        late = [
            (n, s)
            for n, s in self.spoken.items()
            if s.answer is None or s.took > seconds(TIMEOUT / 1000 + 1)
        ]
        assert not late, f"{len(late)} publishes were not answered in time: {late[:5]}"
        odd = set(self.answers()) - {"ack", "unavailable", "uncertain"}
        assert not odd, self.answers()

    def check_messages(self):
        for w in self.witnesses:
            doubles = [n for n, times in w.heard.items() if times > 1 and n > 0]
            assert not doubles, f"heard twice on gateway {w.gateway}: {doubles}"
            for n, s in self.spoken.items():
                assert not (s.answer == "unavailable" and w.heard[n]), f"{n} was refused, and came"
                if s.answer == "ack" and not w.gaps:
                    assert w.heard[n], f"{n} {s} was acknowledged, and did not reach {w.gateway}"
        whole = [w for w in self.witnesses if not w.gaps]
        for w in whole:
            assert [n for n in w.order if n > 0] == [n for n in whole[0].order if n > 0]
