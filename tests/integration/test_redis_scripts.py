"""The scripts of the registry against a real Redis: gateways are played by hand."""

import re
import time
from functools import cache

import pytest
from support import parcel, registry
from support.redis import Redis
from support.resp import ErrorReply
from support.timing import ROOT

DONE, FULL, LOST, LIVES = range(4)
FOLDER = ROOT / "gateway/tier/redis"
ROOM = "room:lobby"
LEASE = 60000
AT_ONCE = 100  # members that one call of reap takes away


@cache
def source(name):
    """A script as gateways load it: with the head, where its row says so."""
    rows = re.findall(r"^SCRIPT\(\w+, (\w+), (\w+)\)", (FOLDER / "scripts.def").read_text(), re.M)
    heads = dict(rows)
    files = ["presence", name] if heads[name] == "true" else [name]
    return "".join((FOLDER / f"lua/{f}.lua").read_text() for f in files)


def run(redis, name, keys, *arguments):
    return redis("EVAL", source(name), len(keys), *keys, *arguments)


def key(kind, topic=ROOM):
    return f"{{roomcast:{parcel.partition(topic)}}}{kind}"


def blob(client, user="", info=b""):
    return bytes([len(client)]) + client.encode() + bytes([len(user)]) + user.encode() + info


class Gateway:
    """What a gateway says to one partition under one incarnation."""

    def __init__(self, redis, inc, topic=ROOM, lease=True):
        self.redis, self.inc, self.topic = redis, inc, topic
        if lease:
            assert self.lease(first=1)[0] == DONE

    def run(self, name, *arguments):
        return run(self.redis, name, [key("nodes", self.topic)], *arguments)

    def lease(self, ms=LEASE, first=0):
        return self.run("lease", self.inc, ms, first)

    def enter(self, client, user="", info=b"", seen=True, again=0, listed=0, most=0, limit=500):
        member = blob(client, user, info) if seen else b""
        words = (self.inc, self.topic, client, member, again, listed, most, limit)
        return self.run("enter", *words)

    def leave(self, client):
        return self.run("leave", self.inc, self.topic, client)

    def room(self, limit=500):
        return self.run("room", self.topic, limit)

    def seat(self, members, count=None, first=1, old=(), limit=500):
        count = len(members) if count is None else count
        words = (self.inc, self.topic, count, limit, first, len(old), *old)
        return self.run("seat", *words, *members)

    def reap(self, inc, force=0):
        return self.run("reap", inc, force)

    def let_it_end(self):
        """Its lease is over, as if time had passed."""
        self.redis("ZADD", key("nodes", self.topic), 1, self.inc)


class Watcher:
    """What the subscribers of a topic are told."""

    def __init__(self, redis, topic=ROOM):
        self.connection = redis.connection(timeout=0.2)
        self.connection("SUBSCRIBE", parcel.channel(topic))
        self.topic = topic

    def all(self):
        """The notices so far, as (joined or left, client, user edge)."""
        return [
            ("joined" if n["flags"] & 1 else "left", n["who"], bool(n["flags"] & 2))
            for n in self.notices()
        ]

    def notices(self):
        found = []
        while True:
            try:
                kind, channel, data = self.connection.reply()
            except TimeoutError:
                return found
            assert (kind, channel) == (b"message", parcel.channel(self.topic).encode())
            notice = parcel.read(data)
            assert notice["kind"] == parcel.PRESENCE and notice["topic"] == self.topic.encode()
            notice["who"], notice["user"], notice["info"] = parcel.member(notice["member"])
            found.append(notice)


@pytest.fixture
def c(redis):
    with redis.connection() as connection:
        yield connection


@pytest.fixture
def a(c):
    return Gateway(c, "aaaaaaaa.1")


@pytest.fixture
def b(c):
    return Gateway(c, "bbbbbbbb.1")


@pytest.fixture
def watcher(redis):
    return Watcher(redis)


def crowd(gateway, n, user=""):
    commands = [
        ("EVAL", source("enter"), 1, key("nodes"), gateway.inc, ROOM, f"{gateway.inc[:8]}-{i}",
         blob(f"{gateway.inc[:8]}-{i}", user), 0, 0, 0, 500)
        for i in range(n)
    ]  # fmt: skip
    assert all(answer[0] == DONE for answer in gateway.redis.pipeline(commands))


# ---- entering and leaving ----


def test_members_of_two_gateways_are_one_room(redis, a, b, watcher):
    before = time.time()
    rev = a.enter("a1", "ann", b'{"x":1.0}')[1]
    assert abs(rev / 1e6 - before) < 60  # it begins at the time in µs
    assert b.enter("b1", "ann") == [DONE, rev + 1]
    assert b.enter("b2") == [DONE, rev + 2]
    assert b.enter("b3", seen=False, listed=1)[:7] == [DONE, rev + 2, 3, 1, 4, 2, 0]
    answer = a.room()
    assert answer[:7] == [DONE, rev + 2, 3, 1, 4, 2, 0]
    members = [blob("a1", "ann", b'{"x":1.0}'), blob("b1", "ann"), blob("b2")]
    assert sorted(answer[7:]) == members
    assert a.leave("a1") == [DONE]
    assert b.leave("b1") == [DONE]
    assert b.leave("b3") == [DONE]
    assert a.room() == [DONE, rev + 4, 1, 0, 1, 1, 0, blob("b2")]
    notices = watcher.notices()
    assert [n["rev"] for n in notices] == [rev + i for i in range(5)]
    assert [n["count"] for n in notices] == [1, 2, 3, 2, 1]
    assert [n["users"] for n in notices] == [1, 1, 1, 1, 0]
    assert notices[0]["info"] == b'{"x":1.0}'
    # ann's first connection, her second, somebody without a name; her first, her last
    assert [n["flags"] for n in notices] == [3, 1, 1, 0, 2]
    registry.read(redis).check()


def test_who_is_not_seen_may_be_seen_later_and_only_once(a, watcher):
    assert a.enter("a1", seen=False) == [DONE, 0]
    rev = a.enter("a1", "ann", again=1)[1]
    assert a.enter("a1", "ann", again=1) == [DONE, rev]
    assert a.room()[:7] == [DONE, rev, 1, 1, 1, 1, 0]
    assert watcher.all() == [("joined", "a1", True)]


def test_the_last_one_leaves_nothing_behind_and_rev_never_goes_back(c, a, b):
    rev = a.enter("a1", "ann")[1]
    a.enter("a2", seen=False)
    b.enter("b1", "bob")
    for gateway, client in ((a, "a1"), (b, "b1"), (a, "a2")):
        assert gateway.leave(client) == [DONE]
    assert c("KEYS", "*") == [key("nodes").encode()]
    assert a.room() == [DONE, 0, 0, 0, 0, 0, 0]
    assert a.enter("a1", "ann")[1] > rev + 3


def test_a_room_is_never_fuller_than_it_may_be(a, b):
    assert a.enter("a1", most=2)[0] == DONE
    assert b.enter("b1", most=2, seen=False)[0] == DONE
    assert b.enter("b2", most=2) == [FULL]
    assert a.room()[4] == 2
    assert b.enter("b1", most=2, again=1)[0] == DONE
    b.leave("b1")
    assert a.enter("a2", most=2)[0] == DONE


def test_above_its_limit_a_room_is_counted_and_not_named(a, watcher):
    a.enter("a1", limit=2)
    assert len(a.enter("a2", limit=2, listed=1)) == 7 + 2
    assert a.enter("a3", limit=2, listed=1)[2:] == [3, 0, 3, 1, 1]
    assert a.room(limit=3)[6:] == [0, *(blob(f"a{i}") for i in (1, 2, 3))]
    a.leave("a3")
    assert [n["flags"] for n in watcher.notices()] == [1, 1, 5, 0]


def test_nothing_is_done_for_an_incarnation_without_a_lease(redis, c, a, watcher):
    a.enter("a1")
    before = registry.read(redis).topics
    stranger = Gateway(c, "cccccccc.1", lease=False)
    a.let_it_end()
    Gateway(c, "bbbbbbbb.1")  # it is given what has ended, and so a's lease back
    for gateway in (stranger, a):
        assert gateway.lease() == [LOST]
        assert gateway.enter("a2") == [LOST]
        assert gateway.enter("a1", again=1) == [LOST]
        assert gateway.leave("a1") == [LOST]
        assert gateway.seat([blob("a1")]) == [LOST]
    assert registry.read(redis).topics == before
    assert len(watcher.all()) == 1


def test_again_without_a_first_time_is_no_truth(a, b):
    b.enter("b1")
    assert a.enter("a1", again=1) == [LOST]


def test_topics_come_in_pages(c, a):
    names = ["event:x", "room:a", "room:aa", "room:b"]
    for name in names:
        there = Gateway(c, a.inc, name)
        there.enter("a1", seen=False)
        there.enter("a2", seen=False)
    partition = key("topics", "room:b")
    for name in names:  # as if they were all in one
        c("ZADD", partition, 0, name)
    b = Gateway(c, a.inc, "room:b")
    found = b.run("topics", "[room:", "(room:\xff", 10)
    assert found[::3] == [b"room:a", b"room:aa", b"room:b"] and found[-2:] == [2, 1]
    assert b.run("topics", "(room:a", "(room:\xff", 1)[::3] == [b"room:aa"]


# ---- leases ----


def test_a_lease_that_is_over_is_given_to_one_gateway_at_a_time(c, a, b):
    other = Gateway(c, "cccccccc.1")
    a.let_it_end()
    assert b.lease(ms=300) == [DONE, b"aaaaaaaa.1"]
    assert other.lease() == [DONE]
    time.sleep(0.12)  # a third of the lease
    assert other.lease() == [DONE, b"aaaaaaaa.1"]


def test_a_late_renewal_is_in_time_as_long_as_nobody_saw(c, a):
    a.let_it_end()
    assert a.lease() == [DONE]
    assert float(c("ZSCORE", key("nodes"), a.inc)) > 1


def test_a_lease_lasts_by_the_clock_of_redis(c, a):
    a.lease(ms=5000)
    sec, usec = (int(x) for x in c("TIME"))
    left = float(c("ZSCORE", key("nodes"), a.inc)) - (sec * 1000 + usec / 1000)
    assert 4000 < left <= 5000


def test_many_that_are_gone_are_handed_out_in_pieces(c, b):
    c("ZADD", key("nodes"), *(x for i in range(40) for x in (5, f"aaaaaaaa.{i}")))
    pieces = [b.lease()[1:] for _ in range(4)]
    assert [len(p) for p in pieces] == [16, 16, 8, 0]
    assert len({inc for p in pieces for inc in p}) == 40


def test_a_node_is_alive_while_one_of_its_leases_is(c, a):
    nodes = [key("nodes")]
    old = Gateway(c, "aaaaaaaa.0")
    old.let_it_end()
    assert run(c, "alive", nodes, "aaaaaaaa") == 1
    assert run(c, "alive", nodes, "aaaaaaa") == 0
    assert run(c, "alive", nodes, "bbbbbbbb") == 0
    a.let_it_end()
    assert run(c, "alive", nodes, "aaaaaaaa") == 0


def test_nodes_are_told_with_their_clients(c):
    a, b = Gateway(c, "aaaaaaaa.1", "all"), Gateway(c, "bbbbbbbb.7", "all")
    a.enter("a1", seen=False)
    a.enter("a2", seen=False)
    assert a.run("nodes") == [b"aaaaaaaa.1", 2, 0, b"bbbbbbbb.7", 0, 0]
    b.let_it_end()
    assert a.run("nodes") == [b"aaaaaaaa.1", 2, 0]


# ---- clearing up ----


def test_who_lives_is_not_cleared_away(c, a, b):
    a.enter("a1")
    assert b.reap(a.inc) == [LIVES]
    assert a.room()[2] == 1


def test_what_a_dead_gateway_held_goes_once_and_is_told(redis, c, a, b, watcher):
    a.enter("a1", "ann")
    a.enter("a2", "ann")
    a.enter("a3", seen=False)
    b.enter("b1", "ann")
    a.let_it_end()
    assert b.reap(a.inc) == [DONE, 0, 2, 1]
    assert b.reap(a.inc) == [DONE, 0, 0, 0]
    assert b.room()[2:] == [1, 1, 1, 1, 0, blob("b1", "ann")]
    b.leave("b1")
    notices = watcher.notices()
    assert [n["rev"] - notices[0]["rev"] for n in notices] == list(range(6))
    assert {(n["who"], n["flags"]) for n in notices[3:5]} == {("a1", 0), ("a2", 0)}
    assert notices[5]["flags"] == 2
    assert c("ZRANGE", key("nodes"), 0, -1) == [b.inc.encode()]
    assert not registry.read(redis).topics


def test_clearing_up_may_stop_anywhere_and_others_go_on(redis, c, a, b, watcher):
    crowd(a, 2 * AT_ONCE + 50, user="ann")
    b.enter("b1", "ann")
    rev = b.room()[1]
    a.let_it_end()
    assert b.reap(a.inc) == [DONE, 1, AT_ONCE, 0]
    registry.read(redis).check()  # true also half-way
    assert b.room(1)[2] == AT_ONCE + 51
    other = Gateway(c, "cccccccc.1")
    assert other.reap(a.inc) == [DONE, 1, AT_ONCE, 0]
    assert b.reap(a.inc) == [DONE, 0, 50, 1]
    found = registry.read(redis)
    found.check()
    assert list(found.topics[ROOM].members) == ["b1"]
    left = [n for n in watcher.notices() if not n["flags"] & 1]
    assert [n["rev"] for n in left] == [rev + 1 + i for i in range(250)]
    assert len({n["who"] for n in left}) == 250 and not any(n["flags"] & 2 for n in left)


def test_many_topics_are_cleared_in_pieces(redis, c):
    partition = parcel.partition(ROOM)
    topics = [t for i in range(9000) if parcel.partition(t := f"room:{i}") == partition][:50]
    for topic in topics:
        Gateway(c, "aaaaaaaa.1", topic).enter("a1", "ann")
    b = Gateway(c, "bbbbbbbb.1")
    answers = [b.reap("aaaaaaaa.1", force=1) for _ in range(4)]
    assert [x[1:] for x in answers] == [[1, 16, 16], [1, 16, 16], [1, 16, 16], [0, 2, 2]]
    assert not registry.read(redis).topics


def test_a_gateway_gives_itself_back(redis, c, a):
    a.enter("a1", "ann")
    a.enter("a2", seen=False)
    assert a.reap(a.inc, force=1) == [DONE, 0, 1, 1]
    assert c("KEYS", "*") == []
    assert a.enter("a3") == [LOST]


# ---- a new incarnation ----


def test_members_move_to_the_new_incarnation_without_a_word(redis, c, a, b, watcher):
    for client, user in (("a1", "ann"), ("a2", "bob"), ("a3", "")):
        a.enter(client, user)
    a.enter("a4", seen=False)
    rev = b.enter("b1", "bob")[1]
    joined = watcher.all()
    new = Gateway(c, "aaaaaaaa.2")
    # a2 has left meanwhile, a5 has come
    members = [blob("a1", "ann"), blob("a3"), blob("a5", "eve")]
    for _ in range(2):  # it may be repeated
        assert new.seat(members, count=4, old=["aaaaaaaa.0", a.inc]) == [DONE]
        assert new.room()[1:6] == [rev + 1, 5, 3, 5, 2]
    assert watcher.all() == [("joined", "a5", True)]
    assert new.reap(a.inc, force=1) == [DONE, 0, 1, 1]
    assert watcher.all() == [("left", "a2", False)]
    assert len(joined) == 4
    found = registry.read(redis)
    found.check()
    assert sorted(found.topics[ROOM].members) == ["a1", "a3", "a5", "b1"]
    assert found.topics[ROOM].connections == {"aaaaaaaa.2": 4, "bbbbbbbb.1": 1}


def test_a_room_is_told_in_pieces_and_its_list_is_never_short(redis, c, a, watcher):
    crowd(a, 30)
    new = Gateway(c, "aaaaaaaa.2")
    members = [blob(f"aaaaaaaa-{i}") for i in range(30)]
    for at in (0, 10, 20):
        assert new.seat(members[at : at + 10], 30, int(at == 0), [a.inc]) == [DONE]
        answer = new.room()
        assert (answer[2], answer[4], len(answer[7:])) == (30, 30, 30)
    new.reap(a.inc, force=1)
    assert len(watcher.all()) == 30
    registry.read(redis).check()


def test_when_redis_has_lost_everything_all_is_told_anew(redis, c, a, watcher):
    crowd(a, 3)
    rev = a.room()[1]
    c("FLUSHALL")
    new = Gateway(c, "aaaaaaaa.2")
    assert new.seat([blob(f"aaaaaaaa-{i}") for i in range(3)], old=[a.inc]) == [DONE]
    assert new.room()[1] > rev
    assert [n["rev"] > rev for n in watcher.notices()[3:]] == [True] * 3
    registry.read(redis).check()


# ---- a full Redis ----


def test_a_full_redis_takes_nobody_in_and_lets_everybody_go(tmp_path):
    with Redis(tmp_path / "full") as redis, redis.connection() as c:
        a, b = Gateway(c, "aaaaaaaa.1"), Gateway(c, "bbbbbbbb.1")
        a.enter("a1", "ann")
        b.enter("b1", "bob")
        a.enter("a2", seen=False)
        before = registry.read(redis)
        c("CONFIG", "SET", "maxmemory", 1)
        for refused in (
            lambda: a.enter("a3", "eve"),
            lambda: a.enter("a2", "eve", again=1),
            lambda: a.seat([blob("a9")]),
            lambda: Gateway(c, "cccccccc.1"),
            lambda: run(c, "publish", [key("keys")], "k", 1000, 9, "x", "y", 0),
        ):
            with pytest.raises(ErrorReply, match="OOM"):
                refused()
        assert registry.read(redis) == before
        assert b.lease() == [DONE]
        assert a.leave("a2") == [DONE]
        assert b.reap(a.inc, force=1) == [DONE, 0, 1, 1]
        assert b.leave("b1") == [DONE]
        assert not registry.read(redis).topics


# ---- the rest ----


def publish(c, name, keep_ms=60000, most=3, free=0):
    return run(c, "publish", [key("keys")], name, keep_ms, most, "news", "x", free)


def test_a_key_is_claimed_and_published_in_one(c, redis):
    assert publish(c, "k") == [0, 0]
    assert publish(c, "k") == [1, 0]
    assert publish(c, b"\x00\xff any bytes", free=1) == [0, 0]
    with redis.connection() as listener:
        listener("SUBSCRIBE", "news")
        assert publish(c, b"\x00\xff any bytes") == [0, 1]  # it was free again
        assert listener.reply() == [b"message", b"news", b"x"]
    assert publish(c, "short", keep_ms=20) == [0, 0]
    time.sleep(0.03)
    assert publish(c, "short") == [0, 0]


def test_the_oldest_keys_go_when_there_are_too_many(c):
    for name in ("1", "2", "3", "4"):
        assert publish(c, name) == [0, 0]
    assert c("ZCARD", key("keys")) == 3
    assert [publish(c, name)[0] for name in ("4", "3", "2", "1")] == [1, 1, 1, 0]
    assert publish(c, "2") == [0, 0]
    assert [publish(c, "0", most=0) for _ in range(2)] == [[0, 0]] * 2


def test_keys_that_have_ended_go_a_hundred_at_a_time(c):
    c("ZADD", key("keys"), *(x for i in range(250) for x in (i, f"old{i}")))
    for left in (151, 52, 3):
        publish(c, f"new{left}", most=1000)
        assert c("ZCARD", key("keys")) == left


def test_all_gateways_agree_on_what_the_first_one_said(c):
    meta = [key("meta")]
    assert run(c, "meta", meta, 64, "1") == b"OK"
    assert run(c, "meta", meta, 64, "1") == b"OK"
    assert run(c, "meta", meta, 64, "2 a b") == b"64 partitions, servers: 1"
    assert run(c, "meta", meta, 32, "1") == b"64 partitions, servers: 1"


def test_receivers_are_the_connections_of_all_gateways(c, a, b):
    a.enter("a1")
    a.enter("a2", seen=False)
    b.enter("b1")
    assert run(c, "count", [key(f"c:{ROOM}")]) == 3
    assert run(c, "count", [key("c:room:none")]) == 0
