"""Who is in a room: lists, notices, `rev`, users and connections (PROTOCOL.md, sections 3 to 5)."""

import asyncio
import random
import time

import pytest
from support.rawws import Peer, text
from support.timing import seconds
from support.wsclient import connect, connect_many


def ids(members):
    return sorted(m["client"] for m in members)


class View:
    """What one client knows of a room from its list and the notices; every one is checked."""

    def __init__(self, client, room, answer):
        self.client, self.room = client, room
        self.members = {m["client"]: m for m in answer["members"]}
        self.rev, self.count, self.users = answer["rev"], answer["count"], answer["users"]
        assert len(self.members) == self.count

    async def step(self, timeout=5):
        """Take the next notice that is not older than what is known."""
        while True:
            notice = await self.client.next("presence", timeout)
            assert notice["room"] == self.room
            if notice["rev"] > self.rev:
                break
        joined, left = notice["joined"], notice["left"]
        assert joined or left
        assert notice["rev"] == self.rev + len(joined) + len(left)
        for m in joined:
            self.members[m["client"]] = m
        for m in left:
            self.members.pop(m["client"], None)
        self.rev, self.count, self.users = notice["rev"], notice["count"], notice["users"]
        assert len(self.members) == self.count
        assert len(
            {m.get("user", m["client"]) for m in self.members.values()}
        ) == self.users or any("user" not in m for m in self.members.values())
        return notice


async def view_of(client, room, **more):
    return View(client, room, await client.ok("join", room=room, presence=True, **more))


async def test_the_list_names_everybody_with_user_and_info(gateway):
    async with connect(gateway, user="ann") as ann, connect(gateway) as bob:
        first = await ann.ok("join", room="r", presence=True, info={"color": "red"})
        assert first["members"] == [{"client": ann.id, "user": "ann", "info": {"color": "red"}}]
        assert (first["count"], first["users"]) == (1, 1)
        second = await bob.ok("join", room="r", presence=True)
        assert ids(second["members"]) == sorted([ann.id, bob.id])
        assert {"client": bob.id} in second["members"]
        assert second["rev"] == first["rev"] + 1
        assert second["count"] == 2


async def test_a_notice_says_who_came_and_who_went(gateway):
    async with connect(gateway, user="ann") as ann:
        view = await view_of(ann, "r")
        async with connect(gateway, user="bob") as bob:
            await bob.ok("join", room="r", presence=True, info=7)
            notice = await view.step()
            assert notice["joined"] == [{"client": bob.id, "user": "bob", "info": 7}]
            assert notice["left"] == []
            assert notice["users_joined"] == ["bob"]
            assert (notice["count"], notice["users"]) == (2, 2)
            await bob.ok("leave", room="r")
            notice = await view.step()
            assert ids(notice["left"]) == [bob.id] and notice["joined"] == []
            assert notice["users_left"] == ["bob"]
            assert (notice["count"], notice["users"]) == (1, 1)


async def test_users_come_with_their_first_connection_and_go_with_their_last(gateway):
    async with connect(gateway) as eve, connect(gateway, user="ann") as one:
        view = await view_of(eve, "r")
        await one.ok("join", room="r", presence=True)
        assert (await view.step())["users_joined"] == ["ann"]
        async with connect(gateway, user="ann") as two:
            await two.ok("join", room="r", presence=True)
            notice = await view.step()
            assert ids(notice["joined"]) == [two.id]
            assert not notice.get("users_joined")
            assert notice["count"] == 3
        notice = await view.step()
        assert ids(notice["left"]) == [two.id]
        assert not notice.get("users_left")
        await one.ok("leave", room="r")
        assert (await view.step())["users_left"] == ["ann"]


async def test_a_member_that_vanishes_has_left(gateway):
    async with connect(gateway) as ann:
        view = await view_of(ann, "r")
        for how in (Peer.reset, Peer.close):
            peer = await Peer.open(gateway, "?user=bob")
            await peer.send(text(type="join", room="r", presence=True))
            client = (await peer.next("welcome"))["client"]
            assert ids((await view.step())["joined"]) == [client]
            how(peer)
            assert ids((await view.step())["left"]) == [client]


async def test_changes_are_batched_for_a_tenth_of_a_second(gateway):
    async with connect(gateway) as ann, connect_many(gateway, 30) as others:
        view = await view_of(ann, "r")
        started = time.monotonic()
        for client in others:
            await client.send("join", room="r", presence=True)
        notices = 0
        while view.count < 31:
            await view.step()
            notices += 1
        assert notices <= 2 + (time.monotonic() - started) / 0.05
        assert time.monotonic() - started < seconds(2)


async def test_a_message_does_not_wait_for_the_batch(start):
    """The notice of what was before it goes out at once, in front of it."""
    gateway = start(presence_batch_ms=10000)
    async with connect(gateway) as ann, connect(gateway) as bob:
        view = await view_of(ann, "r")
        await bob.ok("join", room="r", presence=True)
        await bob.ok("publish", topic="room:r", event_type="t", payload=1)
        assert ids((await view.step())["joined"]) == [bob.id]
        assert not ann.inbox
        assert (await ann.event())["payload"] == 1


async def test_who_joins_and_leaves_at_once_is_still_counted_in_rev(gateway):
    async with connect(gateway) as ann, connect(gateway) as bob:
        view = await view_of(ann, "r")
        rev = view.rev
        for _ in range(5):
            await bob.send("join", room="r", presence=True)
            await bob.send("leave", room="r")
        await bob.ok("join", room="r", presence=True)
        while view.rev < rev + 11:
            await view.step()
        assert view.rev == rev + 11
        assert sorted(view.members) == sorted([ann.id, bob.id])


async def test_rev_grows_exactly_with_every_change(gateway):
    """Random comings and goings, watched by three who must agree at every step."""
    chance = random.Random(3)
    async with connect_many(gateway, 3) as watchers, connect_many(gateway, 12) as others:
        views = [await view_of(w, "r") for w in watchers]
        inside = set()
        for _ in range(120):
            client = chance.choice(others)
            if client in inside:
                inside.discard(client)
                await client.send("leave", room="r")
            else:
                inside.add(client)
                await client.send("join", room="r", presence=True)
            if chance.random() < 0.2:
                await asyncio.sleep(0.03)
        await asyncio.gather(*(client.ask("ping") for client in others))
        wanted = sorted([w.id for w in watchers] + [c.id for c in inside])
        async with connect(gateway) as outsider:
            truth = await outsider.ok("presence", room="r")
        assert ids(truth["members"]) == wanted
        for view in views:
            while view.rev < truth["rev"]:
                await view.step()
            assert view.rev == truth["rev"]
            assert sorted(view.members) == wanted


async def test_notices_and_messages_of_a_room_come_in_one_order(gateway):
    """Somebody's messages come behind the notice of his coming and before the one of his going."""
    async with connect(gateway) as ann, connect(gateway) as eve:
        await ann.ok("join", room="r", presence=True)
        await eve.ok("join", room="r", presence=True)
        for n in range(5):
            async with connect(gateway) as bob:
                await bob.send("join", room="r", presence=True)
                await bob.send("publish", topic="room:r", event_type="t", payload=n)
                await bob.ok("leave", room="r")
        listeners = {ann.id, eve.id}
        assert await order_of(ann, listeners) == await order_of(eve, listeners)


async def order_of(client, listeners):
    """What it saw of five others who came, said one thing and went: comings, goings, messages."""
    order, inside, gone = [], set(), 0
    while gone < 5:
        f = await client.next()
        if f["type"] == "event":
            assert f["from"]["client"] in inside, "a message of somebody who is not there"
            order.append(f["payload"])
        elif f["type"] == "presence":
            joined, left = set(ids(f["joined"])) - listeners, set(ids(f["left"])) - listeners
            inside = (inside | joined) - left
            gone += len(left)
            order.append((joined, left))
    return [what for what in order if what != (set(), set())]


async def test_who_asks_for_no_presence_neither_sees_nor_is_seen(gateway):
    async with connect(gateway) as ann, connect(gateway) as bob, connect(gateway) as eve:
        view = await view_of(ann, "r")
        answer = await bob.ok("join", room="r")
        assert "members" not in answer
        await eve.ok("join", room="r", presence=True)
        assert ids((await view.step())["joined"]) == [eve.id]
        assert bob.id not in view.members and view.count == 2
        await ann.ok("publish", topic="room:r", event_type="t", payload=1)
        await bob.event()
        await bob.silent("presence", 0.2)


async def test_a_member_may_become_visible_later(gateway):
    async with connect(gateway) as ann, connect(gateway) as bob:
        view = await view_of(ann, "r")
        await bob.ok("join", room="r")
        answer = await bob.ok("join", room="r", presence=True, info=1)
        assert ids(answer["members"]) == sorted([ann.id, bob.id])
        assert (await view.step())["joined"] == [{"client": bob.id, "info": 1}]


async def test_who_asks_gets_a_list_that_fits_the_notices_around_it(gateway):
    """What a list holds need not come as a notice too, but nothing behind it may be missing."""
    async with connect(gateway) as ann, connect(gateway) as bob:
        view = await view_of(ann, "r")
        for n in range(30):
            await bob.send("join" if n % 2 == 0 else "leave", room="r", presence=True)
            if n % 7 == 0:
                await bob.ask("ping")
                view = View(ann, "r", await ann.ok("presence", room="r"))
        await bob.ok("join", room="r", presence=True)
        while view.rev < 32:
            await view.step()
        assert sorted(view.members) == sorted([ann.id, bob.id])


# ---- policies ----

POLICIES = """
[room "on.*"]
presence = on
[room "off.*"]
presence = off
[room "few.*"]
presence_max = 3
"""


async def test_where_presence_is_on_every_member_is_seen_and_sees(start):
    gateway = start(config=POLICIES)
    async with connect(gateway) as ann, connect(gateway) as bob:
        await ann.ok("join", room="on.1")
        view = View(ann, "on.1", await ann.ok("presence", room="on.1"))
        await bob.ok("join", room="on.1")
        assert ids((await view.step())["joined"]) == [bob.id]


async def test_where_presence_is_off_nobody_is_seen(start):
    gateway = start(config=POLICIES)
    async with connect(gateway) as ann, connect(gateway) as bob:
        for client in (ann, bob):
            answer = await client.ok("join", room="off.1", presence=True)
            assert not answer.get("members")
        await ann.ok("publish", topic="room:off.1", event_type="t", payload=1)
        await bob.event()
        await bob.silent("presence", 0.2)
        await bob.refused("forbidden", "presence", room="off.1")


async def test_above_presence_max_lists_and_notices_only_count(start):
    gateway = start(config=POLICIES)
    async with connect(gateway) as ann, connect_many(gateway, 5) as others:
        view = await view_of(ann, "few.1")
        for client in others[:2]:
            await client.ok("join", room="few.1", presence=True)
        while view.count < 3:
            await view.step()
        rev = view.rev
        for n, client in enumerate(others[2:], 4):
            answer = await client.ok("join", room="few.1", presence=True)
            assert answer["count"] == n
            assert not answer.get("members")
            assert answer["rev"] == rev + n - 3
        while (notice := await ann.next("presence"))["count"] < 6:
            assert not notice.get("joined") and not notice.get("left")
        assert notice["rev"] == rev + 3
        asked = await ann.ok("presence", room="few.1")
        assert asked["count"] == 6 and not asked.get("members")
        for client in others[2:]:
            await client.ok("leave", room="few.1")
        asked = await ann.ok("presence", room="few.1")
        assert asked["count"] == 3 and len(asked["members"]) == 3
        assert asked["rev"] == rev + 6


# ---- the verb ----


async def test_presence_may_be_asked_for(gateway):
    async with connect(gateway, user="ann") as ann, connect(gateway) as bob:
        await ann.ok("join", room="r", presence=True, info="i")
        await bob.ok("join", room="r")
        for client in (ann, bob):
            answer = await client.ok("presence", room="r")
            assert answer["members"] == [{"client": ann.id, "user": "ann", "info": "i"}]
            assert (answer["count"], answer["users"]) == (1, 1)
            assert answer["rev"] >= 1


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "missing_field"),
        ({"room": 1}, "bad_frame"),
        ({"room": "a b"}, "bad_topic"),
        ({"room": ""}, "bad_topic"),
    ],
)
async def test_a_wrong_question_is_refused(gateway, fields, error):
    async with connect(gateway) as ann:
        await ann.refused(error, "presence", **fields)


async def test_presence_of_a_room_not_joined_is_allowed_in_open_mode(gateway):
    """Without keys everybody is granted everything, also to look into rooms from outside."""
    async with connect(gateway) as ann, connect(gateway) as bob:
        await ann.ok("join", room="r", presence=True)
        assert ids((await bob.ok("presence", room="r"))["members"]) == [ann.id]
        assert (await bob.ok("presence", room="empty"))["count"] == 0
