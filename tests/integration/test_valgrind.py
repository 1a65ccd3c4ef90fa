"""A short scene under valgrind: no invalid access, no use of undefined bytes, nothing lost."""

import shutil
import signal
import subprocess
import time

import pytest
from support.process import DEFAULTS, PROGRAM, environment, flags, parse_line, split_address
from support.rawws import Peer, text
from support.timing import SANITIZED


class Ready:
    """What support.rawws needs to know of a gateway."""

    def __init__(self, listen):
        self.listen = listen


def wait_ready(log, process):
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        for line in log.read_text().splitlines():
            if "event=gateway.ready" in line:
                return split_address(parse_line(line)["listen"])
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.mark.skipif(SANITIZED, reason="valgrind and the sanitizers exclude each other")
@pytest.mark.limit(120)
async def test_a_short_scene_is_clean_under_valgrind(tmp_path):
    assert shutil.which("valgrind"), "deploy/install-deps.sh --tests installs it"
    log = tmp_path / "log"
    command = [
        "valgrind", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite",
        "-q", str(PROGRAM), *flags({**DEFAULTS, "queue_policy": "drop_oldest", "queue_messages": 5}),
    ]  # fmt: skip
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment())
    try:
        gateway = Ready(wait_ready(log, process))
        ann, bob = await Peer.open(gateway), await Peer.open(gateway)
        for peer in (ann, bob):
            await peer.send(text(type="join", id=1, room="r", presence=True, info={"n": 1}))
            await peer.next("ack")
        await ann.send(text(type="publish", id=2, topic="room:r", event_type="t", payload="x" * 50000))
        await ann.next("ack")
        assert len((await bob.next("event"))["payload"]) == 50000
        for n in range(50):
            await ann.send(text(type="publish", topic="room:r", event_type="t", payload=n))
        await ann.send(text(type="nothing", id=3))
        await ann.next("error")
        await bob.send(text(type="leave", id=4, room="r"))
        await bob.next("ack")
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
    assert code == 0, log.read_text()
