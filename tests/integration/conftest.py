"""Integration tests: one gateway as a process, over real sockets.

A test function may be async; it gets a loop and a time limit of its own. `gateway` is a running
gateway with the options of the tests; `start(name=value, …)` starts one with others. At the end
of a test every gateway is stopped by SIGTERM and must end with 0, without a sanitizer's report.
"""

import asyncio
import inspect

import pytest

from support.process import PROGRAM, Gateway
from support.timing import seconds

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
