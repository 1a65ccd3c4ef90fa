"""roomcastctl top on a real terminal, which is tmux's: what stands on the screen."""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess

import pytest
from support.ctl import PROGRAM
from support.fakeapi import client, error, fake_api, node
from support.process import environment
from support.timing import SANITIZED, eventually, seconds

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Screen:
    """One tmux server with one window, in which top runs; then a shell says its exit code."""

    def __init__(self, directory, url, size=(80, 24), term=None):
        self.directory, self.url, self.size, self.term = directory, url, size, term

    def tmux(self, *arguments):
        command = ["tmux", "-S", str(self.directory / "tmux"), "-f", "/dev/null", *arguments]
        env = environment({"LC_ALL": "C.UTF-8"})
        return subprocess.run(command, env=env, check=True, capture_output=True, timeout=seconds(10)).stdout.decode()

    def __enter__(self):
        term = f"TERM={self.term} " if self.term else ""
        shell = f"{term}{PROGRAM} top --endpoint={self.url}; echo ended with $?; echo echoes $(stty -a | grep -c ' echo '); sleep 60"
        width, height = map(str, self.size)
        self.tmux("new-session", "-d", "-x", width, "-y", height, shell)
        return self

    def __exit__(self, *_):
        with contextlib.suppress(subprocess.SubprocessError):
            self.tmux("kill-server")

    @property
    def lines(self):
        return self.tmux("capture-pane", "-p").split("\n")[: self.size[1]]

    @property
    def text(self):
        return "\n".join(self.lines)

    def type(self, keys):
        self.tmux("send-keys", keys)

    def resize(self, width, height):
        self.size = (width, height)
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    async def shows(self, pattern, timeout=10):
        found = []

        def shown():
            text = self.text
            found[:] = [text, re.search(pattern, text, re.M)]
            return found[1]

        try:
            return await eventually(shown, timeout)
        except AssertionError:
            raise AssertionError(f"{pattern!r} is not shown:\n{found[0]}") from None

    async def process(self):
        shell = self.tmux("list-panes", "-F", "#{pane_pid}").strip()
        children = await eventually(lambda: children_of(shell))
        return int(children[0])


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return f.read().split()


async def test_it_shows_totals_rates_nodes_rooms_and_clients(tmp_path):
    async with fake_api() as api:
        with Screen(tmp_path, api.url) as screen:
            await screen.shows(r"per second:  in [1-9]")
            text = screen.text
            assert re.search(r"^roomcast \d\d:\d\d:\d\d  " + api.url, text, re.M)
            assert re.search(r"^nodes 3  clients 90  rooms on nodes 12$", text, re.M)
            # each of three nodes counts 100 frames and 200 messages between two looks, about a second apart
            received, sent = map(int, re.search(r"in (\d+) .*sent (\d+)", text).groups())
            assert 60 <= received <= 330 and abs(sent - 2 * received) <= 2
            assert re.search(r"^aaaaaaaa +\* +ok +yes +30 +2\.0K", text, re.M)
            # the busiest room and the slowest client come first
            assert text.index("room0004") < text.index("room0003")
            assert text.index("c0004") < text.index("c0003")
            assert len(screen.lines) == 24 and max(map(len, screen.lines)) <= 80
            asked = len(api.seen)
            await eventually(lambda: len(api.seen) >= asked + 8)


async def test_what_changes_is_shown(tmp_path):
    async with fake_api() as api:
        with Screen(tmp_path, api.url) as screen:
            await screen.shows("room0004")
            api.rooms.append({"name": "zoo", "members": 99, "gateways": 3})
            api.clients = [client(n) for n in range(300)]
            await screen.shows("^zoo +99 +3")
            await screen.shows("^c0299 ")


async def test_keys_sort_pause_help_and_quit(tmp_path):
    async with fake_api() as api:
        api.clients = [client(1, round_trip_us=900000), client(2, queue={"messages": 9, "bytes": 900, "oldest_ms": 1}),
                       client(3, queue={"messages": 1, "bytes": 1, "oldest_ms": 9000})]
        with Screen(tmp_path, api.url) as screen:
            for order, slowest in [("bytes waiting", 2), ("age of what waits", 3), ("round trip", 1)]:
                await screen.shows(f"slowest clients, by {order}\nCLIENT.*\nc000{slowest}")
                screen.type("s")
            screen.type("?")
            await screen.shows("^  p +pause, go on")
            screen.type("x")
            await screen.shows("^NODE ")
            screen.type("p")
            await screen.shows("PAUSED")
            await asyncio.sleep(0.3)  # a round that was under way
            asked = len(api.seen)
            await asyncio.sleep(1.5)
            assert len(api.seen) == asked
            screen.type("p")
            await eventually(lambda: len(api.seen) > asked)
            assert "PAUSED" not in screen.text
            screen.type("q")
            await screen.shows("^ended with 0")


@pytest.mark.parametrize("signal", ["INT", "TERM"])
async def test_a_signal_ends_it_and_the_terminal_is_as_before(tmp_path, signal):
    async with fake_api() as api:
        with Screen(tmp_path, api.url) as screen:
            await screen.shows("room0004")
            subprocess.run(["kill", f"-{signal}", str(await screen.process())], check=True)
            await screen.shows("^ended with 0")
            await screen.shows("^echoes 1")


async def test_it_says_when_the_endpoint_goes_and_goes_on_when_it_is_back(tmp_path):
    async with fake_api() as api:
        port = api.server.sockets[0].getsockname()[1]
        with Screen(tmp_path, api.url) as screen:
            await screen.shows("room0004")
            api.server.close()
            for path in ("stats", "nodes", "rooms", "clients"):
                api.answers["GET", f"/v1/{path}"] = asyncio.Event()
                api.answers["GET", f"/v1/{path}"].set()  # open connections end
            await screen.shows("^trying again: .*connect")
            assert "room0004" in screen.text  # the last that was known
            async with fake_api(port=port) as back:
                back.rooms = [{"name": "again", "members": 1, "gateways": 1}]
                await screen.shows("^again")
                assert "trying again" not in screen.text


async def test_a_refusal_is_shown(tmp_path):
    async with fake_api() as api:
        api.key = "secret"
        with Screen(tmp_path, api.url) as screen:
            await screen.shows("^trying again: not_authenticated: no valid key")


async def test_silent_nodes_are_named(tmp_path):
    async with fake_api() as api:
        api.unanswered = ["cccccccc"]
        with Screen(tmp_path, api.url) as screen:
            await screen.shows("^no answer from cccccccc")


async def test_part_of_it_may_fail(tmp_path):
    async with fake_api() as api:
        api.answers["GET", "/v1/clients"] = error(403, "forbidden", "not with this key")
        with Screen(tmp_path, api.url) as screen:
            await screen.shows("^trying again: forbidden: not with this key")
            await screen.shows("room0004")


async def test_it_follows_the_size_of_the_terminal(tmp_path):
    async with fake_api() as api:
        api.rooms = [{"name": f"{n:03}" + "r" * 150, "members": n, "gateways": 1} for n in range(200)]
        api.nodes = [node(f"{n:04}aaaa") for n in range(2222, 2262)]
        api.clients = [client(n) for n in range(200)]
        with Screen(tmp_path, api.url, size=(200, 60)) as screen:
            await screen.shows("^199r{150} +199")
            for width, height in [(80, 24), (40, 12), (20, 6), (5, 2), (1, 1), (132, 43)]:
                screen.resize(width, height)
                await asyncio.sleep(0.2)
                await screen.shows("^" + "roomcast"[: width - 1])
                assert max(map(len, screen.lines)) <= width
            await screen.shows("^199r")
            screen.type("q")
            await screen.shows("^ended with 0")


async def test_nothing_of_the_cluster_steers_the_screen(tmp_path):
    async with fake_api() as api:
        api.clients = [client(1, address="\x1b[2J\x1b]0;title\x07\r\nfaked line")]
        with Screen(tmp_path, api.url, size=(160, 24)) as screen:
            await screen.shows(r"c0001.*\\x1b\[2J\\x1b\]0;title\\x07\\x0d\\x0afaked line")


async def test_an_unknown_terminal_is_refused(tmp_path):
    async with fake_api() as api:
        with Screen(tmp_path, api.url, term="nonsense") as screen:
            await screen.shows("the terminal 'nonsense' is not known here")
            await screen.shows("^ended with 1")


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's own memory is counted too")
async def test_it_does_not_grow(tmp_path):
    async with fake_api() as api:
        api.clients = [client(n) for n in range(1000)]
        with Screen(tmp_path, api.url) as screen:
            await screen.shows("c0999")
            pid = await screen.process()
            asked = len(api.seen)
            await eventually(lambda: len(api.seen) > asked + 8)
            before = rss_kib(pid)
            asked = len(api.seen)
            await eventually(lambda: len(api.seen) > asked + 24, timeout=20)
            assert rss_kib(pid) <= before + 1024
            assert len(os.listdir(f"/proc/{pid}/fd")) <= 20


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
