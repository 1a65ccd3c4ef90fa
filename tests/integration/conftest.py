"""Integration tests: one gateway as a process, over real sockets.

A test function may be async; it gets a loop and a time limit of its own. `gateway` is a running
gateway with the options of the tests; `start(name=value, …)` starts one with others. At the end
of a test every gateway is stopped by SIGTERM and must end with 0, without a sanitizer's report.
"""

import asyncio
import inspect
import os

import pytest

from support.process import PROGRAM, Gateway
from support.redis import Redis
from support.timing import eventually, seconds

LIMIT = 60  # of one async test


def pytest_sessionstart():
    if not PROGRAM.exists():
        pytest.exit(f"{PROGRAM} is not there: build it first, or set ROOMCAST_BUILD", returncode=2)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    # pylint: disable-next=protected-access
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    marker = pyfuncitem.get_closest_marker("limit")
    limit = seconds(marker.args[0] if marker else LIMIT)
    asyncio.run(asyncio.wait_for(pyfuncitem.obj(**arguments), limit))
    return True


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): how long an async test may take")
    config.addinivalue_line("markers", "long: takes minutes; only with ROOMCAST_LONG")


def pytest_collection_modifyitems(items):
    if os.environ.get("ROOMCAST_LONG"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: tests/run.sh --long"))


def pytest_make_parametrize_id(val):
    """Long or binary values would make names that nobody can read."""
    return repr(val[:24]) if isinstance(val, (str, bytes)) and len(val) > 24 else None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of its gateways' logs."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and call.when == "call":
        for g in getattr(item, "gateways", []):
            report.sections.append((f"log of {g.log_path.parent.name}", g.log()[-4000:]))


@pytest.fixture
def redis(tmp_path):
    """A Redis server, which outlives the test's gateways."""
    with Redis(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def cluster(redis, start):
    """`await cluster(3, lease_ms=1000)`: so many gateways on one Redis; all of them are ready.

    `redis="redis://…"` takes another road to it; `ready=False` does not wait.
    """

    async def start_cluster(n, ready=True, **options):
        options = {"tier": "redis", "redis": redis.url(), "lease_ms": 2000, **options}
        gateways = [await asyncio.to_thread(start, **options) for _ in range(n)]

        async def all_ready():
            answers = [await g.http("GET", "/readyz") for g in gateways]
            return all(a.status == 200 for a in answers)

        if ready:
            await eventually(all_ready, timeout=10)
        return gateways

    return start_cluster


@pytest.fixture
def start(request, tmp_path):
    running = request.node.gateways = []

    def start_one(config=None, env=None, **options):
        directory = tmp_path / f"gateway{len(running)}"
        directory.mkdir()
        g = Gateway(directory, config, env, **options)
        running.append(g)
        return g.start()

    yield start_one
    failures = []
    for g in running:
        try:
            g.stop()
        except AssertionError as e:
            failures.append(str(e))
    assert not failures, "\n".join(failures)


@pytest.fixture
def gateway(start):
    return start()
