"""The scenes that are counted. In each one thing happens at a time, so that every run has the same
passes of the loop: what is published next waits until everybody has read what came before.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Callable

from gateway import counts_of, frame

RECEIVERS = 50
BURST = 16
PAYLOAD = '{"text":"' + "x" * 117 + '"}'  # 128 bytes
ALLOCATIONS = ("malloc", "calloc", "realloc")
LIBC_NAMES = re.compile(r"^(__libc_|__)")  # which of a function's names is shown is libc's affair


def publish(room, more=""):
    return frame(
        '{"type":"publish",%s"topic":"room:%s","event_type":"perf","payload":%s}'
        % (more, room, PAYLOAD)
    )


def one_room(gateway, times, burst=1):
    members = [gateway.connect() for _ in range(RECEIVERS)]
    for member in members:
        member.join("perf")
    publisher, frames = gateway.connect(), publish("perf") * burst
    for _ in range(times):
        publisher.send(frames)
        for member in members:
            for _ in range(burst):
                member.expect("event")


def one_room_burst(gateway, times):
    one_room(gateway, times, BURST)


def connects(gateway, times):
    gateway.connect()  # who asks for the last pong
    for i in range(times):
        gateway.connect().join(f"room{i // 10}")


def nobody(gateway, times):
    publisher, frames = gateway.connect(), publish("empty", '"id":1,')
    for _ in range(times):
        publisher.send(frames)
        publisher.expect("ack")


@dataclass(frozen=True)
class Scene:
    play: Callable
    times: int
    units: int  # what is counted, in one time
    unit: str


SCENES = {
    "one-room": Scene(one_room, 200, RECEIVERS, "delivery"),
    "one-room-burst": Scene(one_room_burst, 20, RECEIVERS * BURST, "delivery"),
    "connect": Scene(connects, 200, 1, "connect"),
    "nobody": Scene(nobody, 1000, 1, "publish"),
}


@dataclass(frozen=True)
class Measured:
    """Per unit, in the gateway's own code: instructions, and what it asks of libc and kernel."""

    figures: dict
    by_function: Counter


def measure(name):
    """Two runs, one twice as long: the start, and whatever else is done once, is in both."""
    scene = SCENES[name]
    more = counts_of(scene.play, 2 * scene.times).less(counts_of(scene.play, scene.times))
    units = scene.times * scene.units
    calls = Counter()
    for callee, n in more.calls.items():
        calls[LIBC_NAMES.sub("", callee)] += n
    figures = {
        "instructions": round(more.total() / units, 1),
        "sends": round(calls["send"] / units, 3),
        "allocations": round(sum(calls[callee] for callee in ALLOCATIONS) / units, 3),
    }
    return Measured(figures, Counter({f: n / units for f, n in more.instructions.items()}))
