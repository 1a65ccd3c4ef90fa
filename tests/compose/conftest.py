"""The compose test: docker-compose.yml with several gateways behind its balancer, for real.

    ROOMCAST_LONG=1 /usr/bin/python3 -m pytest tests/compose -v

Needs a Docker engine, or root and what deploy/install-deps.sh --compose installs; where there is
none, everything is skipped with the reason. Images of redis and haproxy are made from Debian's
packages where they are not here already (base-images.sh), the gateway's from this tree, unless
ROOMCAST_IMAGE names one to test instead.
"""

import asyncio
import inspect
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

# pylint: disable=wrong-import-position
import engine as docker_engine  # noqa: E402
from stack import Stack  # noqa: E402

LIMIT = 120  # seconds of one test


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    # pylint: disable-next=protected-access
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(asyncio.wait_for(pyfuncitem.obj(**arguments), LIMIT))
    return True


def pytest_collection_modifyitems(items):
    if os.environ.get("ROOMCAST_LONG"):
        return
    for item in items:
        item.add_marker(pytest.mark.skip(reason="takes minutes: tests/run.sh --long"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of its gateways' logs."""
    outcome = yield
    report = outcome.get_result()
    cluster = getattr(item, "funcargs", {}).get("cluster")
    if report.failed and call.when == "call" and cluster is not None:
        for gateway in cluster.gateways():
            report.sections.append((f"log of {gateway.id[:12]}", gateway.log()[-3000:]))


@pytest.fixture(scope="session")
def engine():
    try:
        with docker_engine.running():
            yield
    except docker_engine.NoEngine as why:
        pytest.skip(f"no Docker engine here: {why}")


@pytest.fixture(scope="session")
def stack(engine, tmp_path_factory):  # pylint: disable=unused-argument
    """Built and started with three gateways, taken down at the end."""
    it = Stack(tmp_path_factory.mktemp("stack"))
    it.build()
    try:
        it.up(3)
        yield it
    finally:
        it.down()


@pytest.fixture
def cluster(stack):
    """Three gateways, all of them ready, whatever the test before did to them."""
    stack.heal(3)
    asyncio.run(stack.ready(3))
    return stack
