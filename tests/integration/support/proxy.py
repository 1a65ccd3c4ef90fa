"""A TCP proxy between a gateway and Redis, in the test's loop: passes, stalls, delays, cuts.

Its connections tell what they are by what passes: `subscriber` has sent a SUBSCRIBE. Methods that
take `which` mean "sub", "cmd" or (None) both kinds, and those connections that there are now;
`stall` and `delay` without `which` hold for later connections too.
"""

import asyncio
import contextlib
import re
import socket
import struct

COMMANDS = re.compile(rb"roomcast-\w+-cmd\r\n")  # the name that a command connection gives itself
UP, DOWN = "up", "down"  # to Redis, to the gateway


class Way:
    """One direction of one connection."""

    def __init__(self, link, name, reader, writer):
        self.link, self.name = link, name
        self.reader, self.writer = reader, writer
        self.open = asyncio.Event()
        self.open.set()
        self.left = None  # bytes that may still pass, then it stalls
        self.ends = False  # …or the connection ends
        self.passed = 0

    def stall(self):
        self.open.clear()

    def pass_on(self):
        self.left = None
        self.open.set()

    async def run(self):
        while True:
            await self.open.wait()
            data = await self.reader.read(1 << 16)
            if not data:
                return
            if self.link.proxy.delay_s:
                await asyncio.sleep(self.link.proxy.delay_s)
            if self.name == UP and b"SUBSCRIBE\r\n" in data.upper():
                self.link.subscriber = True
            if self.name == UP and self.link.proxy.cuts and COMMANDS.search(data):
                self.link.down.left, self.link.down.ends = self.link.proxy.cuts.pop(0), True
            while data:
                await self.open.wait()
                n = len(data) if self.left is None else min(self.left, len(data))
                self.writer.write(data[:n])
                data, self.passed = data[n:], self.passed + n
                if self.left is not None:
                    self.left -= n
                    if self.left == 0:
                        if self.ends:
                            await self.writer.drain()
                            return
                        self.stall()
                await self.writer.drain()


class Link:
    """One connection through the proxy."""

    def __init__(self, proxy, near, far):
        self.proxy = proxy
        self.subscriber = False
        self.writers = [near[1], far[1]]
        self.up = Way(self, UP, near[0], far[1])
        self.down = Way(self, DOWN, far[0], near[1])

    def ways(self, direction=None):
        return [w for w in (self.up, self.down) if direction in (None, w.name)]

    async def run(self):
        tasks = [asyncio.create_task(w.run()) for w in self.ways()]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def close(self, reset=False):
        for writer in self.writers:
            if reset:
                with contextlib.suppress(OSError):
                    writer.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
            writer.transport.abort()


class Proxy:
    def __init__(self, target):
        self.target = target  # (host, port) of Redis
        self.links = []
        self.tasks = set()
        self.server = None
        self.address = None
        self.delay_s = 0
        self.stalled = None  # the direction in which new connections are stalled too, or "both"
        self.taken = 0  # connections so far
        self.cuts = []  # each command connection to come ends after the next so many bytes of answers

    async def __aenter__(self):
        await self.listen(0)
        return self

    async def __aexit__(self, *_):
        await self.refuse()
        self.reset()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def listen(self, port=None):
        """(Again) on the same port."""
        port = self.address[1] if port is None else port
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.address = self.server.sockets[0].getsockname()

    async def refuse(self):
        """New connections are refused; those that there are stay."""
        if self.server is not None:
            self.server.close()
            self.server = None

    def url(self, db=0):
        return f"redis://{self.address[0]}:{self.address[1]}/{db}"

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        self.taken += 1
        link = None
        try:
            with contextlib.suppress(OSError):
                far = await asyncio.open_connection(*self.target)
                link = Link(self, (reader, writer), far)
                self.links.append(link)
                for way in link.ways():
                    if self.stalled in (way.name, "both"):
                        way.stall()
                await link.run()
        finally:
            self.tasks.discard(task)
            if link is None:
                writer.transport.abort()
            else:
                link.close()
                self.links.remove(link)

    def chosen(self, which=None):
        assert which in (None, "sub", "cmd")
        return [k for k in self.links if which is None or k.subscriber == (which == "sub")]

    # ---- what a test does to the network ----

    def stall(self, which=None, direction=None):
        """Nothing passes, as on a road that swallows packets. What is held comes at `resume`."""
        if which is None:
            self.stalled = direction or "both"
        for link in self.chosen(which):
            for way in link.ways(direction):
                way.stall()

    def resume(self):
        self.stalled = None
        for link in self.links:
            for way in link.ways():
                way.pass_on()

    def pass_only(self, n, which=None, direction=DOWN):
        """`n` more bytes on each of these connections, then they stall amid something."""
        for link in self.chosen(which):
            for way in link.ways(direction):
                way.left = n

    def delay(self, s):
        self.delay_s = s

    def reset(self, which=None):
        """RST to both ends."""
        for link in self.chosen(which):
            link.close(reset=True)

    def cut(self, which=None):
        """An orderly end, to both ends."""
        for link in self.chosen(which):
            link.close()
