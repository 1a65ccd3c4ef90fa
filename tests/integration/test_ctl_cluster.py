"""roomcastctl against three gateways on one Redis: what an operator asks and does."""

import asyncio
import json
import re
import shutil
import signal

import pytest
from support.cluster import crowd, kill
from support.ctl import Ctl
from support.ctl_api import ask, ask_json, lines
from support.timing import eventually
from support.wsclient import connect
from test_ctl_top import Screen


def url(gateway):
    host, port = gateway.admin
    return f"http://{host}:{port}"


async def node_of(gateway):
    return next(n["node"] for n in await ask_json(url(gateway), "nodes") if n["self"])


async def test_who_is_in_a_room_on_which_gateway_and_how_far_behind(cluster):
    gateways = await cluster(3)
    async with crowd(gateways, 4, user="ann") as rows:
        clients = [c for row in rows for c in row]
        await asyncio.gather(*(c.ok("join", room="lobby", presence=True) for c in clients))
        await asyncio.gather(*(c.ok("join", room=f"side{i}") for i, c in enumerate(clients)))
        nodes = [await node_of(g) for g in gateways]
        for g in gateways:
            room = await ask_json(url(g), "room", "lobby")
            assert (room["name"], room["members"], room["users"], room["gateways"]) == ("lobby", 12, 1, 3)
            assert {c["client"]: c["node"] for c in room["clients"]} == {
                c.id: node for row, node in zip(rows, nodes) for c in row}
            assert all("bytes" in c["queue"] for c in room["clients"])
        table = await lines(url(gateways[0]), "room", "lobby")
        assert table[0][:5] == ["room", "lobby:", "12", "members", "(12"]
        assert {cells[0] for cells in table[2:]} == {c.id for c in clients}
        rooms = await ask_json(url(gateways[1]), "rooms")
        assert {r["name"]: (r["members"], r["gateways"]) for r in rooms} == {
            "lobby": (12, 3), **{f"side{i}": (1, 1) for i in range(12)}}
        assert [r["name"] for r in await ask_json(url(gateways[1]), "rooms", "side1")] == ["side1", "side10", "side11"]
        assert [r["name"] for r in await ask_json(url(gateways[1]), "rooms", "*e11")] == ["side11"]
        assert len(await ask_json(url(gateways[2]), "rooms", "--limit=5")) == 5


async def test_clients_users_and_one_client_of_another_gateway(cluster):
    gateways = await cluster(3)
    async with connect(gateways[0], user="ann") as ann, connect(gateways[1], user="ann") as again, \
            connect(gateways[2]) as nobody:
        await ann.ok("join", room="lobby")
        here = url(gateways[2])
        found = {c["client"]: c for c in await ask_json(here, "clients")}
        assert set(found) == {ann.id, again.id, nobody.id}
        node = await node_of(gateways[0])
        assert [c["client"] for c in await ask_json(here, "clients", "--node", node)] == [ann.id]
        assert {c["client"] for c in (await ask_json(here, "user", "ann"))["clients"]} == {ann.id, again.id}
        one = await ask_json(here, "client", ann.id)
        assert (one["user"], one["node"]) == ("ann", node)
        assert "room:lobby" in one["topics"] and one["counters"]["frames_received"] >= 1
        assert (await ask(here, "client", ann.id)).code == 0
        assert (await ask(here, "client", "nobody-like-this")).code == 1
        assert "no user carl is connected" in (await ask(here, "user", "carl")).err
        assert "nobody is in room empty" in (await ask(here, "room", "empty")).err


async def test_nodes_stats_config_and_doctor(cluster):
    gateways = await cluster(3)
    nodes = await ask_json(url(gateways[0]), "nodes")
    assert len({n["node"] for n in nodes}) == 3 and sum(n["self"] for n in nodes) == 1
    assert all(n["ready"] and n["tier"] == {"name": "redis", "up": True} for n in nodes)
    assert (await ask_json(url(gateways[0]), "stats"))["nodes"] == 3
    assert (await ask(url(gateways[0]), "stats")).code == 0
    options = await ask_json(url(gateways[0]), "config")
    assert options["tier"] == "redis" and options["lease_ms"] == 2000
    checks = {(f["check"], f["level"]) for f in await ask_json(url(gateways[0]), "doctor")}
    assert {("readiness", "ok"), ("fan-out tier", "ok"), ("versions", "ok"), ("clocks", "ok")} <= checks


async def test_publish_over_http_reaches_every_gateway(cluster):
    gateways = await cluster(3)
    async with crowd(gateways, 1) as rows:
        for [c] in rows:
            await c.ok("join", room="r")
        ended = await ask(url(gateways[0]), "publish", "room:r", "t", '{"a":1}', "--json")
        assert ended.lines[0]["receivers"] == 3
        for [c] in rows:
            assert (await c.next("event"))["payload"] == {"a": 1}
        assert (await ask(url(gateways[0]), "publish", "room:r", "t", "1", "--once", "k")).code == 0
        again = await ask(url(gateways[1]), "publish", "room:r", "t", "1", "--once", "k")
        assert again.code == 0 and "already before" in again.out


async def test_kick_out_of_a_room_and_altogether(cluster):
    gateways = await cluster(3)
    async with connect(gateways[0]) as c, connect(gateways[1]) as stays:
        for client in (c, stays):
            await client.ok("join", room="r", presence=True)
        there = url(gateways[2])
        assert (await ask(there, "kick", c.id, "--room", "r")).code == 0
        left = await c.next("left")
        assert (left["room"], left["reason"]) == ("r", "kicked")
        assert (await ask(there, "kick", c.id, "--room", "r")).code == 1
        await c.ok("join", room="r")
        assert (await ask(there, "kick", c.id)).code == 0
        assert await c.closed() == 4003
        await eventually(lambda: gone(there, c.id))
        assert (await ask(there, "kick", c.id)).code == 1
        assert [m["client"] for m in (await ask_json(there, "room", "r"))["clients"]] == [stays.id]


async def gone(there, name):
    return (await ask(there, "client", name)).code == 1


@pytest.mark.parametrize("kind, name", [("user", "ann"), ("room", "r")])
async def test_disconnect_everywhere(cluster, kind, name):
    gateways = await cluster(3)
    async with crowd(gateways, 2, user="ann") as rows, connect(gateways[0]) as bystander:
        clients = [c for row in rows for c in row]
        for c in clients:
            await c.ok("join", room="r")
        ended = await ask_json(url(gateways[1]), "disconnect", kind, name)
        assert ended == {"disconnected": 6}
        for c in clients:
            assert await c.closed() == 4003
        assert (await bystander.ask("ping"))["type"] == "pong"


async def test_drain_and_wait_for_another_gateway_and_for_the_one_asked(cluster):
    gateways = await cluster(3)
    for g, asked in ((gateways[0], gateways[1]), (gateways[1], gateways[1])):
        node = await node_of(g)
        g.ending = True
        ended = await ask(url(asked), "drain", node, "--wait=20")
        assert ended.code == 0 and f"node {node} is gone" in ended.out, ended
        assert g.wait() == 0
    assert len(await ask_json(url(gateways[2]), "nodes")) == 1


async def test_a_gateway_that_is_silent_is_named(cluster):
    gateways = await cluster(3, lease_ms=10000, redis_timeout_ms=500)
    node = await node_of(gateways[2])
    async with connect(gateways[0]) as c:
        gateways[2].process.send_signal(signal.SIGSTOP)
        try:
            ended = await ask(url(gateways[0]), "clients", "--json")
            assert ended.code == 1 and f"no answer from {node}" in ended.err
            assert [x["client"] for x in json.loads(ended.out)] == [c.id]
            assert (await ask(url(gateways[0]), "doctor")).code == 1
        finally:
            gateways[2].process.send_signal(signal.SIGCONT)


async def test_keys_and_their_scopes(cluster, tmp_path):
    keys = tmp_path / "keys"
    secret = {scope: scope + "-0123456789abcdef" for scope in ("read", "admin")}
    keys.write_text("".join(f"{scope} {scope} {text}\n" for scope, text in secret.items()))
    keys.chmod(0o600)
    [gateway] = await cluster(1, api_keys_file=keys)
    assert "not_authenticated" in (await ask(url(gateway), "rooms")).err
    assert (await ask(url(gateway), "rooms", "--key", secret["read"])).code == 0
    refused = await ask(url(gateway), "config", "--key", secret["read"])
    assert refused.code == 1 and "scope" in refused.err
    assert (await ask(url(gateway), "config", "--key", secret["admin"])).code == 0
    assert (await ask(url(gateway), "publish", "all", "t", "1", "--key", secret["admin"])).code == 0


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
async def test_top_shows_a_real_cluster(cluster, tmp_path):
    gateways = await cluster(3)
    async with crowd(gateways, 3) as rows:
        for row in rows:
            for c in row:
                await c.ok("join", room="busy")
        with Screen(tmp_path, url(gateways[0])) as screen:
            await screen.shows("^nodes 3  clients 9 ")
            await screen.shows("^busy +9 +3")
            await screen.shows(f"^{rows[0][0].id[:8]}")
            for _ in range(30):
                await rows[0][0].ok("publish", topic="room:busy", event_type="t", payload=1)
                await asyncio.sleep(0.05)
            await screen.shows(r"published [1-9]\d*  sent [1-9]")
            kill(gateways[2])
            await screen.shows("^nodes 2", timeout=15)
            screen.type("q")
            await screen.shows("^ended with 0")


async def test_watch_follows_the_cluster(cluster):
    gateways = await cluster(3)
    c = await Ctl.start("rooms", "--json", "--watch=0.2", "--endpoint", url(gateways[0]))
    await c.says("[]")
    async with connect(gateways[1]) as client:
        await client.ok("join", room="new")
        await c.says('"new"')
    c.process.terminate()
    ended = await c.end()
    assert ended.code == 0 and re.search(r"^\[\]$", ended.out, re.M)
