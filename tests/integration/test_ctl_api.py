"""roomcastctl's commands of the HTTP API, with answers that the test chooses."""

import asyncio
import json
import re

import pytest
from support.ctl import Ctl, ctl
from support.ctl_api import ask, ask_json, lines
from support.fakeapi import client, error, fake_api
from support.timing import eventually

NOWHERE = "http://127.0.0.1:1"
COMMANDS = {
    "rooms": [], "room": ["lobby"], "clients": [], "client": ["c0001"], "user": ["u1"], "nodes": [],
    "stats": [], "config": [], "kick": ["c0001"], "disconnect": ["room", "lobby"], "drain": ["aaaaaaaa"],
}


def row(table, first):
    return next(cells for cells in table if cells[0] == first)


# ---- wrong use: nothing is asked ----


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["rooms", "a", "b"], "the arguments of rooms are: [PREFIX|GLOB]"),
        (["rooms", "a b"], "a character that no room's name has"),
        (["rooms", "--limit", "0"], "--limit must be a whole number"),
        (["rooms", "--watch=0"], "--watch must be seconds"),
        (["rooms", "--watch=soon"], "--watch must be seconds"),
        (["room"], "the arguments of room are: NAME"),
        (["room", "a b"], "'a b' is no room"),
        (["room", ""], "'' is no room"),
        (["clients", "all"], "clients takes no arguments"),
        (["clients", "--node", "UPPER"], "'UPPER' is no node"),
        (["client"], "the arguments of client are: ID"),
        (["client", "a/b"], "'a/b' is no client"),
        (["user", "\x1b[2J"], "is no user"),
        (["nodes", "x"], "nodes takes no arguments"),
        (["stats", "x"], "stats takes no arguments"),
        (["config", "--watch"], "there is no option --watch here"),
        (["kick"], "the arguments of kick are: CLIENT"),
        (["kick", "c 1"], "'c 1' is no client"),
        (["kick", "c1", "--room", "a b"], "'a b' is no room"),
        (["disconnect", "c1"], "the arguments of disconnect are: client|user|room NAME"),
        (["disconnect", "everybody", "x"], "disconnect what? client, user or room"),
        (["disconnect", "user", "a b"], "'a b' is no user"),
        (["drain", "first"], "'first' is no node"),
        (["drain", "aaaaaaaa", "--wait=never"], "--wait must be seconds"),
        (["doctor", "x"], "doctor takes no arguments"),
        (["top", "x"], "top takes no arguments"),
        (["rooms", "--key", "a b"], "--key: the key is empty or holds a character"),
        (["rooms", "--key", "k", "--key-file", "f"], "either --key or --key-file"),
        (["rooms", "--key-file", "/does/not/exist"], "cannot read the key file"),
        (["publish", "room:x", "t", "{"], "the payload is not valid JSON"),
        (["publish", "x", "t", "1"], "'x': not a topic"),
    ],
)
async def test_wrong_use_is_said_and_nothing_is_asked(arguments, sentence):
    async with fake_api() as api:
        ended = await ask(api, *arguments)
        assert (ended.code, ended.out) == (2, ""), ended
        assert sentence in ended.err
        assert not api.seen


# ---- lists and objects ----


async def test_rooms_as_table_and_as_json():
    async with fake_api() as api:
        table = await lines(api, "rooms")
        assert table[0] == ["ROOM", "MEMBERS", "GATEWAYS"]
        assert table[1:] == [[r["name"], str(r["members"]), str(r["gateways"])] for r in api.rooms]
        assert await ask_json(api, "rooms") == api.rooms


async def test_a_beginning_is_a_prefix_and_a_star_makes_a_glob():
    async with fake_api() as api:
        assert [r["name"] for r in await ask_json(api, "rooms", "room0003")] == ["room0003"]
        api.answers["GET", "/v1/rooms"] = {"rooms": []}
        for glob in ("a*&b", "room?"):
            assert await ask_json(api, "rooms", glob) == []
        assert [query for _, _, query, *_ in api.seen] == [
            {"prefix": "room0003", "limit": "1000"},
            {"glob": "a*&b", "limit": "1000"},
            {"glob": "room?", "limit": "1000"},
        ]


async def test_all_pages_are_read_and_a_limit_is_kept():
    async with fake_api() as api:
        api.rooms = [{"name": f"r{n:05}", "members": 1, "gateways": 1} for n in range(2500)]
        assert await ask_json(api, "rooms") == api.rooms
        assert [q.get("after") for _, _, q, *_ in api.seen] == [None, "r00999", "r01999"]
        ended = await ask(api, "rooms", "--json", "--limit", "1200")
        assert ended.code == 0 and "only the first 1200 are shown" in ended.err
        assert json.loads(ended.out) == api.rooms[:1200]
        assert (await ask(api, "rooms", "--limit", "2500")).err == ""


@pytest.mark.parametrize("page", [[], [{"name": "a", "members": 1, "gateways": 1}]])
async def test_pages_that_do_not_end_are_given_up(page):
    async with fake_api() as api:
        turn = iter(range(1000000))
        api.answers["GET", "/v1/rooms"] = lambda q, b: {"rooms": page, "next": "a" if page else str(next(turn))}
        ended = await ask(api, "rooms")
        assert ended.code == 1 and "its list of rooms does not end" in ended.err


async def test_a_room_says_who_is_in_it_and_how_far_behind():
    async with fake_api() as api:
        table = await lines(api, "room", "lobby")
        assert table[0] == "room lobby: 5 members (4 visible, 3 users) on 3 gateways, rev 77".split()
        assert table[1][:7] == ["CLIENT", "USER", "NODE", "SEEN", "WAITING", "BYTES", "BEHIND"]
        assert row(table, "c0003")[1:7] == ["u3", "aaaaaaaa", "-", "3", "300", "3ms"]
        room = await ask_json(api, "room", "lobby")
        assert room == {"name": "lobby", "members": 5, "visible": 4, "users": 3, "rev": 77, "gateways": 3,
                        "clients": api.clients}


async def test_clients_of_all_and_of_one_node():
    async with fake_api() as api:
        assert [cells[0] for cells in await lines(api, "clients")] == ["CLIENT"] + [c["client"] for c in api.clients]
        assert await ask_json(api, "clients") == api.clients
        assert [c["client"] for c in await ask_json(api, "clients", "--node", "bbbbbbbb")] == ["c0001", "c0004"]


async def test_one_client_with_its_queue_counters_and_topics():
    async with fake_api() as api:
        text = (await ask(api, "client", "c0001")).out
        assert re.search(r"^topics +room:lobby, event:x$", text, re.M)
        assert re.search(r"^messages dropped +6$", text, re.M)
        assert (await ask_json(api, "client", "c0001"))["counters"]["errors"] == 7


async def test_the_connections_of_a_user():
    async with fake_api() as api:
        assert (await lines(api, "user", "u1"))[1][:2] == ["c0001", "u1"]
        assert (await ask_json(api, "user", "u1"))["clients"] == [api.clients[1]]


async def test_nodes_stats_and_config():
    async with fake_api() as api:
        table = await lines(api, "nodes")
        assert row(table, "aaaaaaaa")[1:5] == ["*", "ok", "yes", "30"]
        assert row(table, "bbbbbbbb")[1:4] == ["ok", "yes", "30"]
        assert [n["node"] for n in await ask_json(api, "nodes")] == ["aaaaaaaa", "bbbbbbbb", "cccccccc"]
        stats = await ask_json(api, "stats")
        table = await lines(api, "stats")
        assert int(row(table, "frames_received")[1]) == stats["totals"]["frames_received"] + 100
        assert row(table, "messages_dropped.slow") == ["messages_dropped.slow", "1"]
        assert row(await lines(api, "config"), "demo_page") == ["demo_page", "no"]
        assert (await ask_json(api, "config"))["max_rate"] == 100


async def test_silent_nodes_are_named_and_make_it_a_failure():
    async with fake_api() as api:
        api.unanswered = ["cccccccc"]
        for command in (["clients"], ["room", "lobby"], ["nodes"], ["nodes", "--json"]):
            ended = await ask(api, *command)
            assert ended.code == 1 and "aaaaaaaa" in ended.out
            assert "no answer from cccccccc" in ended.err


# ---- acts ----


async def test_acts_are_posted_and_told():
    async with fake_api() as api:
        for arguments, path, words in [
            (["kick", "c0001"], "/v1/clients/c0001/disconnect", "disconnected client c0001: 2 connections"),
            (["kick", "c0001", "--room", "lobby"], "/v1/rooms/lobby/kick", "kicked client c0001 out of room lobby: 1 connection"),
            (["disconnect", "client", "c0001"], "/v1/clients/c0001/disconnect", "disconnected client c0001"),
            (["disconnect", "user", "a@b;c"], "/v1/users/a@b;c/disconnect", "disconnected user a@b;c: 2 connections"),
            (["disconnect", "room", "r:1"], "/v1/rooms/r:1/disconnect", "disconnected room r:1"),
            (["drain", "bbbbbbbb"], "/v1/nodes/bbbbbbbb/drain", "node bbbbbbbb is draining"),
        ]:
            ended = await ask(api, *arguments)
            assert (ended.code, ended.err) == (0, "")
            assert words in ended.out
            method, asked, _, headers, body = api.seen[-1]
            assert (method, asked, headers["content-type"]) == ("POST", path, "application/json")
            assert json.loads(body) == ({"client": "c0001"} if path.endswith("kick") else {})
            assert (await ask(api, *arguments, "--json")).lines[0]


async def test_nobody_there_is_a_failure():
    async with fake_api() as api:
        gone = error(404, "gone", "no such client; it has disconnected")
        for path in ("clients/c9", "users/c9", "rooms/c9"):
            api.answers["POST", f"/v1/{path}/disconnect"] = gone if "clients" in path else {"disconnected": 0}
        for arguments, words in [
            (["kick", "c9"], "no client c9 is connected"),
            (["kick", "c9", "--room", "lobby"], "client c9 is not in room lobby"),
            (["disconnect", "user", "c9"], "no user c9 is connected"),
            (["disconnect", "room", "c9"], "nobody is in room c9"),
            (["client", "c9"], "no client c9 is connected"),
            (["user", "c9"], "no user c9 is connected"),
            (["room", "c9"], "nobody is in room c9"),
        ]:
            ended = await ask(api, *arguments)
            assert (ended.code, ended.out) == (1, ""), ended
            assert words in ended.err
        api.answers["POST", "/v1/nodes/dddddddd/drain"] = gone
        assert "there is no node dddddddd" in (await ask(api, "drain", "dddddddd")).err


async def test_drain_waits_until_the_node_is_gone():
    async with fake_api() as api:
        c = await Ctl.start("drain", "bbbbbbbb", "--wait", "--endpoint", api.url)
        await c.says("is draining")
        await eventually(lambda: len(api.paths()) >= 3)
        assert c.process.returncode is None
        api.nodes, api.unanswered = [n for n in api.nodes if n["node"] != "bbbbbbbb"], ["bbbbbbbb"]
        asked = len(api.paths())
        await eventually(lambda: len(api.paths()) >= asked + 2)
        assert c.process.returncode is None  # it is there, and silent
        api.unanswered = []
        ended = await c.end()
        assert (ended.code, ended.out) == (0, "node bbbbbbbb is draining\nnode bbbbbbbb is gone\n")


async def test_drain_does_not_wait_for_ever():
    async with fake_api() as api:
        ended = await ask(api, "drain", "bbbbbbbb", "--wait=1")
        assert ended.code == 1 and "still there after 1 s" in ended.err


async def test_the_end_of_the_node_that_is_asked_is_the_end_of_the_wait():
    async with fake_api() as api:
        c = await Ctl.start("drain", "aaaaaaaa", "--wait", "--endpoint", api.url)
        await c.says("is draining")
        api.server.close()
        api.answers["GET", "/v1/nodes"] = asyncio.Event()
        api.answers["GET", "/v1/nodes"].set()  # connections end without an answer
        ended = await c.end()
        assert ended.code == 0 and ended.out.endswith("node aaaaaaaa is gone\n"), ended


# ---- publish over HTTP ----


async def test_publish_goes_over_http_when_an_endpoint_is_given():
    async with fake_api() as api:
        api.key = "secret"
        sent = ["publish", "room:x", "t", '{"a":1.0}', "--priority", "low", "--once", "k1"]
        ended = await ask(api, *sent, "--key", "secret")
        assert (ended.code, ended.out) == (0, "published to room:x\n"), ended
        body = json.loads(api.seen[0][4])
        assert body == {"topic": "room:x", "event_type": "t", "priority": "low", "key": "k1", "payload": {"a": 1.0}}
        assert b'{"a":1.0}' in api.seen[0][4]
        answer = await ask(api, *sent, "--key", "secret", "--json")
        assert answer.lines[0]["receivers"] == 9
        assert (await ask(api, *sent, "--key", "other")).code == 1
        # before the command it is the endpoint's too
        first = await ctl("--endpoint", api.url, "--key=secret", *sent)
        assert first.code == 0, first


async def test_publish_that_may_have_been_sent_says_so():
    async with fake_api() as api:
        api.answers["POST", "/v1/publish"] = error(504, "uncertain", "it may have been sent")
        ended = await ask(api, "publish", "room:x", "t", "1")
        assert ended.code == 1 and "uncertain: it may have been sent" in ended.err
        assert "may have been sent (repeat it" in ended.err
        api.answers["POST", "/v1/publish"] = error(400, "bad_payload", "no")
        assert "repeat it" not in (await ask(api, "publish", "room:x", "t", "1")).err


# ---- what goes wrong ----


@pytest.mark.parametrize("command", COMMANDS)
async def test_an_endpoint_where_nobody_listens(command):
    ended = await ask(NOWHERE, command, *COMMANDS[command])
    assert (ended.code, ended.out) == (1, "")
    assert "is a gateway running there? --endpoint names" in ended.err


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_refused_key_says_where_keys_come_from(command):
    async with fake_api() as api:
        api.key = "right"
        ended = await ask(api, command, *COMMANDS[command], "--key=wrong")
        assert (ended.code, ended.out) == (1, "")
        assert "not_authenticated: no valid key (give a key: --key-file" in ended.err
        assert "wrong" not in ended.err
        assert (await ask(api, command, *COMMANDS[command], "--key=right")).code == 0


@pytest.mark.parametrize(
    "answer, words",
    [
        ((200, b"<html>"), "no JSON object: not a gateway?"),
        ((200, b""), "no JSON object"),
        ((200, b"[]"), "no JSON object"),
        ((200, b'{"rooms":[' + b"[" * 100 + b"]" * 100 + b"]}"), "no JSON object"),
        ((200, {}), "has no list of rooms"),
        ((200, {"rooms": 1}), "has no list of rooms"),
        ((500, b"oops"), "answers with HTTP status 500"),
        ((403, b""), "HTTP status 403 (is the key's scope enough?"),
        (error(503, "overloaded", "later\x1b[2J"), "overloaded: later\\x1b[2J"),
        ((404, b"nothing"), "HTTP status 404 (is this a gateway's admin_listen"),
        ((302, b""), "HTTP status 302"),
    ],
)
async def test_answers_that_are_none(answer, words):
    async with fake_api() as api:
        api.answers["GET", "/v1/rooms"] = answer
        ended = await ask(api, "rooms")
        assert (ended.code, ended.out) == (1, ""), ended
        assert words in ended.err


async def test_an_answer_that_does_not_come_is_not_waited_for():
    async with fake_api() as api:
        api.answers["GET", "/v1/rooms"] = asyncio.Event()
        ended = await ask(api, "rooms", "--timeout", "0.3")
        assert ended.code == 1 and "no answer in time" in ended.err
        api.answers["GET", "/v1/rooms"].set()


async def test_an_interrupt_ends_the_wait():
    async with fake_api() as api:
        api.answers["GET", "/v1/rooms"] = asyncio.Event()
        c = await Ctl.start("rooms", "--endpoint", api.url)
        await eventually(lambda: api.seen)
        c.process.terminate()
        ended = await c.end()
        assert ended.code == 1 and "interrupted" in ended.err
        api.answers["GET", "/v1/rooms"].set()


async def test_nothing_of_the_cluster_steers_the_terminal():
    async with fake_api() as api:
        api.clients = [client(1, info={"name": "\x1b]0;x\x07\u202e\x9b"}, address="\x1b[2J")]
        for arguments in (["clients"], ["room", "lobby"], ["clients", "--json"], ["room", "lobby", "--json"]):
            out = (await ask(api, *arguments)).out
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", out), out
        assert "\\x1b[2J" in (await ask(api, "clients")).out
        assert "\u202e" not in (await ask(api, "room", "lobby")).out


async def test_output_that_cannot_be_written_is_a_failure():
    async with fake_api() as api:
        for more in ([], ["--json"], ["--watch=1"]):
            with open("/dev/full", "wb") as full:
                c = await Ctl.start("rooms", *more, "--endpoint", api.url, stdout=full)
                ended = await c.end()
            assert ended.code == 1 and "cannot write to standard output" in ended.err
