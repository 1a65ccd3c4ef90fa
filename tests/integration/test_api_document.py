"""gateway/server/openapi.json says what the server does, and the server does what it says.

Every operation is called with good and with bad input against two gateways; every answer must be one that the
document names for it, with a body that fits its schema.
"""

import contextlib
import json
import re

import pytest
from jsonschema import Draft202012Validator
from support.api import ADMIN, PUBLISH, READ, Api, write_keys
from support.cluster import FAST
from support.timing import ROOT
from support.wsclient import connect

DOCUMENT = json.loads((ROOT / "gateway/server/openapi.json").read_text())
TABLE = (ROOT / "gateway/server/api_routes.c").read_text()
OPERATIONS = [
    (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
KEY_OF = {"read": READ, "publish": PUBLISH, "admin": ADMIN}
VALUES = {"prefix": "lob", "glob": "l*b?y", "after": "a", "limit": "1000"}


def resolve(thing):
    """A reference of the document, followed."""
    while "$ref" in thing:
        found = DOCUMENT
        for name in thing["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        thing = found
    return thing


def validator(schema):
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def assert_fits(operation, answer, with_body=True):
    """The answer is one that the document names for this operation."""
    assert str(answer.status) in operation["responses"], (operation["operationId"], answer)
    response = resolve(operation["responses"][str(answer.status)])
    for name, header in response.get("headers", {}).items():
        assert name.lower() in answer.headers or not header["required"], (name, answer)
    if with_body:
        (kind, content), = response["content"].items()
        assert answer.headers["content-type"] == kind
        validator(content["schema"]).validate(answer.json)


def parameters(operation, where):
    found = [resolve(p) for p in operation.get("parameters", [])]
    return {p["name"]: p["schema"] for p in found if p["in"] == where}


def good_status(operation):
    (status,) = [int(s) for s in operation["responses"] if s.startswith("2")]
    return status


def rows():
    """Method, path, scope, parameters and status of each route, as C has them."""
    bits = {"API_PAGED": {"after", "limit"}, "0": set()}
    for row in re.findall(r'^\t\{ "(\w+)", +"([^"]+)", +API_(\w+), +([^,]+?), +(\d+),', TABLE, re.M):
        method, path, scope, query, status = row
        names = [bits.get(b, {b.removeprefix("API_").lower()}) for b in query.split(" | ")]
        yield method, path, scope.lower(), set().union(*names), int(status)


EVERY_OPERATION = pytest.mark.parametrize(
    ("method", "path", "operation"), OPERATIONS, ids=lambda v: v if isinstance(v, str) else ""
)


# ---- the document ----


def test_it_names_every_route_of_the_server_and_no_other():
    documented = {
        (
            method,
            path,
            operation["security"][0]["key"][0],
            frozenset(parameters(operation, "query")),
            good_status(operation),
        )
        for method, path, operation in OPERATIONS
    }
    routes = {(m, p, s, frozenset(q), status) for m, p, s, q, status in rows()}
    assert len(routes) == TABLE.count('\t{ "') > 10
    assert documented == routes


def test_it_is_complete_in_itself():
    for name, schema in DOCUMENT["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert name
    references = re.findall(r'"\$ref": "([^"]+)"', json.dumps(DOCUMENT))
    for reference in references:
        resolve({"$ref": reference})
    used = set(references)
    for kind, things in DOCUMENT["components"].items():
        for name in things if kind != "securitySchemes" else ():
            assert f"#/components/{kind}/{name}" in used, f"{kind}/{name} is used nowhere"
    assert len({o["operationId"] for _, _, o in OPERATIONS}) == len(OPERATIONS)
    for _, path, operation in OPERATIONS:
        assert set(re.findall(r"\{(\w+)\}", path)) == set(parameters(operation, "path"))
        assert operation["summary"]


async def test_the_server_hands_it_out(gateway):
    assert await Api(gateway).get("openapi.json") == DOCUMENT


# ---- the server ----


@pytest.fixture(name="world")
def fixture_world(cluster, tmp_path):
    """Two gateways with keys, and a client on the second one that orders may be tried on."""

    @contextlib.asynccontextmanager
    async def make():
        options = {**FAST, "api_batch_bytes": "8K", "max_message_bytes": "4K"}
        gateways = await cluster(2, api_keys_file=write_keys(tmp_path), **options)
        async with connect(gateways[1], user="ann") as ann:
            await ann.ok("join", room="lobby", presence=True, info={"x": 1})
            yield gateways, {
                "room": "lobby",
                "user": "ann",
                "client": ann.id,
                "node": ann.id.split("-")[0],
            }

    return make


def path_in(path, names):
    return re.sub(r"\{(\w+)\}", lambda m: names[m[1]], path)


def body_of(operation):
    """(The example, as bytes) or none; it must fit its own schema."""
    if "requestBody" not in operation:
        return b""
    content = operation["requestBody"]["content"]["application/json"]
    validator(content["schema"]).validate(content["example"])
    return json.dumps(content["example"]).encode()


@EVERY_OPERATION
async def test_good_input_is_answered_as_described(world, method, path, operation):
    async with world() as (gateways, names):
        api = Api(gateways[0], KEY_OF[operation["security"][0]["key"][0]])
        target = path_in(path, names)
        if method == "GET":
            head = await api.ask("HEAD", target, with_body=False)
            assert_fits(operation, head, with_body=False)
            assert head.status == 200
        for name in parameters(operation, "query"):
            value = names["node"] if name == "node" else VALUES[name]
            answer = await api.ask(method, f"{target}?{name}={value}")
            assert answer.status == 200, (name, answer)
            assert_fits(operation, answer)
        answer = await api.ask(method, target, body_of(operation))
        assert answer.status == good_status(operation), answer
        assert_fits(operation, answer)
        if operation["operationId"] == "drainNode":
            gateways[1].ending = True


@EVERY_OPERATION
async def test_bad_input_is_refused_as_described(world, method, path, operation):
    scope = operation["security"][0]["key"][0]
    async with world() as (gateways, names):
        api = Api(gateways[0], KEY_OF[scope])
        target = path_in(path, names)
        body = body_of(operation)

        async def refused(status, who=api, how=method, where=target, what=body, headers=None):
            answer = await who.ask(how, where, what, headers)
            assert answer.status == status, (how, where, what, answer)
            assert_fits(operation, answer)

        await refused(401, who=Api(gateways[0]))
        await refused(401, who=Api(gateways[0], "no-such-key-0123456789"))
        if scope != "read":
            await refused(403, who=Api(gateways[0], READ))
        if scope != "publish":
            await refused(403, who=Api(gateways[0], PUBLISH))
        await refused(400, where=target + "?no_such=1")
        await refused(405, how="DELETE", what=b"")
        await refused(405, how="PUT", what=b"")
        for name, schema in parameters(operation, "query").items():
            schema = resolve(schema)
            await refused(400, where=f"{target}?{name}=")
            await refused(400, where=f"{target}?{name}=%20")
            if schema["type"] == "integer":
                await refused(400, where=f"{target}?{name}={schema['minimum'] - 1}")
                await refused(400, where=f"{target}?{name}={schema['maximum'] + 1}")
            await refused(400, where=f"{target}?{name}=5&{name}=5")
        if "404" in operation["responses"] and "{" in path:
            nobody = {**{n: "nobody" for n in names}, "node": "aaaaaaaa"}
            await refused(404, where=path_in(path, nobody))
        if body:
            await refused(400, what=b"{")
            await refused(400, what=b"[]")
            await refused(400, what=b'{"no_such":1}')
            await refused(411, what=b"", headers={"Content-Length": None})
            await refused(413, what=b" " * 100000)
            await refused(415, headers={"Content-Type": "text/plain"})
