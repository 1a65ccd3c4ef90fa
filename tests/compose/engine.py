"""A Docker engine for the test: the one that answers, or one of our own, stopped at the end.

What an own one needs is in the build directory, so that images stay for the next run, and nothing
else on the machine sees them.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from support.timing import ROOT

INSTALL = "deploy/install-deps.sh --compose"
START_LIMIT = 30  # seconds


class NoEngine(Exception):
    """Why there is none, for a person."""


def answers():
    try:
        found = subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return found.returncode == 0


def has_compose():
    if shutil.which("docker-compose"):
        return True
    asked = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return asked.returncode == 0


def _start(directory, log):
    """dockerd, with nothing of it outside of our directories but its networks."""
    data = ROOT / "build/docker"
    data.mkdir(parents=True, exist_ok=True)
    host = f"unix://{directory}/docker.sock"
    process = subprocess.Popen(
        ["nice", "-n", "19", "dockerd", "--host", host, "--data-root", str(data)]
        + ["--exec-root", f"{directory}/exec", "--pidfile", f"{directory}/dockerd.pid"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    os.environ["DOCKER_HOST"] = host
    return process


def _last_line(path):
    lines = path.read_text(errors="replace").splitlines()
    return lines[-1] if lines else "it said nothing"


@contextlib.contextmanager
def running():
    """Raises NoEngine where there can be none."""
    for program in ("docker", "dockerd"):
        if not shutil.which(program):
            raise NoEngine(f"{program} is not installed ({INSTALL})")
    if not has_compose():
        raise NoEngine(f"docker-compose is not installed ({INSTALL})")
    if answers():
        yield
        return
    if os.geteuid() != 0:
        raise NoEngine("no Docker engine answers, and to start one needs root")
    with tempfile.TemporaryDirectory(prefix="roomcast-docker-") as directory:
        path = Path(directory, "dockerd.log")
        with open(path, "wb") as log:
            process = _start(directory, log)
        try:
            end = time.monotonic() + START_LIMIT
            while not answers():
                if process.poll() is not None or time.monotonic() > end:
                    raise NoEngine(f"dockerd does not start here: {_last_line(path)}")
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.environ.pop("DOCKER_HOST", None)
