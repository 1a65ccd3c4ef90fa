"""A gateway as a process: started on free ports, watched, stopped, and looked at afterwards."""

import os
import re
import signal
import subprocess
import time

from support.httpio import request
from support.metrics import Metrics
from support.timing import BUILD, SANITIZED, seconds

PROGRAM = BUILD / "roomcast-gateway"

DEFAULTS = {
    "listen": "127.0.0.1:0",
    "admin_listen": "127.0.0.1:0",
    "allow_user_param": "on",
    "drain_ms": 0,
}

SANITIZER = re.compile(
    r"ERROR: \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer|Assertion .* failed"
)
FIELD = re.compile(r'([A-Za-z_]\w*)=("(?:[^"\\]|\\.)*"|\S*)(?: |$)')


def flags(options):
    """Options as the command line has them; None leaves one out."""
    return [
        f"--{name.replace('_', '-')}={value}"
        for name, value in options.items()
        if value is not None
    ]


def environment(extra=None):
    """Ours without the gateway's own options, which would change what is tested."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("ROOMCAST_")}
    if SANITIZED:
        env.setdefault("ASAN_OPTIONS", "exitcode=97:detect_leaks=1")
        env.setdefault("UBSAN_OPTIONS", "exitcode=97:halt_on_error=1:print_stacktrace=1")
    env.update(extra or {})
    return env


def run(*arguments, env=None, timeout=10, **options):
    """Run the program to its end: for what it does without serving anybody."""
    return subprocess.run(
        [str(PROGRAM), *arguments, *flags(options)],
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds(timeout),
        check=False,
    )


def parse_line(line):
    """The fields of one key=value log line; raises ValueError when it is not one."""
    fields, at = {}, 0
    while at < len(line):
        m = FIELD.match(line, at)
        if m is None:
            raise ValueError(f"not a log line: {line!r}")
        fields[m[1]] = m[2]
        at = m.end()
    return fields


def split_address(text):
    host, _, port = text.strip('"').rpartition(":")
    return host.strip("[]"), int(port)


class Gateway:
    """One running gateway. `listen` and `admin` are (host, port)."""

    def __init__(self, directory, config=None, env=None, **options):
        self.directory = directory
        self.log_path = directory / "gateway.log"
        self.config_path = directory / "gateway.ini"
        self.env = env
        arguments = {**DEFAULTS, **options}
        if config is not None:
            self.config_path.write_text(config)
            arguments["config"] = self.config_path
        self.arguments = flags(arguments)
        self.process = None
        self.stopped = self.ending = False
        self.exit_code = 0  # what it shall end with

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(PROGRAM), *self.arguments],
                env=environment(self.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        ready = self.wait_for_log("gateway.ready", timeout=10)
        self.listen = split_address(ready["listen"])
        self.admin = (
            split_address(ready["admin"]) if ready.get("admin") not in (None, "off", '""') else None
        )
        return self

    @property
    def pid(self):
        return self.process.pid

    # ---- its log ----

    def log(self):
        return self.log_path.read_text(errors="surrogateescape")

    def log_lines(self, event=None):
        """Whole lines so far, as fields (key=value format)."""
        text = self.log()
        lines = [parse_line(line) for line in text[: text.rfind("\n") + 1].splitlines()]
        return [line for line in lines if event is None or line.get("event") == event]

    def wait_for_log(self, event, timeout=5, count=1):
        """The `count`th line of that event, once it is there."""
        end = time.monotonic() + seconds(timeout)
        while True:
            if f"event={event}" in self.log():
                found = self.log_lines(event)
                if len(found) >= count:
                    return found[count - 1]
            code = self.process.poll()
            assert code is None, f"the gateway ended with {code}:\n{self.log()}"
            assert time.monotonic() < end, f"no {event} in the log:\n{self.log()}"
            time.sleep(0.002)

    # ---- its state ----

    def rss_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    async def http(self, method, path, **kw):
        return await request(self.admin, method, path, **kw)

    async def metrics(self):
        answer = await self.http("GET", "/metrics")
        assert answer.status == 200, answer
        return Metrics(answer.text)

    # ---- its end ----

    def signal(self, number):
        self.ending = self.ending or number in (signal.SIGTERM, signal.SIGINT)
        self.process.send_signal(number)

    def wait(self, timeout=10):
        """Its exit code. A process that stays is a failed test."""
        end = time.monotonic() + seconds(timeout)
        while self.process.poll() is None:  # Popen.wait() looks only every 50 ms
            if time.monotonic() > end:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"the gateway did not end within {seconds(timeout)} s")
            time.sleep(0.002)
        return self.process.returncode

    def stop(self, timeout=15):
        """SIGTERM, and everything about the end must be clean."""
        if self.stopped or self.process is None:
            return
        self.stopped = True
        if self.process.poll() is None and not self.ending:  # a second one would cut it short
            self.signal(signal.SIGTERM)
        code = self.wait(timeout)
        found = SANITIZER.search(self.log())
        assert not found, f"a sanitizer report:\n{self.log()[-8000:]}"
        assert code == self.exit_code, f"exit code {code}:\n{self.log()[-8000:]}"
