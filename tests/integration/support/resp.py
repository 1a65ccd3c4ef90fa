"""Redis' protocol by hand (RESP2): a client, and a server between whose answers a test may choose.

Bulk strings are bytes, status replies str, error replies `ErrorReply` (raised by `Connection`).
"""

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from dataclasses import dataclass

from support.timing import seconds


class ErrorReply(Exception):
    """`-ERR …` of the server."""


class Partial(Exception):
    """The bytes so far are no whole reply."""


def encode(*arguments):
    """One command."""
    parts = [a if isinstance(a, bytes) else str(a).encode() for a in arguments]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in parts)


def parse(data, at=0):
    """The reply (or command) that begins at `at`, and where it ends; raises Partial."""
    end = data.find(b"\r\n", at)
    if end < 0:
        raise Partial
    kind, line, at = data[at : at + 1], bytes(data[at + 1 : end]), end + 2
    if kind == b"+":
        return line.decode(), at
    if kind == b"-":
        return ErrorReply(line.decode(errors="replace")), at
    if kind == b":":
        return int(line), at
    if kind == b"$":
        n = int(line)
        if n < 0:
            return None, at
        if len(data) < at + n + 2:
            raise Partial
        return bytes(data[at : at + n]), at + n + 2
    assert kind == b"*", f"not RESP2: {bytes(data[:50])}"
    if int(line) < 0:
        return None, at
    items = []
    for _ in range(int(line)):
        item, at = parse(data, at)
        items.append(item)
    return items, at


class Buffer(bytearray):
    """What came and was not taken yet."""

    def take(self):
        """The next whole reply and its bytes; raises Partial."""
        value, end = parse(self)
        raw = bytes(self[:end])
        del self[:end]
        return value, raw


def dial(address, timeout, tls=None):
    """A connected socket; `address` is (host, port) or the path of a Unix socket."""
    if isinstance(address, tuple):
        sock = socket.create_connection(address, timeout)
    else:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        sock.connect(str(address))
    return tls.wrap_socket(sock, server_hostname=address[0]) if tls else sock


class Connection:
    """Blocking. Calling it sends one command and returns its answer."""

    def __init__(self, address, timeout=5, tls: ssl.SSLContext | None = None):
        self.sock = dial(address, seconds(timeout), tls)
        self.data = Buffer()

    def __call__(self, *arguments):
        self.sock.sendall(encode(*arguments))
        return self.reply()

    def reply(self):
        while True:
            with contextlib.suppress(Partial):
                value, _ = self.data.take()
                if isinstance(value, ErrorReply):
                    raise value
                return value
            got = self.sock.recv(1 << 18)
            if not got:
                raise ConnectionResetError("the server has closed")
            self.data += got

    def pipeline(self, commands):
        """All at once; the answers in their order, error replies among them as values."""
        self.sock.sendall(b"".join(encode(*c) for c in commands))
        answers = []
        for _ in commands:
            try:
                answers.append(self.reply())
            except ErrorReply as e:
                answers.append(e)
        return answers

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Listener:
    """A subscriber in the test's loop: what comes on its channels, as (channel, bytes)."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.data = Buffer()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, address, *channels):
        """Confirmed before it is given out. A channel with a `*` is a pattern."""
        reader, writer = await asyncio.open_connection(*address)
        self = cls(reader, writer)
        try:
            for channel in channels:
                word = "PSUBSCRIBE" if "*" in channel else "SUBSCRIBE"
                writer.write(encode(word, channel))
                got = await self._push(5)
                assert got[0].lower() == word.lower().encode(), got
            yield self
        finally:
            writer.transport.abort()

    async def _push(self, timeout):
        async with asyncio.timeout(seconds(timeout)):
            while True:
                with contextlib.suppress(Partial):
                    return self.data.take()[0]
                got = await self.reader.read(1 << 18)
                if not got:
                    raise ConnectionResetError("the server has closed")
                self.data += got

    async def next(self, timeout=5):
        got = await self._push(timeout)
        assert got[0] in (b"message", b"pmessage"), got
        return got[-2].decode(), got[-1]


@dataclass
class Answer:
    """What a scripted server does with a command."""

    data: bytes = b""
    forward: bool = False  # Redis gets the command too, and its own answer is dropped
    then: str = ""  # "close": the connection ends behind it; "silence": nothing more comes


class ScriptedServer:
    """Between a gateway and a real Redis; single answers are what the test says.

    `say("PUBLISH", b"-LOADING …\\r\\n")`: that is answered to every PUBLISH, which Redis never
    sees. Instead of bytes: an `Answer`, or a function of the command's arguments which gives one
    of these, or None for Redis' own answer. `asked` counts commands by name.
    """

    def __init__(self, redis):
        self.redis = redis
        self.script = {}
        self.asked = {}
        self.tasks = set()
        self.server = None
        self.address = None

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = self.server.sockets[0].getsockname()
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def url(self, db=0):
        return f"redis://{self.address[0]}:{self.address[1]}/{db}"

    def say(self, names, answer):
        """`names`: one or several, separated by blanks."""
        for name in names.split():
            self.script[name.upper()] = answer

    def say_nothing_special(self):
        self.script.clear()

    def _answer(self, command):
        name = command[0].decode(errors="replace").upper()
        self.asked[name] = self.asked.get(name, 0) + 1
        answer = self.script.get(name)
        if callable(answer):
            answer = answer(command)
        return Answer(answer) if isinstance(answer, bytes) else answer

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                up_reader, up_writer = await asyncio.open_connection(*self.redis.address)
                try:
                    await Conversation(self, reader, writer, up_reader, up_writer).run()
                finally:
                    up_writer.transport.abort()
        finally:
            self.tasks.discard(task)
            writer.transport.abort()


class Conversation:
    """One connection through a ScriptedServer: answers keep the order of the commands."""

    def __init__(self, server, reader, writer, up_reader, up_writer):
        self.server = server
        self.reader, self.writer = reader, writer
        self.up_reader, self.up_writer = up_reader, up_writer
        self.due = deque()  # for each command that is not answered: its Answer, or None: Redis'
        self.pushes = False  # it has subscribed: what comes from Redis answers no command
        self.silent = False

    async def run(self):
        halves = [asyncio.create_task(self._commands()), asyncio.create_task(self._replies())]
        try:
            await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for half in halves:
                half.cancel()
            await asyncio.gather(*halves, return_exceptions=True)

    async def _commands(self):
        data = Buffer()
        while got := await self.reader.read(1 << 18):
            data += got
            with contextlib.suppress(Partial):
                while True:
                    command, raw = data.take()
                    answer = self.server._answer(command)
                    if answer is None or answer.forward:
                        self.up_writer.write(raw)
                    self.pushes = self.pushes or command[0].upper() == b"SUBSCRIBE"
                    if self.pushes:
                        if answer is not None:
                            self._say(answer)
                    else:
                        self.due.append(answer)
                        self._settle()
            await self.up_writer.drain()

    async def _replies(self):
        data = Buffer()
        while got := await self.up_reader.read(1 << 18):
            data += got
            with contextlib.suppress(Partial):
                while True:
                    _, raw = data.take()
                    if self.pushes:
                        self._write(raw)
                        continue
                    answer = self.due.popleft()
                    if answer is None:
                        self._write(raw)
                    else:
                        self._say(answer)
                    self._settle()

    def _settle(self):
        """Answers for which nothing of Redis is needed, as far as they are next."""
        while self.due and self.due[0] is not None and not self.due[0].forward:
            self._say(self.due.popleft())

    def _say(self, answer):
        self._write(answer.data)
        if answer.then == "close":
            self.silent = True
            self.writer.close()
        elif answer.then == "silence":
            self.silent = True

    def _write(self, data):
        if not self.silent:
            self.writer.write(data)
