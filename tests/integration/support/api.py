"""The HTTP API as a tool uses it."""

import asyncio
import contextlib
from urllib.parse import quote, urlencode

from support.httpio import request

READ = "read-only-key-0123456789"
PUBLISH = "publishing-key-0123456789"
ADMIN = "administrator-key-0123456789"
KEYS = f"""# keys of the tests
monitor read {READ}
shop publish {PUBLISH}
root admin {ADMIN}
"""


def write_keys(directory):
    """A file with KEYS, for the option `api_keys_file`."""
    path = directory / "keys"
    path.write_text(KEYS)
    path.chmod(0o600)
    return path


def bearer(key):
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def path_of(*segments, **query):
    """("rooms", "a:b", limit=5) is /v1/rooms/a%3Ab?limit=5."""
    path = "/v1/" + "/".join(quote(s, safe="") for s in segments)
    return path + ("?" + urlencode(query) if query else "")


def assert_refused(answer, status, name=None):
    """A refusal looks the same everywhere."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json) == {"error"}, answer.json
    said = answer.json["error"]
    assert set(said) == {"code", "name", "message"}
    assert said["code"] and said["message"]
    assert name is None or said["name"] == name, said


class Api:
    """One gateway's API, with one key or none."""

    def __init__(self, gateway, key=None):
        self.gateway, self.key = gateway, key

    async def ask(self, method, path, body=b"", headers=None, **kw):
        headers = {**bearer(self.key), **(headers or {})}
        return await request(self.gateway.admin, method, path, headers, body, **kw)

    async def get(self, *segments, **query):
        """What is there."""
        answer = await self.ask("GET", path_of(*segments, **query))
        assert answer.status == 200, (segments, answer)
        return answer.json

    async def post(self, *segments, body=None, status=200):
        answer = await self.ask("POST", path_of(*segments), {} if body is None else body)
        assert answer.status == status, (segments, answer)
        return answer.json

    async def refused(self, status, *segments, body=None, name=None, **query):
        """GET, or POST with a body."""
        method = "GET" if body is None else "POST"
        answer = await self.ask(method, path_of(*segments, **query), b"" if body is None else body)
        assert_refused(answer, status, name)
        return answer

    async def pages(self, *segments, of, limit, **query):
        """All entries of a list, a page after the other; each but the last is full."""
        found = []
        while True:
            page = await self.get(*segments, limit=limit, **query)
            found += page[of]
            assert len(page[of]) <= limit
            if "next" not in page:
                return found
            assert len(page[of]) == limit
            query["after"] = page["next"]


@contextlib.asynccontextmanager
async def stream(gateway):
    """A connection for requests by hand."""
    reader, writer = await asyncio.open_connection(*gateway.admin, limit=1 << 24)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
