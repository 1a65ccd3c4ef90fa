"""HTTP/1.1 by hand, so that a test sees exactly what the gateway wrote."""

import asyncio
import json
from dataclasses import dataclass

from support.timing import seconds


@dataclass
class Answer:
    version: str
    status: int
    headers: dict
    body: bytes = b""

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


async def read_head(reader):
    """Status line and headers; names in lower case, a repeated one is an error."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    version, status, _ = (first + " ").split(" ", 2)
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        assert name.lower() not in headers, f"twice: {line}"
        headers[name.lower()] = value.strip()
    return Answer(version, int(status), headers)


async def read_answer(reader, with_body=True):
    """One whole answer. Its length must be said, or the connection must end behind it."""
    answer = await read_head(reader)
    if not with_body:
        return answer
    if "content-length" in answer.headers:
        answer.body = await reader.readexactly(int(answer.headers["content-length"]))
    elif answer.headers.get("transfer-encoding") == "chunked":
        while (size := int(await reader.readuntil(b"\r\n"), 16)) > 0:
            answer.body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
    else:
        answer.body = await reader.read()
    return answer


def head_of(method, path, headers):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value is not None)
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode()


def authority(address):
    return f"{address[0]}:{address[1]}"


async def request(address, method, path, headers=None, body=b"", with_body=True):
    """One request on a connection of its own. A header given as None is left out."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    given = {"Host": authority(address), "Connection": "close"}
    if body or method == "POST":
        given["Content-Length"] = len(body)
        given["Content-Type"] = "application/json"
    given.update(headers or {})
    return await exchange(address, head_of(method, path, given) + body, with_body)


async def exchange(address, raw, with_body=True):
    """Send these bytes and read one answer."""
    reader, writer = await asyncio.open_connection(*address, limit=1 << 24)
    try:
        writer.write(raw)
        return await asyncio.wait_for(read_answer(reader, with_body), seconds(10))
    finally:
        writer.transport.abort()
