#!/usr/bin/python3
"""Where the CPU time of a gateway goes under a scene of roomcast-bench, by component, from perf.

Needs root (perf reads the kernel's side), a quiet machine, and perf (Debian's package linux-perf).
"""

import argparse
import bisect
import contextlib
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from gateway import BUILD, PROGRAM, READY

PERF = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "1999", "-g"]
OPEN = (
    "--listen=127.0.0.1:0 --admin-listen=off --max-rate=10000000 --queue-messages=100000 "
    "--queue-bytes=67108864 --max-connections=19000"
).split()

# The first that stands in a call chain of the kernel, the innermost ones before.
KERNEL = (
    ("sock_def_readable", "kernel: send, waking the receiver"),
    ("net_rx_action", "kernel: send, loopback into the receiver's socket"),
    ("__x64_sys_sendto", "kernel: send, out through TCP and IP"),
    ("__x64_sys_recvfrom", "kernel: recv"),
    ("__x64_sys_epoll_wait", "kernel: epoll_wait"),
)
OURS = (
    ("broker-common/queue", "queue"),
    ("broker-common/(json|envelope|event_types|parcel)", "JSON"),
    ("broker-common/message", "framing"),
    ("gateway/core/delivery", "delivery"),
    ("gateway/core/session", "session"),
    ("gateway/server/(peer|socket|tls)", "peer"),
    ("gateway/server/(reader|joiner)", "reader of frames"),
    ("gateway/base/(lws_)?loop", "loop"),
    ("gateway/tier/", "tier"),
    ("gateway/(verbs|core)/", "verbs, way up"),
)
LINE = re.compile(r"\s+([0-9a-f]+) (.*) \((.*)\)$")


class Sources:
    """Which source file an address of the program belongs to: that of its function, which may have
    others inlined into it. Names would not do: two files may have a static function each."""

    def __init__(self, program):
        out = subprocess.run(
            ["nm", "-l", "--defined-only", program], capture_output=True, text=True, check=True
        )
        found = re.findall(r"^([0-9a-f]+) [tT] \S+\t(.*):\d+$", out.stdout, re.MULTILINE)
        self.table = sorted((int(address, 16), path) for address, path in found)

    def component(self, address):
        at = bisect.bisect_right(self.table, (address, "~")) - 1
        path = self.table[at][1] if at >= 0 else ""
        for pattern, name in OURS:
            if re.search(pattern, path):
                return name
        return "other code of ours"


def component(chain, sources):
    """Of one sample; its innermost frame comes first."""
    address, _, dso = chain[0]
    if "kernel" in dso:
        names = {name for _, name, _ in chain}
        return next((what for name, what in KERNEL if name in names), "kernel: other")
    if dso.endswith("/" + PROGRAM.name):
        return sources.component(int(address, 16))
    if "vdso" in dso:
        return "clock (vdso)"
    return re.sub(r"[-.\d]*\.so.*", "", dso.rsplit("/", 1)[-1])


def shares(script, sources):
    """Percent of all samples, by component."""
    found, chain = Counter(), []
    for line in [*script.splitlines(), ""]:
        frame = LINE.match(line)
        if frame:
            chain.append(frame.groups())
        elif chain and not line.strip():
            found[component(chain, sources)] += 1
            chain = []
    if found.total() == 0:
        raise ValueError("perf has taken no sample")
    return {name: 100 * n / found.total() for name, n in found.items()}


@contextlib.contextmanager
def gateway(directory):
    """On the first processor; gives its process and port."""
    path = Path(directory) / "log"
    with open(path, "wb") as log:
        process = subprocess.Popen(["taskset", "-c", "0", PROGRAM, *OPEN], stdout=log, stderr=log)
    try:
        for _ in range(500):
            if ready := READY.search(path.read_text()):
                break
            time.sleep(0.01)
        if not ready:
            sys.exit(f"the gateway does not start:\n{path.read_text()}")
        yield process, int(ready[1])
    finally:
        process.terminate()
        process.wait()


def run(scene, seconds, sources):
    """CPU µs of one delivery, and the shares."""
    with tempfile.TemporaryDirectory() as directory, gateway(directory) as (process, port):
        bench = subprocess.Popen(
            [
                BUILD / "roomcast-bench", f"--endpoint=ws://127.0.0.1:{port}/v1/ws",
                f"--scene={scene}", f"--server-pid={process.pid}", "--pin", "--json",
                "--warm-up=2", f"--duration={seconds}",
            ],
            stdout=subprocess.PIPE, text=True,
        )
        time.sleep(2.5)  # connected, and warm
        data = Path(directory) / "perf.data"
        subprocess.run(
            [*PERF, "-o", data, "-p", str(process.pid), "--", "sleep", str(seconds - 1)], check=True
        )
        result = json.loads(bench.communicate()[0])["servers"]["roomcast"]["result"]
        script = subprocess.run(
            ["perf", "script", "-i", data, "-F", "ip,sym,dso"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True,
        )
        print(
            f"  {result['cpu_us_per_delivery']:.2f} µs, other processes busy "
            f"{result['others_busy_percent']:.0f} % of a processor", file=sys.stderr,
        )
        return result["cpu_us_per_delivery"], shares(script.stdout, sources)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scene", help="of roomcast-bench (see its --list-scenes)")
    parser.add_argument("--repeat", type=int, default=5, help="runs to take the medians of (5)")
    parser.add_argument("--seconds", type=int, default=5, help="of each (5)")
    chosen = parser.parse_args()
    sources = Sources(PROGRAM)
    runs = [run(chosen.scene, chosen.seconds, sources) for _ in range(chosen.repeat)]
    cpu = statistics.median(us for us, _ in runs)
    medians = {
        name: statistics.median(part.get(name, 0) for _, part in runs)
        for name in set().union(*(part for _, part in runs))
    }
    print(f"{chosen.scene}: {cpu:.2f} µs of CPU per delivery, medians of {chosen.repeat} runs")
    for name, percent in sorted(medians.items(), key=lambda item: -item[1]):
        print(f"{percent:6.1f} %  {cpu * percent / 100:6.3f} µs  {name}")


if __name__ == "__main__":
    main()
