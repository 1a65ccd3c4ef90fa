"""docker-compose.yml as a user runs it, under a project name and on ports of the test's own."""

import json
import os
import re
import secrets
import subprocess
from types import SimpleNamespace

from support.httpio import request
from support.metrics import Metrics
from support.timing import ROOT, eventually

PROJECT = f"roomcast-test-{os.getpid()}"


class Failed(AssertionError):
    pass


def command(*arguments, timeout=240):
    """Its standard output; a command that fails fails the test with what it said."""
    done = subprocess.run(
        arguments, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False
    )
    if done.returncode != 0:
        raise Failed(f"{' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"[-6000:])
    return done.stdout


def docker(*arguments, **options):
    return command("docker", *arguments, **options)


def log_of(container):
    both = subprocess.run(
        ["docker", "logs", container], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return both.stdout.decode(errors="replace")


def present(image):
    found = subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False)
    return found.returncode == 0


def originals():
    """The images that docker-compose.yml takes from elsewhere; no test needs Grafana's."""
    named = re.findall(r"^    image: (\S+:\S+)$", (ROOT / "docker-compose.yml").read_text(), re.M)
    return [image for image in named if "{" not in image and "grafana" not in image]


def _program():
    v2 = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return ("docker", "compose") if v2.returncode == 0 else ("docker-compose",)


class Container:
    """One gateway's."""

    def __init__(self, stack, identity):
        self.stack, self.id = stack, identity

    def address(self, network="front"):
        networks = json.loads(docker("inspect", self.id))[0]["NetworkSettings"]["Networks"]
        return networks[f"{PROJECT}_{network}"]["IPAddress"]

    async def http(self, path):
        return await request((self.address(), 8001), "GET", path)

    async def status(self, path):
        """Of an answer; 0: nobody is there."""
        try:
            return (await self.http(path)).status
        except OSError:
            return 0

    async def metrics(self):
        return Metrics((await self.http("/metrics")).text)

    async def node(self):
        return json.loads((await self.http("/healthz")).text)["node"]

    def cut_off(self):
        """From Redis, and from nothing else."""
        docker("network", "disconnect", f"{PROJECT}_tier", self.id)

    def connect(self):
        docker("network", "connect", f"{PROJECT}_tier", self.id)

    def log(self):
        return log_of(self.id)


class Stack:
    def __init__(self, directory):
        files = ["docker-compose.yml", "deploy/compose-keys.yml"]
        if not all(present(image) for image in originals()):
            command("tests/compose/base-images.sh")
            files.append("tests/compose/local-images.yml")
        self.key = secrets.token_urlsafe(24)
        keys = directory / "keys"
        keys.write_text(f"oncall admin {self.key}\n")
        keys.chmod(0o644)  # whoever runs this cannot always give it to the container's user
        os.environ.update(
            ROOMCAST_KEYS=str(keys),
            COMPOSE_FILE=":".join(files),
            COMPOSE_PROJECT_NAME=PROJECT,
            ROOMCAST_BIND="127.0.0.1:",
            ROOMCAST_PROMETHEUS_BIND="127.0.0.1:",
        )
        self.program = _program()

    def compose(self, *arguments):
        return command(*self.program, *arguments)

    def up(self, gateways, *services):
        self.compose("up", "-d", "--scale", f"gateway={gateways}", *services)

    def build(self):
        """This tree's image, unless ROOMCAST_IMAGE names another one to test."""
        if not os.environ.get("ROOMCAST_IMAGE"):
            self.compose("build", "gateway")

    def down(self):
        self.compose("--profile", "observe", "down", "-v", "-t", "1")

    def port(self, service, port):
        """Where it can be reached: (host, port)."""
        host, _, number = self.compose("port", service, str(port)).strip().rpartition(":")
        return host, int(number)

    @property
    def balancer(self):
        return SimpleNamespace(listen=self.port("haproxy", 8000))

    def gateways(self):
        return [Container(self, i) for i in self.compose("ps", "-aq", "gateway").split()]

    async def gateway_of(self, node):
        for gateway in self.gateways():
            if await gateway.node() == node:
                return gateway
        raise AssertionError(f"no gateway is node {node}")

    async def ready(self, n):
        """So many gateways are ready, and the balancer knows."""

        async def all_ready():
            gateways = self.gateways()
            return len(gateways) == n and all([await g.status("/readyz") == 200 for g in gateways])

        await eventually(all_ready, timeout=40)

    def heal(self, n):
        """After a test that failed half-way: everything runs again and is connected."""
        for gateway in self.gateways():
            state = json.loads(docker("inspect", gateway.id))[0]
            if state["State"]["Paused"]:
                docker("unpause", gateway.id)
            if not state["State"]["Running"]:
                docker("start", gateway.id)
            if f"{PROJECT}_tier" not in state["NetworkSettings"]["Networks"]:
                gateway.connect()
        if len(self.gateways()) != n:
            self.scale(n)

    def ctl(self, *arguments):
        """roomcastctl of one of the gateways, asked for JSON."""
        key = f"ROOMCAST_KEY={self.key}"
        return json.loads(
            self.compose("exec", "-T", "-e", key, "gateway", "roomcastctl", *arguments, "--json")
        )

    def scale(self, n):
        self.compose("up", "-d", "--no-recreate", "--scale", f"gateway={n}", "gateway")
