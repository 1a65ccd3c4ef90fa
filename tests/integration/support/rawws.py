"""RFC 6455 by hand: handshakes and frames as a test wants them, also wrong ones.

A Peer reads from its socket only when asked, so that a slow reader can be played exactly.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import socket
import struct
from collections import namedtuple

from support.httpio import Answer, authority, head_of
from support.timing import seconds

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SUBPROTOCOL = "roomcast.v1.json"

Frame = namedtuple("Frame", "fin rsv opcode data")


def mask_bytes(data, key):
    if not data or key == b"\0\0\0\0":
        return data
    pad = (key * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")).to_bytes(len(data), "big")


def frame(opcode, data=b"", fin=True, rsv=0, mask=True, length_bytes=None):
    """One client frame. `length_bytes` 2 or 8 writes the length longer than it need be."""
    if isinstance(data, str):
        data = data.encode()
    n, bit = len(data), 0x80 if mask else 0
    head = bytes([bool(fin) << 7 | rsv << 4 | opcode])
    if length_bytes is None:
        length_bytes = 0 if n < 126 else 2 if n < 65536 else 8
    if length_bytes == 0:
        head += bytes([bit | n])
    elif length_bytes == 2:
        head += bytes([bit | 126]) + struct.pack(">H", n)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", n)
    if not mask:
        return head + data
    key = os.urandom(4)
    return head + key + mask_bytes(data, key)


def text(**fields):
    """A frame of the protocol, as one text frame."""
    return frame(TEXT, json.dumps(fields))


def close_payload(code, reason=b""):
    return struct.pack(">H", code) + reason


def upgrade_headers(address, **changed):
    """The headers of a good handshake; `changed` (underscores for hyphens) replaces, None omits."""
    headers = {
        "Host": authority(address),
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
    }
    for name, value in changed.items():
        headers[name.replace("_", "-")] = value
    return headers


class Refused(Exception):
    """The server answered the handshake with something else than 101."""

    def __init__(self, answer):
        super().__init__(f"{answer.status} {answer.body!r}")
        self.answer = answer


class Closed(Exception):
    """The peer has closed: `code` of its close frame, or None without one."""

    def __init__(self, code, reason=""):
        super().__init__(f"closed: {code} {reason}")
        self.code, self.reason = code, reason


class Peer:
    def __init__(self, sock):
        self.sock = sock
        self.data = bytearray()
        self.between = []  # control frames that stood between the fragments of the last message
        self.fragments = []  # bytes in each fragment of the last message
        self.handshake = None

    # ---- opening and ending ----

    @classmethod
    async def connect(cls, address, receive_buffer=None):
        sock = socket.socket(
            socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_STREAM
        )
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            await asyncio.get_running_loop().sock_connect(sock, address)
        except BaseException:
            sock.close()
            raise
        return cls(sock)

    @classmethod
    async def open(cls, gateway, query="", receive_buffer=None, **headers):
        """A finished handshake; raises Refused."""
        peer = await cls.connect(gateway.listen, receive_buffer)
        headers = upgrade_headers(gateway.listen, **headers)
        try:
            await peer.send(head_of("GET", "/v1/ws" + query, headers))
            answer = await peer.answer()
            if answer.status != 101:
                answer.body = await peer.rest()
                raise Refused(answer)
        except BaseException:
            peer.close()
            raise
        digest = hashlib.sha1(headers["Sec-WebSocket-Key"].encode() + GUID).digest()
        assert answer.headers["sec-websocket-accept"] == base64.b64encode(digest).decode()
        peer.handshake = answer
        return peer

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.close()

    def close(self):
        """Without a close frame."""
        self.sock.close()

    def reset(self):
        """As a crashed peer ends: RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    # ---- bytes ----

    async def send(self, *pieces, each=None):
        """`each`: in pieces of that many bytes."""
        loop, data = asyncio.get_running_loop(), b"".join(pieces)
        for at in range(0, len(data), each or len(data) or 1):
            await loop.sock_sendall(self.sock, data[at : at + (each or len(data))])

    async def _more(self, timeout):
        loop = asyncio.get_running_loop()
        try:
            got = await asyncio.wait_for(loop.sock_recv(self.sock, 1 << 18), seconds(timeout))
        except ConnectionResetError:
            got = b""
        if not got:
            raise Closed(None)
        self.data += got

    async def _need(self, n, timeout):
        while len(self.data) < n:
            await self._more(timeout)

    async def answer(self, timeout=10):
        """The head of an HTTP answer."""
        while b"\r\n\r\n" not in self.data:
            await self._more(timeout)
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status = first.split(" ", 2)[:2]
        pairs = (line.partition(":") for line in lines)
        return Answer(
            version, int(status), {name.lower(): value.strip() for name, _, value in pairs}
        )

    async def rest(self, timeout=10):
        """Everything until the end of the connection."""
        try:
            while True:
                await self._more(timeout)
        except Closed:
            return bytes(self.data)

    # ---- frames ----

    async def frame(self, timeout=10):
        """The next frame as it came. Closed when the connection ends instead."""
        await self._need(2, timeout)
        first, second = self.data[:2]
        assert not second & 0x80, "a server must not mask"
        n, at = second & 0x7F, 2
        if n > 125:
            at = 4 if n == 126 else 10
            await self._need(at, timeout)
            n = int.from_bytes(self.data[2:at], "big")
        await self._need(at + n, timeout)
        data = bytes(self.data[at : at + n])
        del self.data[: at + n]
        return Frame(first >> 7, first >> 4 & 7, first & 15, data)

    async def message(self, timeout=10):
        """The next message or control frame: (opcode, bytes), fragments joined and checked."""
        whole, opcode = [], None
        self.between = []
        while True:
            f = await self.frame(timeout)
            assert f.rsv == 0, f
            if f.opcode >= CLOSE:
                assert f.fin and len(f.data) <= 125, f
                if opcode is None:
                    return f.opcode, f.data
                self.between.append(f)
                assert f.opcode != CLOSE, "closed inside of a message"
                continue
            assert (f.opcode == CONTINUATION) == (opcode is not None), f"{f.opcode} behind {opcode}"
            opcode = f.opcode or opcode
            whole.append(f.data)
            if f.fin:
                self.fragments = [len(part) for part in whole]
                return opcode, b"".join(whole)

    async def next(self, kind=None, timeout=10):
        """The next frame of the protocol (of this type); ping and close frames are answered."""
        while True:
            opcode, data = await self.message(timeout)
            if opcode == PING:
                await self.send(frame(PONG, data))
            elif opcode == CLOSE:
                code = struct.unpack(">H", data[:2])[0] if data else 1005
                with contextlib.suppress(OSError):  # it may have gone already
                    await self.send(frame(CLOSE, data))
                raise Closed(code, data[2:].decode())
            elif opcode == TEXT:
                got = json.loads(data)
                if kind is None or got["type"] == kind:
                    return got

    async def closed(self, timeout=10):
        """Read on until the server closes: the code of its close frame, or None."""
        try:
            while True:
                await self.next(timeout=timeout)
        except Closed as end:
            return end.code

    async def ended(self, timeout=10):
        """Whether the connection itself ends (behind whatever still comes)."""
        await self.rest(timeout)
        return True
