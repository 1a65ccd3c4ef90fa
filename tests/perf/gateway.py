"""A gateway under callgrind, and a client of it that does one thing after the other."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import callgrind

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("ROOMCAST_BUILD") or ROOT / "build/release").resolve()
PROGRAM = BUILD / "roomcast-gateway"
LIMIT = 60  # seconds for whatever has to come

# No limit shall be met, and no timer of a connection shall run while we count.
OPTIONS = {
    "listen": "127.0.0.1:0",
    "admin-listen": "off",
    "max-rate": 1000000,
    "ping-interval-ms": 3600000,
    "client-timeout-ms": 7200000,
    "handshake-timeout-ms": 600000,
}
MASK = b"\x5a\xa5\x3c\xc3"  # always the same: so are the counts
READY = re.compile(r'event=gateway\.ready .*listen="?127\.0\.0\.1:(\d+)')
UPGRADE = (
    "GET /v1/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
    "Sec-WebSocket-Protocol: roomcast.v1.json\r\n\r\n"
)


def frame(text):
    """A text frame of a client, up to 64 KiB."""
    data = text.encode()
    n = len(data)
    head = bytes([0x81, 0x80 | n]) if n < 126 else b"\x81\xfe" + n.to_bytes(2, "big")
    return head + MASK + bytes(b ^ MASK[i % 4] for i, b in enumerate(data))


class Client:
    """Connected and welcomed. It waits for whatever it asked for before it does anything else."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = bytearray()
        self.socket.sendall(UPGRADE.encode())
        while b"\r\n\r\n" not in self.data:
            self._more()
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        self.expect("welcome")

    def _more(self):
        got = self.socket.recv(1 << 16)
        assert got, "the gateway has closed the connection"
        self.data += got

    def read(self):
        """The text of the next frame."""
        while len(self.data) < 4:
            self._more()
        at, n = 2, self.data[1]
        if n == 126:
            at, n = 4, int.from_bytes(self.data[2:4], "big")
        assert self.data[0] == 0x81 and n < 65536 and self.data[1] != 127, "not a short text frame"
        while len(self.data) < at + n:
            self._more()
        text = self.data[at : at + n]
        del self.data[: at + n]
        return text

    def expect(self, kind):
        text = self.read()
        assert b'"type":"%s"' % kind.encode() in text, f"wanted {kind}, got {text}"

    def send(self, frames):
        """All in one write, and over loopback in one segment."""
        self.socket.sendall(frames)

    def ask(self, text, answer="ack"):
        self.send(frame(text))
        self.expect(answer)

    def join(self, room):
        self.ask('{"type":"join","id":1,"room":"%s"}' % room)


class Gateway:
    """As a process under callgrind, until it is stopped."""

    def __init__(self, directory):
        self.out = directory / "callgrind.out"
        self.log = directory / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [
                    "valgrind", "--tool=callgrind", f"--callgrind-out-file={self.out}",
                    str(PROGRAM), *(f"--{name}={value}" for name, value in OPTIONS.items()),
                ],
                env={k: v for k, v in os.environ.items() if not k.startswith("ROOMCAST_")},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        self.clients = []
        self.port = None

    def wait_ready(self):
        end = time.monotonic() + LIMIT
        while (ready := READY.search(self.log.read_text())) is None:
            assert self.process.poll() is None, f"it does not start:\n{self.log.read_text()}"
            assert time.monotonic() < end, f"not ready in {LIMIT} s:\n{self.log.read_text()}"
            time.sleep(0.01)
        self.port = int(ready[1])

    def connect(self):
        self.clients.append(Client(self.port))
        return self.clients[-1]

    def count(self):
        """Let it end what it is doing, and end it: by a signal that it does not know, so that
        nothing of its farewell is counted, while callgrind still writes its file."""
        self.clients[0].ask('{"type":"ping"}', "pong")
        self.process.send_signal(signal.SIGVTALRM)
        code = self.process.wait(LIMIT)
        assert code == -signal.SIGVTALRM, f"it ended with {code}:\n{self.log.read_text()}"
        with open(self.out, encoding="utf-8", errors="replace") as lines:
            return callgrind.read(lines, PROGRAM.name)

    def close(self):
        for client in self.clients:
            client.socket.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def counts_of(play, times):
    """What the gateway spends on its start and on a scene played so many times."""
    assert PROGRAM.exists(), f"{PROGRAM} is not there: build it first, or set ROOMCAST_BUILD"
    assert shutil.which("valgrind"), "valgrind is not installed: deploy/install-deps.sh --tests"
    with tempfile.TemporaryDirectory() as directory:
        with contextlib.closing(Gateway(Path(directory))) as gateway:
            gateway.wait_ready()
            play(gateway, times)
            return gateway.count()
