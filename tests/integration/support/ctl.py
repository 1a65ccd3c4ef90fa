"""roomcastctl as a process."""

import asyncio
import contextlib
import json
from dataclasses import dataclass

from support.process import environment
from support.timing import BUILD, seconds
from support.wsclient import url_of

PROGRAM = BUILD / "roomcastctl"


@dataclass
class Ended:
    code: int
    out: str
    err: str

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


class Ctl:
    """One running roomcastctl. What it has written so far is in `out` and `err`."""

    def __init__(self, process):
        self.process = process
        self.out, self.err = bytearray(), bytearray()
        self.readers = [
            asyncio.create_task(self._read(process.stdout, self.out)),
            asyncio.create_task(self._read(process.stderr, self.err)),
        ]
        self.news = asyncio.Event()

    @classmethod
    async def start(cls, *arguments, at=None, env=None, stdout=asyncio.subprocess.PIPE):
        """`at` is a gateway or a URL: the command's ROOMCAST_URL."""
        extra = dict(env or {})
        if at is not None:
            extra["ROOMCAST_URL"] = at if isinstance(at, str) else url_of(at)
        return cls(await asyncio.create_subprocess_exec(
            PROGRAM, *arguments, env=environment(extra),
            stdin=asyncio.subprocess.PIPE, stdout=stdout, stderr=asyncio.subprocess.PIPE,
        ))

    async def _read(self, stream, into):
        while stream is not None and (data := await stream.read(1 << 16)):
            into += data
            self.news.set()

    async def says(self, words, times=1, timeout=10):
        """Wait until it has written these words to stdout or stderr (so often)."""
        words = words.encode()

        async def said():
            while (self.out + self.err).count(words) < times:
                self.news.clear()
                await self.news.wait()

        try:
            await asyncio.wait_for(said(), seconds(timeout))
        except asyncio.TimeoutError:
            raise AssertionError(f"{words} not said, but: {self.out} {self.err}") from None

    async def end(self, timeout=20):
        await asyncio.wait_for(asyncio.gather(self.process.wait(), *self.readers), seconds(timeout))
        return Ended(self.process.returncode, self.out.decode(), self.err.decode())


async def ctl(*arguments, at=None, stdin=b"", env=None):
    """Run it to its end."""
    c = await Ctl.start(*arguments, at=at, env=env)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it need not read
        c.process.stdin.write(stdin)
        await c.process.stdin.drain()
        c.process.stdin.close()
    return await c.end()


@contextlib.asynccontextmanager
async def listening(at, *arguments, **options):
    """`roomcastctl listen …`, from when all its topics are confirmed."""
    c = await Ctl.start("listen", *arguments, at=at, **options)
    try:
        await c.says("listening to")
        yield c
    finally:
        if c.process.returncode is None:
            c.process.kill()
            await c.process.wait()
