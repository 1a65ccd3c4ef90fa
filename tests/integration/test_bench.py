"""roomcast-bench: what it measures, and that nothing a server does wrong escapes it."""

import asyncio
import json
import shutil
import ssl
import subprocess
from contextlib import asynccontextmanager

import pytest
import websockets
from support.process import PROGRAM, environment
from support.timing import BUILD, seconds
from support.wsclient import SUBPROTOCOL, url_of

BENCH = BUILD / "roomcast-bench"
SMALL = ["--subscribers=20", "--rooms=2", "--publishers=2", "--warm-up=0.1", "--duration=0.4"]
OPEN = {"max_rate": 1000000, "queue_messages": 100000, "queue_bytes": "64M"}


async def run(*arguments):
    """Exit code, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        str(BENCH), *arguments, env=environment(), stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), seconds(40))
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, out.decode(), err.decode()


async def report(*arguments, code=0):
    got, out, err = await run(*arguments, "--json")
    assert got == code, (got, out, err)
    found = json.loads(out)
    assert found["ok"] == (code == 0)
    return found


async def measure(url, *arguments, code=0):
    return (await report(f"--endpoint={url}", *arguments, code=code))["servers"]["roomcast"]["result"]


# ---- against the gateway ----


async def test_every_delivery_of_a_gateway_is_accounted_for(start):
    g = start(**OPEN)
    r = await measure(url_of(g), *SMALL, "--window=4", f"--server-pid={g.pid}")
    assert r["connected"] == 22 and r["connects_failed"] == 0
    assert r["published"] > 10
    assert r["received"] == r["expected"] == r["published"] * 10
    assert 0 < r["latency_p50_us"] <= r["latency_p99_us"] <= r["latency_max_us"]
    assert 128 + 60 < r["frame_bytes"] < 128 + 300
    assert r["cpu_us_per_delivery"] > 0 and r["connect_cpu_us"] > 0 and r["rss_mib"] > 0


async def test_long_payloads_arrive_in_fragments_and_count_once(start):
    g = start(**OPEN)
    r = await measure(url_of(g), *SMALL, "--size=100000")
    assert r["received"] == r["expected"] > 0
    assert 100000 < r["frame_bytes"] < 101000


async def test_a_fixed_rate_is_kept(start):
    g = start(**OPEN)
    r = await measure(url_of(g), *SMALL, "--rate=200", "--duration=1")
    assert 180 < r["messages_per_s"] < 220
    assert r["unsent"] == 0


async def test_presence_is_no_error(start):
    g = start(**OPEN)
    r = await measure(url_of(g), *SMALL, "--presence")
    assert r["errors"] == 0 and r["received"] == r["expected"] > 0


async def test_several_endpoints_share_the_connections(start):
    g, other = start(**OPEN), start(**OPEN)
    arguments = ["--subscribers=9", "--rooms=3", "--publishers=0"]
    r = await measure(f"{url_of(g)},{url_of(other)}", *arguments)
    assert r["connected"] == 9
    accepted = [(await one.metrics())("connections_opened_total") for one in (g, other)]
    assert sorted(accepted) == [4, 5]


async def test_the_bench_starts_a_gateway_and_compares_it_with_the_floor():
    found = await report(f"--gateway={PROGRAM}", "--floor", *SMALL, "--repeat=2")
    servers = found["servers"]
    assert set(servers) == {"roomcast", "floor_each", "floor_coalesced"}
    assert all(len(s["runs"]) == 2 for s in servers.values())
    lengths = [s["result"]["frame_bytes"] for s in servers.values()]
    assert max(lengths) - min(lengths) < 1
    for ratios in found["ratios"].values():
        assert ratios["cpu_us_per_delivery"] > 0


async def test_a_gateway_that_does_not_start_is_said_why():
    code, out, err = await run(f"--gateway={PROGRAM}", "--gateway-arg=--no-such-option=1", *SMALL)
    assert code == 1 and "no-such-option" in err.replace("_", "-") and out == ""


async def test_a_refused_publish_is_an_error(start):
    g = start(max_rate=1)
    r = await measure(url_of(g), *SMALL, "--rate=100", "--duration=1", code=1)
    assert r["errors"] > 0 or r["closed"] > 0


# ---- the floor alone ----


@pytest.mark.parametrize("way", ["each", "coalesced"])
async def test_the_floor_delivers_everything(way):
    found = await report(f"--floor={way}", *SMALL, "--window=8")
    r = found["servers"][f"floor_{way}"]["result"]
    assert r["received"] == r["expected"] > 0
    assert r["frame_bytes"] == 128 + 4
    assert r["cpu_us_per_delivery"] > 0


async def test_the_floor_takes_long_payloads():
    found = await report("--floor=each", *SMALL, "--size=200000")
    r = found["servers"]["floor_each"]["result"]
    assert r["received"] == r["expected"] > 0 and r["frame_bytes"] == 200000 + 10


# ---- servers that do wrong ----


class Liar:
    """A server of the protocol that does something wrong to the first member of each room.

    `fault(liar, room, events)` gives the frames that this member gets for the last of the room's events.
    """

    def __init__(self, fault=None, silent=False):
        self.fault, self.silent = fault, silent
        self.rooms, self.events = {}, {}

    async def serve(self, ws):
        if not self.silent:
            await ws.send(json.dumps({"type": "welcome", "client": "c"}))
        try:
            await self.talk(ws)
        finally:
            for members in self.rooms.values():
                if ws in members:
                    members.remove(ws)

    async def talk(self, ws):
        async for text in ws:
            frame = json.loads(text)
            if frame["type"] == "join":
                self.rooms.setdefault(frame["room"], []).append(ws)
                await ws.send(json.dumps({"type": "ack", "id": frame["id"]}))
            elif frame["type"] == "publish":
                await self.publish(frame["topic"].removeprefix("room:"), {**frame, "type": "event"})

    async def publish(self, room, frame):
        events = self.events.setdefault(room, [None])
        events.append(json.dumps(frame))
        first, *others = self.rooms[room]
        for member in others:
            await member.send(events[-1])
        for text in self.fault(self, room, events) if self.fault else events[-1:]:
            await first.send(text)


def at_20(frames):
    """A fault in place of the 20th event of each room: `frames` makes it from that event."""
    return lambda _, room, events: frames(events[-1]) if len(events) == 21 else events[-1:]


def swap(_, room, events):
    return {21: [], 22: [events[-1], events[-2]]}.get(len(events), events[-1:])


def misroute(liar, room, events):
    strange = liar.events.get("bench.0")
    return [strange[-1], events[-1]] if room == "bench.1" and len(events) == 21 else events[-1:]


drop = at_20(lambda text: [])
FAULTY = {
    "lost": drop,
    "duplicated": at_20(lambda text: [text, text]),
    "reordered": swap,
    "misrouted": misroute,
    "gaps": at_20(lambda text: ['{"type":"gap","topics":"*","reason":"slow"}', text]),
    "errors": at_20(lambda text: ['{"type":"error","name":"internal"}', "not JSON", text]),
}


@asynccontextmanager
async def lying(fault=None, silent=False, context=None):
    liar = Liar(fault, silent)
    server = await websockets.serve(
        liar.serve, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL], compression=None, close_timeout=1, ssl=context,
    )
    async with server:
        host, port = next(iter(server.sockets)).getsockname()[:2]
        yield f"{'ws' if context is None else 'wss'}://{host}:{port}/v1/ws"


FAULTS = {"lost", "duplicated", "reordered", "misrouted", "gaps", "errors", "closed", "connects_failed"}


@pytest.mark.parametrize("counted", FAULTY)
async def test_what_a_server_does_wrong_is_counted_as_that_and_nothing_else(counted):
    async with lying(FAULTY[counted]) as url:
        r = await measure(url, *SMALL, "--rate=200", code=1)
    assert {name for name in FAULTS if r[name] != 0} == {counted}
    assert 1 <= r[counted] <= 4


async def test_a_loss_does_not_stop_a_closed_loop():
    async with lying(drop) as url:
        r = await measure(url, *SMALL, "--window=2", "--duration=1", code=1)
    assert r["lost"] == 2 and r["published"] > 60


async def test_a_server_that_does_nothing_wrong_is_fine():
    async with lying() as url:
        r = await measure(url, *SMALL)
        assert r["received"] == r["expected"] > 0


async def test_a_message_in_fragments_is_one_message():
    async with lying(at_20(lambda text: [[text[:3], text[3:90], "", text[90:]]])) as url:
        r = await measure(url, *SMALL, "--size=5000")
        assert r["received"] == r["expected"] > 200


async def test_a_server_that_cuts_a_connection_is_noticed():
    async def serve(ws):
        await ws.send('{"type":"welcome"}')
        await ws.recv()
        await ws.send('{"type":"ack","id":1}')
        await asyncio.sleep(0.2)
        await ws.close(4009, "too slow")

    async with websockets.serve(serve, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL]) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        code, out, err = await run(
            f"--endpoint=ws://127.0.0.1:{port}", "--subscribers=3", "--publishers=0", "--idle=1"
        )
    assert code == 1 and "NOT OK" in out and "4009 too slow" in err


async def test_a_server_without_a_welcome_is_given_up():
    async with lying(silent=True) as url:
        code, out, err = await run(f"--endpoint={url}", *SMALL, "--timeout=0.5")
    assert code == 1 and "no welcome within 0.5 s" in err and "connects failed" in out


async def test_nobody_there_is_said():
    code, _, err = await run("--endpoint=ws://127.0.0.1:1", *SMALL)
    assert code == 1 and "Connection refused" in err


async def test_certificates_are_checked_unless_told_otherwise(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl program to make a certificate")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", key, "-out", certificate, "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with lying(context=context) as url:
        code, _, err = await run(f"--endpoint={url}", *SMALL)
        assert code == 1 and "TLS: self-signed certificate" in err
        for trust in ("--insecure", f"--cafile={certificate}"):
            r = await measure(url, *SMALL, trust, "--size=20000")
            assert r["received"] == r["expected"] > 0
        other_name = url.replace("127.0.0.1", "localhost")
        code, _, err = await run(f"--endpoint={other_name}", *SMALL, f"--cafile={certificate}")
        assert code == 1 and "TLS: hostname mismatch" in err


async def test_latency_counts_from_when_a_message_was_due():
    """A server that stalls for half of the time makes half of the messages late, not one."""

    async def serve(ws):
        nonlocal stall
        await ws.send('{"type":"welcome"}')
        async for text in ws:
            if "join" in text:
                members.append(ws)
                await ws.send('{"type":"ack","id":1}')
                continue
            if stall and len(seen) == 10:
                stall = False
                await asyncio.sleep(1)
            seen.append(text)
            for member in members:
                await member.send(text.replace('"publish"', '"event"'))

    stall, members, seen = True, [], []
    async with websockets.serve(serve, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL]) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        r = await measure(
            f"ws://127.0.0.1:{port}", "--subscribers=1", "--rate=100", "--warm-up=0", "--duration=2"
        )
    assert r["latency_max_us"] > 900_000
    assert r["latency_p90_us"] > 400_000  # messages that waited their turn while nothing was read
    assert r["published"] == 200


# ---- the command line ----


@pytest.mark.parametrize(
    "arguments",
    [["--no-such"], ["--size=1"], ["--size"], ["--window=x"], ["--rate=-1"], ["--scene=no-such"], ["--floor=some"],
     ["word"], ["--endpoint=http://127.0.0.1"], ["--subscribers=1", "--rooms=2"], ["--server-pid=0"],
     ["--gateway=a", "--endpoint=ws://b"], ["--json=yes"], ["--subscribers=900000"]],
)
async def test_a_wrong_command_line_is_refused_with_a_sentence(arguments):
    code, out, err = await run(*arguments)
    assert code == 2 and out == ""
    assert err.startswith("roomcast-bench: ") and err.count("\n") == 1


async def test_help_and_scenes():
    code, out, err = await run("--help")
    assert code == 0 and err == ""
    for word in ("--endpoint", "--[no-]spin", "one-room-window", "rate20k", "µs", "Exit code"):
        assert word in out
    code, scenes, _ = await run("--list-scenes")
    assert code == 0 and scenes in out


async def test_a_scene_is_overridden_by_single_options():
    found = await report("--floor=each", "--scene=many-rooms", *SMALL, "--window=3")
    assert found["scene"] == "many-rooms"
    assert found["settings"]["subscribers"] == 20 and found["settings"]["window"] == 3
    assert found["settings"]["size_bytes"] == 128
