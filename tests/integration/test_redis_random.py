"""A random life of a cluster; at the end the registry and reality must be the same.

The seed stands in the test's name and in the message of a failure; ROOMCAST_SEED plays one alone.
"""

import asyncio
import contextlib
import os
import random
import signal
import time
from dataclasses import dataclass, field

import pytest
from support import registry
from support.cluster import FAST, ids, kill, list_of, post
from support.timing import SANITIZED, eventually
from support.wsclient import Client, ClosedByServer, open_websocket, url_of

GATEWAYS = 3
ROOMS = [f"r{n}" for n in range(8)]
USERS = [None, "ann", "bob", "cat"]
OPTIONS = {"redis_timeout_ms": 500, "lease_ms": 1500, "redis_linger_ms": 200, **FAST}
SEEDS = [int(s) for s in os.environ.get("ROOMCAST_SEED", "1 2").split()]


@dataclass(eq=False)
class Life:
    """One client: what it asked for, and what it was told."""

    client: Client
    gateway: object
    user: str | None
    inside: dict = field(default_factory=dict)  # room → visible
    unsure: set = field(default_factory=set)  # rooms whose answer told nothing
    waiting: dict = field(default_factory=dict)  # id → what was asked
    order: list = field(default_factory=list)  # (room, message)
    gaps: int = 0
    epoch: dict = field(default_factory=dict)  # room → grows with every leave, sent and answered
    ended: bool = False
    task: object = None

    async def listen(self):
        try:
            while True:
                self.take(await self.client.next(timeout=3600))
        except ClosedByServer:
            self.ended = True

    def take(self, f):
        if f["type"] == "event":
            self.order.append((f["topic"], f["payload"]))
        elif f["type"] == "gap":
            self.gaps += 1
        elif f["type"] in ("ack", "error") and f.get("id") in self.waiting:
            self.waiting.pop(f["id"])(f["type"] == "ack", f.get("name"))

    async def ask(self, then, kind, **fields):
        number = next(self.client.ids)
        self.waiting[number] = then
        with contextlib.suppress(Exception):  # its gateway may just have died
            await self.client.send(kind, id=number, **fields)

    async def join(self, room, visible):
        def then(ok, _):
            if ok:
                self.inside[room] = self.inside.get(room, False) or visible
                self.unsure.discard(room)
            elif room not in self.inside:
                self.unsure.add(room)

        await self.ask(then, "join", room=room, presence=visible)

    async def leave(self, room):
        self.epoch[room] = self.epoch.get(room, 0) + 1

        def then(ok, _):
            self.epoch[room] += 1
            if ok:
                self.inside.pop(room, None)
                self.unsure.discard(room)
            else:
                self.unsure.add(room)

        await self.ask(then, "leave", room=room)


@dataclass
class Said:
    topic: str
    hearers: list  # (life, its epoch in that room) who must hear it, if it is acknowledged
    answer: str | None = None


class Scene:
    def __init__(self, seed, cluster, redis):
        self.chance = random.Random(seed)
        self.cluster, self.redis = cluster, redis
        self.gateways = []
        self.paused = set()
        self.lives = []
        self.said = {}
        self.calm = []  # what will end a disturbance: (when, function)
        self.log = []

    async def open(self):
        self.gateways = await self.cluster(GATEWAYS, **OPTIONS)
        for _ in range(12):
            await self.come()

    # ---- single things ----

    async def come(self):
        gateway = self.chance.choice(self.gateways)
        user = self.chance.choice(USERS)
        if gateway in self.paused:
            return
        query = f"?user={user}" if user else ""
        try:
            client = Client(await open_websocket(url_of(gateway, query)))
            client.welcome = await client.next("welcome", timeout=3)
        except Exception:  # pylint: disable=broad-exception-caught
            return  # refused, while Redis is away
        life = Life(client, gateway, user)
        life.task = asyncio.create_task(life.listen())
        self.lives.append(life)

    async def go(self):
        if len(self.lives) > 5:
            life = self.lives.pop(self.chance.randrange(len(self.lives)))
            if self.chance.random() < 0.5:
                life.client.ws.transport.abort()
            else:
                await close(life)
            life.ended = True

    async def join(self):
        life = self.chance.choice(self.lives)
        for _ in range(self.chance.choice([1, 1, 3])):
            await life.join(self.chance.choice(ROOMS), self.chance.random() < 0.7)

    async def leave(self):
        life = self.chance.choice(self.lives)
        await life.leave(self.chance.choice(sorted(life.inside) or ROOMS))

    async def publish(self):
        life = self.chance.choice(self.lives)
        room = self.chance.choice(ROOMS)
        number = len(self.said)
        hearers = [
            (x, x.epoch.get(room, 0)) for x in self.lives if room in x.inside and not x.ended
        ]
        self.said[number] = said = Said(f"room:{room}", hearers)

        def then(ok, name):
            said.answer = "ack" if ok else name

        await life.ask(then, "publish", topic=said.topic, event_type="t", payload=number)

    # ---- disturbances ----

    def later(self, seconds_, what):
        self.calm.append((time.monotonic() + seconds_, what))

    def forget(self, gateway):
        for life in [x for x in self.lives if x.gateway is gateway]:
            life.ended = True
            self.lives.remove(life)

    async def kill_gateway(self):
        gateway = self.chance.choice(self.gateways)
        kill(gateway)
        await self.replace(gateway)

    async def end_gateway(self):
        gateway = self.chance.choice([g for g in self.gateways if g not in self.paused])
        gateway.signal(signal.SIGTERM)
        await asyncio.to_thread(gateway.wait)
        await self.replace(gateway)

    async def replace(self, gateway):
        self.forget(gateway)
        self.paused.discard(gateway)
        (fresh,) = await self.cluster(1, ready=False, **OPTIONS)
        self.gateways[self.gateways.index(gateway)] = fresh

    async def pause_gateway(self):
        if self.paused:
            return
        gateway = self.chance.choice(self.gateways)
        gateway.process.send_signal(signal.SIGSTOP)
        self.paused.add(gateway)

        def go_on():
            if gateway in self.paused:
                self.paused.discard(gateway)
                gateway.process.send_signal(signal.SIGCONT)

        self.later(self.chance.choice([0.5, 2.5]), go_on)

    async def stall_redis(self):
        if not self.redis.paused:
            self.redis.pause()
            self.later(self.chance.choice([0.2, 1.5]), self.redis.resume)

    async def kill_redis(self):
        if self.redis.paused:
            self.redis.resume()
        self.redis.kill()
        await asyncio.sleep(self.chance.choice([0, 0.5]))
        self.redis.restart(keep=self.chance.random() < 0.5)

    async def kill_connections(self):
        if not self.redis.paused:
            kind = self.chance.choice(["normal", "pubsub"])
            self.redis.cli("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")

    async def flush_scripts(self):
        if not self.redis.paused:
            self.redis.cli("SCRIPT", "FLUSH")

    # ---- the whole ----

    async def play(self, steps):
        common = {self.join: 30, self.leave: 15, self.publish: 40, self.come: 8, self.go: 6}
        rare = [
            self.kill_gateway, self.end_gateway, self.pause_gateway, self.stall_redis,
            self.kill_redis, self.kill_connections, self.flush_scripts,
        ]  # fmt: skip
        calm = 0
        for step in range(steps):
            for entry in [c for c in self.calm if c[0] <= time.monotonic()]:
                self.calm.remove(entry)
                entry[1]()
            calm += 1
            if calm > 60 and self.chance.random() < 0.04:
                action, calm = self.chance.choice(rare), 0
            else:
                (action,) = self.chance.choices([*common], [*common.values()])
            if action in rare:
                self.log.append(f"{step} {action.__name__}")
            if not self.lives:
                action = self.come
            await action()
            await asyncio.sleep(self.chance.choice([0, 0, 0.005, 0.02]))
            self.lives = [x for x in self.lives if not x.ended]

    async def calm_down(self):
        """All disturbances end; every answer comes; who is unsure asks again."""
        for _, what in self.calm:
            what()
        self.calm.clear()

        async def up():
            for g in self.gateways:
                metrics = await g.metrics()
                if metrics("tier_up") != 1:
                    return False
            return True

        await eventually(up, timeout=8)
        assert not [x for x in self.lives if x.ended], "a client was disconnected for no cause"
        await eventually(lambda: not [x for x in self.lives if x.waiting], timeout=5)
        for _ in range(3):
            for life in self.lives:
                for room in sorted(life.unsure):
                    await life.leave(room)
            await eventually(lambda: not [x for x in self.lives if x.waiting], timeout=5)
        assert not [x for x in self.lives if x.unsure]

    def truth(self):
        """What the clients know: room → (all members, visible ones)."""
        return {
            room: (
                {x.client.id for x in self.lives if room in x.inside},
                {x.client.id: x.user for x in self.lives if x.inside.get(room)},
            )
            for room in ROOMS
        }

    async def agrees(self):
        """Keys, lists and counts of every gateway are the truth; else what differs."""
        try:
            found = registry.read(self.redis)  # key by key: somebody may be moving
            found.check()
        except AssertionError as e:
            return f"the registry contradicts itself: {e}"
        for room, (members, visible) in self.truth().items():
            topic = found.topics.get(f"room:{room}", registry.Topic())
            if sum(topic.connections.values()) != len(members):
                return f"{room} has {topic.connections} in Redis, but {len(members)} members"
            if {c: u for c, (u, _) in topic.members.items()} != visible:
                return f"{room} shows {sorted(topic.members)} in Redis, not {sorted(visible)}"
            for gateway in self.gateways:
                answer = await list_of(gateway, room)
                if ids(answer["members"]) != sorted(visible):
                    return f"{room}: a list has {ids(answer['members'])}, not {sorted(visible)}"
                receivers = (await post(gateway, f"room:{room}", "count")).json.get("receivers")
                if receivers != len(members):
                    return f"{room}: a gateway counts {receivers}, not {len(members)}"
        nodes = {inc[:8] for inc in found.incarnations()}
        if len(nodes) != GATEWAYS or len(found.incarnations()) != GATEWAYS:
            return f"incarnations {found.incarnations()} of {GATEWAYS} gateways"
        return None

    def check_messages(self):
        """Nothing twice, one order, no false `ack`, nothing that was refused."""
        heard = {}
        for life in self.lives:
            mine = [m for m in life.order if m[1] != "count"]
            assert len(set(mine)) == len(mine), "a message came twice"
            heard[life] = {number for _, number in mine}
            for topic, number in mine:
                assert self.said[number].topic == topic
                assert self.said[number].answer != "unavailable", f"{number} was refused, and came"
        for room in ROOMS:
            topic = f"room:{room}"
            orders = [[n for t, n in x.order if t == topic and n != "count"] for x in self.lives]
            for i, one in enumerate(orders):
                for two in orders[:i]:
                    both = set(one) & set(two)
                    assert [n for n in one if n in both] == [n for n in two if n in both]
        for number, said in self.said.items():
            if said.answer != "ack":
                continue
            for life, epoch in said.hearers:
                room = said.topic.removeprefix("room:")
                stayed = life in heard and room in life.inside and life.epoch.get(room, 0) == epoch
                if stayed and not life.gaps:
                    assert number in heard[life], f"{number} was acknowledged, and did not come"


async def close(life):
    with contextlib.suppress(Exception):
        await life.client.ws.close()


async def play(seed, cluster, redis, steps):
    scene = Scene(seed, cluster, redis)
    try:
        await scene.open()
        await scene.play(steps)
        await scene.calm_down()
        end = time.monotonic() + (20 if SANITIZED else 8)
        while (differs := await scene.agrees()) is not None:
            assert time.monotonic() < end, differs
            await asyncio.sleep(0.2)
        scene.check_messages()
        answers = [s.answer for s in scene.said.values()]
        assert answers.count("ack") > steps / 20, "nearly nothing worked"
    except BaseException as e:
        e.add_note(f"seed {seed}; " + ", ".join(scene.log))
        raise
    finally:
        for gateway in scene.paused:
            gateway.process.send_signal(signal.SIGCONT)
        for life in scene.lives:
            life.task.cancel()
            life.client.ws.transport.abort()


@pytest.fixture
def keeping(redis):
    redis.cli("CONFIG", "SET", "appendonly", "yes", "appendfsync", "always")
    redis.config.update({"appendonly": "yes", "appendfsync": "always"})
    return redis


@pytest.mark.limit(60)
@pytest.mark.parametrize("seed", SEEDS)
async def test_after_a_random_life_registry_and_reality_agree(cluster, keeping, seed):
    await play(seed, cluster, keeping, 700)


@pytest.mark.long
@pytest.mark.limit(1500)
@pytest.mark.timeout(1700)
async def test_soak_a_long_random_life(cluster, keeping):
    """Some minutes, from a new seed each time; nothing grows."""
    seed = int(os.environ.get("ROOMCAST_SEED") or random.randrange(10**6))
    print("seed", seed)
    await play(seed, cluster, keeping, 20000)
