"""roomcastctl before a person: again and again, and as wide as the terminal."""

import asyncio
import fcntl
import os
import pty
import re
import struct
import termios

from support.ctl import Ctl
from support.ctl_api import ask
from support.fakeapi import error, fake_api, node
from support.timing import eventually, seconds


async def test_watch_shows_it_again_until_it_is_interrupted():
    async with fake_api() as api:
        c = await Ctl.start("rooms", "--watch", "0.2", "--json", "--endpoint", api.url)
        await eventually(lambda: c.out.count(b"\n") >= 2)
        api.rooms = [{"name": "new", "members": 1, "gateways": 1}]
        await c.says('"new"')
        c.process.terminate()
        ended = await c.end()
        assert (ended.code, ended.err) == (0, "")
        assert ended.lines[0] != ended.lines[-1] == api.rooms


async def test_watch_goes_on_when_the_endpoint_comes_back():
    async with fake_api() as api:
        api.answers["GET", "/v1/nodes"] = error(503, "unavailable", "not now")
        c = await Ctl.start("nodes", "--watch=0.2", "--endpoint", api.url)
        await c.says("unavailable: not now", times=2)
        del api.answers["GET", "/v1/nodes"]
        await c.says("aaaaaaaa")
        assert re.search(rb"^\d\d:\d\d:\d\d  nodes, every 0.2 s$", bytes(c.out), re.M)
        c.process.terminate()
        assert (await c.end()).code == 0


async def test_nothing_is_cut_where_there_is_no_terminal():
    async with fake_api() as api:
        api.rooms = [{"name": "x" * 200, "members": 1, "gateways": 1}]
        assert "x" * 200 in (await ask(api, "rooms", env={"COLUMNS": "40"})).out


async def test_a_table_fits_its_terminal():
    async with fake_api() as api:
        api.rooms = [{"name": "x" * 200, "members": 7, "gateways": 1}]
        api.nodes = [node("aaaaaaaa", reason="r" * 100)]
        for command in (["rooms"], ["nodes"], ["clients"], ["user", "u1"]):
            assert max(map(len, await on_terminal(api, 50, *command))) <= 50, command
        assert "7" in (await on_terminal(api, 50, "rooms"))[1]


async def on_terminal(api, columns, *arguments):
    """What a command writes to a terminal of that width, line by line."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    c = await Ctl.start(*arguments, "--endpoint", api.url, stdout=theirs)
    os.close(theirs)
    out = b""
    while True:
        try:
            data = await asyncio.wait_for(asyncio.to_thread(os.read, ours, 65536), seconds(10))
        except OSError:
            break  # all ends of it are closed
        if not data:
            break
        out += data
    os.close(ours)
    assert (await c.end()).code == 0
    return out.decode().splitlines()
