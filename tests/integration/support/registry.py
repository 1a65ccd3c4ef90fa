"""The registry as it stands in Redis: what all gateways together believe, read key by key."""

import re
from collections import defaultdict
from dataclasses import dataclass, field

from support import parcel
from support.timing import eventually

KEY = re.compile(r"\{(?P<prefix>[^{}]+):(?P<partition>\d+)\}(?P<kind>n|c|m|u|p):(?P<rest>.+)")
WHOLE = re.compile(r"\{(?P<prefix>[^{}]+):(?P<partition>\d+)\}(?P<kind>nodes|topics|keys)")


@dataclass
class Topic:
    connections: dict = field(default_factory=dict)  # incarnation → local connections
    members: dict = field(default_factory=dict)  # client → (user, info), the visible ones
    held: dict = field(default_factory=lambda: defaultdict(set))  # incarnation → visible clients
    users: dict = field(default_factory=dict)  # user → visible connections
    rev: int = 0
    visible: int = 0
    listed: bool = False  # it stands in `topics`
    owners: set = field(default_factory=set)  # incarnations whose `n:` names it

    def check(self, name):
        """All keys of one topic tell the same."""
        assert all(n > 0 for n in self.connections.values()), (name, self)
        assert set(self.connections) == self.owners, (name, self)
        assert self.listed == bool(self.connections), (name, self)
        assert self.visible == len(self.members) == sum(map(len, self.held.values())), (name, self)
        for inc, clients in self.held.items():
            assert len(clients) <= self.connections.get(inc, 0), (name, self)
        counted = defaultdict(int)
        for user, _ in self.members.values():
            if user is not None:
                counted[user] += 1
        assert self.users == dict(counted), (name, self)


@dataclass
class Registry:
    topics: dict = field(default_factory=lambda: defaultdict(Topic))
    nodes: dict = field(default_factory=lambda: defaultdict(dict))  # partition → inc → deadline
    other: list = field(default_factory=list)  # keys that belong to nobody (meta)

    def incarnations(self):
        return {inc for nodes in self.nodes.values() for inc in nodes}

    def check(self):
        """The registry does not contradict itself, and nobody holds anything without a lease."""
        for name, topic in self.topics.items():
            topic.check(name)
            known = set(self.nodes[parcel.partition(name)])
            assert topic.owners <= known, f"{name} is held by {topic.owners - known}, unknown"

    def rooms(self):
        """Rooms with connections: how many."""
        return {
            name.removeprefix("room:"): sum(t.connections.values())
            for name, t in self.topics.items()
            if name.startswith("room:") and t.connections
        }


def read(redis, prefix="roomcast", db=None):
    """All of it; every key must stand in the partition of its topic."""
    registry = Registry()
    with redis.connection() as c:
        if db is not None:
            c("SELECT", db)
        for raw in sorted(c("KEYS", "*")):
            _read_key(c, registry, raw.decode(), prefix)
    return registry


async def settled(redis, rooms, timeout=5, **where):
    """The registry becomes free of contradictions, with these connections by room."""
    differs = []

    def true():
        differs[:] = []
        try:
            found = read(redis, **where)  # key by key: somebody may be moving meanwhile
            found.check()
        except AssertionError as e:
            differs.append(str(e))
            return None
        if found.rooms() != rooms:
            differs.append(f"rooms {found.rooms()}, not {rooms}")
            return None
        return found

    try:
        return await eventually(true, timeout)
    except AssertionError:
        raise AssertionError(f"the registry is not true: {differs}") from None


def _read_key(c, registry, key, prefix):
    found = WHOLE.fullmatch(key) or KEY.fullmatch(key)
    if not found or found["prefix"] != prefix:
        registry.other.append(key)
        return
    kind, number = found["kind"], int(found["partition"])
    if kind == "nodes":
        registry.nodes[number] = pairs(c("ZRANGE", key, 0, -1, "WITHSCORES"), float)
    elif kind == "topics":
        for name in c("ZRANGE", key, 0, -1):
            registry.topics[name.decode()].listed = True
    elif kind == "n":
        for name in c("SMEMBERS", key):
            registry.topics[name.decode()].owners.add(found["rest"])
    elif kind != "keys":
        name = found["rest"].rpartition(":")[0] if kind == "m" else found["rest"]
        assert parcel.partition(name) == number, key
        _read_topic(c, registry.topics[name], kind, key, found["rest"])


def _read_topic(c, topic, kind, key, rest):
    if kind == "c":
        topic.connections = pairs(c("HGETALL", key), int)
    elif kind == "u":
        topic.users = pairs(c("HGETALL", key), int)
    elif kind == "p":
        state = pairs(c("HGETALL", key), int)
        topic.rev, topic.visible = state.get("rev", 0), state.get("n", 0)  # or gone by now
    else:
        inc = rest.rpartition(":")[2]
        for client, blob in pairs(c("HGETALL", key), bytes).items():
            name, user, info = parcel.member(blob)
            assert name == client, key
            assert client not in topic.members, f"{client} twice in {key}"
            topic.members[client] = (user, info)
            topic.held[inc].add(client)


def pairs(flat, value):
    return {name.decode(): value(v) for name, v in zip(flat[::2], flat[1::2])}
