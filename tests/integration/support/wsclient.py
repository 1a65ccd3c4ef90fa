"""A client of the protocol over python3-websockets, which is not of our making.

Works with its versions 10 (Debian 12) and 15 (Debian 13).
"""

import asyncio
import contextlib
import inspect
import itertools
import json
import re
import time

import websockets
from websockets.exceptions import ConnectionClosed

from support.timing import ROOT, seconds

SUBPROTOCOL = "roomcast.v1.json"
ERRORS = {
    name: int(code)
    for code, name in re.findall(
        r'^ERR\(\w+, *(\d+), "(\w+)"', (ROOT / "broker-common/err.def").read_text(), re.M
    )
}
PARAMETERS = inspect.signature(
    getattr(websockets.connect, "__init__", websockets.connect)
).parameters
HEADERS = "additional_headers" if "additional_headers" in PARAMETERS else "extra_headers"


class Frame(dict):
    """A frame from the server; `text` is how it stood on the wire."""

    def __init__(self, data):
        super().__init__(json.loads(data))
        self.text = data


class ClosedByServer(Exception):
    def __init__(self, code, reason):
        super().__init__(f"closed: {code} {reason}")
        self.code, self.reason = code, reason


def url_of(gateway, query="", path="/v1/ws"):
    host, port = gateway.listen
    return f"ws://{f'[{host}]' if ':' in host else host}:{port}{path}{query}"


async def open_websocket(url, headers=None, **options):
    """A bare connection: no compression, no pings, no limits and no proxy of the library's own."""
    options = {
        "compression": None,
        "ping_interval": None,
        "max_size": None,
        "max_queue": None,
        "open_timeout": seconds(10),
        "close_timeout": seconds(2),
        HEADERS: headers or {},
        **options,
    }
    if "proxy" in PARAMETERS:
        options["proxy"] = None
    return await websockets.connect(url, **options)


class Client:
    """Frames that were not asked for wait in `inbox`, in their order."""

    def __init__(self, ws):
        self.ws = ws
        self.inbox = []
        self.ids = itertools.count(1)
        self.welcome = None

    @property
    def id(self):
        return self.welcome["client"]

    async def send(self, kind, **fields):
        await self.ws.send(json.dumps({"type": kind, **fields}))

    async def send_text(self, text):
        await self.ws.send(text)

    async def _receive(self, timeout):
        try:
            data = await asyncio.wait_for(self.ws.recv(), timeout)
        except ConnectionClosed as end:
            got = end.rcvd
            raise ClosedByServer(got.code if got else 1006, got.reason if got else "") from None
        assert isinstance(data, str), "a binary frame"
        return Frame(data)

    async def next(self, kind=None, timeout=5, where=None):
        """The oldest frame of that type (for which `where` holds), waiting for it if need be."""

        def fits(f):
            return (kind is None or f["type"] == kind) and (where is None or where(f))

        for i, f in enumerate(self.inbox):
            if fits(f):
                return self.inbox.pop(i)
        end = time.monotonic() + seconds(timeout)
        while True:
            try:
                f = await self._receive(max(0.001, end - time.monotonic()))
            except asyncio.TimeoutError:
                raise AssertionError(
                    f"no {kind or 'frame'} came; waiting: {self.inbox[-5:]}"
                ) from None
            if fits(f):
                return f
            self.inbox.append(f)

    async def ask(self, kind, timeout=5, **fields):
        """Send with an id and return the answer."""
        n = next(self.ids)
        await self.send(kind, id=n, **fields)
        return await self.next(
            timeout=timeout,
            where=lambda f: f["type"] in ("ack", "error", "pong") and f.get("id") == n,
        )

    async def ok(self, kind, timeout=5, **fields):
        answer = await self.ask(kind, timeout, **fields)
        assert answer["type"] == "ack", answer
        return answer

    async def refused(self, name, kind, **fields):
        answer = await self.ask(kind, **fields)
        assert_error(answer, name)
        return answer

    async def event(self, timeout=5):
        return await self.next("event", timeout)

    async def silent(self, kind=None, duration=0.3):
        """Nothing (of that type) comes. Where it can be, wait for a mark in the same topic."""
        waiting = [f for f in self.inbox if kind is None or f["type"] == kind]
        assert not waiting, waiting
        end = time.monotonic() + duration
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(asyncio.TimeoutError):
                f = await self._receive(left)
                assert kind is not None and f["type"] != kind, f
                self.inbox.append(f)

    async def closed(self, timeout=5):
        """Read until the server closes: its code. What came before waits in `inbox`."""
        end = time.monotonic() + seconds(timeout)
        try:
            while True:
                self.inbox.append(await self._receive(max(0.001, end - time.monotonic())))
        except ClosedByServer as closed:
            return closed.code
        except asyncio.TimeoutError:
            raise AssertionError("the server did not close") from None


def assert_error(answer, name):
    assert answer["type"] == "error", answer
    assert answer["name"] == name, answer
    assert answer["code"] == ERRORS[name]
    assert answer["message"]


@contextlib.asynccontextmanager
async def connect(gateway, user=None, query="", wait_for_welcome=True, **options):
    """A client that has its welcome, closed at the end."""
    if user is not None:
        query += ("&" if query else "?") + f"user={user}"
    ws = await open_websocket(url_of(gateway, query), **options)
    client = Client(ws)
    try:
        if wait_for_welcome:
            client.welcome = await client.next("welcome")
        yield client
    finally:
        await ws.close()


@contextlib.asynccontextmanager
async def connect_many(gateway, n, at_once=50, **options):
    """`n` clients; they come in parallel, a few at a time."""
    gate = asyncio.Semaphore(at_once)
    async with contextlib.AsyncExitStack() as stack:

        async def one():
            async with gate:
                return await stack.enter_async_context(connect(gateway, **options))

        yield list(await asyncio.gather(*(one() for _ in range(n))))
