"""roomcastctl with an endpoint."""

import json

from support.ctl import ctl


async def ask(api, *arguments, **more):
    """Run a command against an endpoint: something with a `url`, or the URL."""
    url = api if isinstance(api, str) else api.url
    return await ctl(*arguments, "--endpoint", url, **more)


async def ask_json(api, *arguments, code=0, **more):
    ended = await ask(api, *arguments, "--json", **more)
    assert ended.code == code, ended
    return json.loads(ended.out)


async def lines(api, *arguments, **more):
    """The table of a command that succeeds, line by line, cells apart."""
    ended = await ask(api, *arguments, **more)
    assert (ended.code, ended.err) == (0, ""), ended
    return [line.split() for line in ended.out.splitlines() if line]
