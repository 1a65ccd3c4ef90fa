"""An HTTP API that the test plays: what roomcastctl does with answers that a test chooses.

The shapes are those of the gateway's API (deploy/README.md); `test_ctl_cluster.py` holds the tool to a
real one.
"""

import asyncio
import contextlib
import json
import time
from urllib.parse import parse_qs, unquote, urlsplit

NODES = ["aaaaaaaa", "bbbbbbbb", "cccccccc"]


def client(n, **more):
    """One CLIENT of the API."""
    return {
        "client": f"c{n:04}",
        "user": f"u{n % 7}",
        "node": NODES[n % 3],
        "address": f"192.0.2.{n % 250}:4{n:04}",
        "state": "active",
        "connected_ms": 1000 * n,
        "silent_ms": 20,
        "round_trip_us": 500 + n,
        "topics_count": 2,
        "queue": {"messages": n, "bytes": n * 100, "control_messages": 0, "oldest_ms": n},
        **more,
    }


def node(name, **more):
    return {
        "node": name,
        "self": name == NODES[0],
        "connections": 30,
        "version": "0.1.0+1234567",
        "uptime_s": 4000,
        "state": "ok",
        "reason": "ready",
        "ready": True,
        "queued_bytes": 2048,
        "loop_lag_ms": 1,
        "tier": {"name": "redis", "up": True},
        **more,
    }


def health(**more):
    return {
        "status": "ok",
        "reason": "ready",
        "node": NODES[0],
        "version": "0.1.0+1234567",
        "uptime_s": 4000,
        "connections": 30,
        "max_connections": 1000,
        "tier": {"name": "redis", "up": True, "reason": "", "down_ms": 0},
        "overload": "normal",
        "queued_bytes": 0,
        "memory_limit": 1 << 28,
        **more,
    }


def error(status, name, message, code=1000):
    return status, {"error": {"code": code, "name": name, "message": message}}


class FakeApi:
    """`answers[(method, path)]` is an object, (status, object), raw bytes, an event (once it is set,
    the connection ends), or a function of query and body that gives one of these; `seen` is every request: (method, path, query, headers, body)."""

    def __init__(self):
        self.seen, self.answers = [], {}
        self.key = None  # when there is one, others are refused
        self.rooms = [{"name": f"room{n:04}", "members": n, "gateways": n % 3 + 1} for n in range(5)]
        self.clients = [client(n) for n in range(5)]
        self.nodes = [node(n) for n in NODES]
        self.unanswered = []
        self.counted = 0
        self.server = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    def paths(self, method="GET"):
        return [path for m, path, *_ in self.seen if m == method]

    # ---- what it answers ----

    def page(self, name, items, key, query, /, **more):
        after, limit = query.get("after", ""), int(query.get("limit", 100))
        rest = [i for i in items if i[key] > after]
        shown = rest[:limit]
        answer = {**more, name: shown}
        if len(rest) > limit:
            answer["next"] = shown[-1][key]
        if self.unanswered:
            answer["unanswered"] = self.unanswered
        return answer

    def stats(self):
        self.counted += 100
        one = {"frames_received": self.counted, "messages_sent": 2 * self.counted, "bytes_sent": 0,
               "messages_dropped": {"slow": 1, "overload": 0}, "errors": 0}
        return {"nodes": len(self.nodes), "connections": 90, "rooms_local": 12,
                "totals": {**one, "messages_sent": 6 * self.counted},
                "per_node": [{"node": n["node"], "connections": 30, "totals": one} for n in self.nodes],
                "wall_ms": int(time.time() * 1000)}

    def own(self, method, path, query, body):
        if method == "GET" and path == "/v1/rooms":
            rooms = [r for r in self.rooms if r["name"].startswith(query.get("prefix", ""))]
            return self.page("rooms", rooms, "name", query)
        if method == "GET" and path == "/v1/clients":
            found = [c for c in self.clients if c["node"] == query.get("node", c["node"])]
            return self.page("clients", found, "client", query)
        if method == "GET" and path == "/v1/rooms/lobby":
            return self.page("clients", self.clients, "client", query, name="lobby", members=5,
                             visible=4, users=3, rev=77, gateways=3)
        if method == "GET" and path == "/v1/users/u1":
            return {"user": "u1", "connections": 1, "clients": [self.clients[1]]}
        if method == "GET" and path == "/v1/clients/c0001":
            return {**self.clients[1], "topics": ["room:lobby", "event:x"],
                    "counters": {"frames_received": 3, "messages_sent": 4, "bytes_sent": 5,
                                 "messages_dropped": 6, "errors": 7, "rate_limited": 8}}
        if method == "GET" and path == "/v1/nodes":
            nodes = [{"wall_ms": int(time.time() * 1000), **n} for n in self.nodes]
            return {"nodes": nodes, **({"unanswered": self.unanswered} if self.unanswered else {})}
        if method == "GET" and path == "/v1/stats":
            return self.stats()
        if method == "GET" and path == "/v1/config":
            return {"options": {"listen": "*:8000", "max_rate": 100, "demo_page": False}}
        if method == "GET" and path == "/healthz":
            return health()
        if method == "POST" and path == "/v1/publish":
            return {"nodes": 3, "receivers": 9}
        if method == "POST" and path.endswith("/disconnect"):
            return {"disconnected": 2}
        if method == "POST" and path == "/v1/rooms/lobby/kick":
            return {"kicked": 1 if json.loads(body)["client"] == "c0001" else 0}
        if method == "POST" and path.endswith("/drain"):
            return 202, {"node": path.split("/")[3], "draining": True}
        return error(404, "gone", "no such client; it has disconnected", 1108)

    def answer(self, method, path, query, headers, body):
        if self.key is not None and path.startswith("/v1/"):
            if headers.get("authorization") != f"Bearer {self.key}":
                return error(401, "not_authenticated", "no valid key", 1101)
        chosen = self.answers.get((method, path))
        if callable(chosen):
            chosen = chosen(query, body)
        return self.own(method, path, query, body) if chosen is None else chosen

    # ---- the wire ----

    async def serve(self, reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await self.one(reader, writer)
        writer.close()

    async def one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {k.lower(): v.strip() for k, _, v in (h.partition(":") for h in head[1:] if h)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        parts = urlsplit(target)
        query = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
        path = unquote(parts.path)
        self.seen.append((method, path, query, headers, body))
        answer = self.answer(method, path, query, headers, body)
        if isinstance(answer, asyncio.Event):
            await answer.wait()
            raise ConnectionError  # no answer at all
        status, answer = answer if isinstance(answer, tuple) else (200, answer)
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        writer.write(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                     % (status, len(text)) + text)
        await writer.drain()


@contextlib.asynccontextmanager
async def fake_api(tls=None, port=0):
    api = FakeApi()
    api.server = await asyncio.start_server(api.serve, "127.0.0.1", port, ssl=tls)
    try:
        yield api
    finally:
        api.server.close()
