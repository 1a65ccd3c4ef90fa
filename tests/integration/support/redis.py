"""A Redis server of the test's own: started on a free port, stopped by its process id.

`ROOMCAST_REDIS` names another program with the same options (Valkey); for Sentinel the same
program is started with `--sentinel`. Nothing is stored unless `appendonly="yes"`.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from urllib.parse import quote

from support.resp import Connection, ErrorReply
from support.timing import seconds

PROGRAM = os.environ.get("ROOMCAST_REDIS") or "redis-server"
DEFAULTS = {
    "bind": "127.0.0.1",
    "save": "",
    "appendonly": "no",
    "daemonize": "no",
    "enable-debug-command": "local",
    # a replica is in step at once
    "repl-diskless-sync-delay": 0,
    "repl-ping-replica-period": 1,
}


def program():
    found = shutil.which(PROGRAM)
    assert found, f"{PROGRAM} is not there: deploy/install-deps.sh --tests installs it"
    return found


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def line(name, values):
    """One line of its configuration file. A tuple is several arguments."""
    words = map(str, values if isinstance(values, tuple) else (values,))
    return " ".join([name, *(w if re.fullmatch(r"[\w./:-]+", w) else f'"{w}"' for w in words)])


def text(value):
    """Replies with their bulk strings as str (any byte survives)."""
    if isinstance(value, list):
        return [text(v) for v in value]
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else value


class Redis:
    """One server. Options of redis.conf as keywords (`_` for `-`); None leaves a default out."""

    def __init__(self, directory, sentinel=False, lines=(), **config):
        self.directory = directory
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log_path = directory / "redis.log"
        self.sentinel = sentinel
        self.lines = list(lines)  # of the configuration file, as they stand
        self.config = {name.replace("_", "-"): value for name, value in config.items()}
        self.config.setdefault("port", free_port())
        self.tls = None  # an ssl.SSLContext, where it takes nothing else
        self.user, self.password = None, self.config.get("requirepass")
        self.process = None
        self.paused = False

    # ---- how to reach it ----

    @property
    def port(self):
        return self.config.get("tls-port") or self.config["port"]

    @property
    def address(self):
        """(host, port), or the path of its Unix socket when it has no port."""
        return ("127.0.0.1", self.port) if self.port else self.config["unixsocket"]

    def url(self, db=0, user=None, password=None, scheme="redis"):
        """The option `redis` of a gateway."""
        who = "" if password is None else f"{quote(user or '', '')}:{quote(password, '')}@"
        if not self.port:
            return f"unix://{who}{self.address}?db={db}"
        return f"{scheme}://{who}127.0.0.1:{self.port}/{db}"

    def connection(self, timeout=5):
        c = Connection(self.address, timeout, self.tls)
        if self.password:
            c(*["AUTH", *([self.user] if self.user else []), self.password])
        return c

    def cli(self, *arguments, db=None):
        """One command on a connection of its own, in the process's way of strings."""
        with self.connection() as c:
            if db is not None:
                c("SELECT", db)
            return text(c(*arguments))

    def keys(self, pattern="*", db=None):
        return sorted(self.cli("KEYS", pattern, db=db))

    def clients(self):
        """CLIENT LIST as dictionaries, without the one that asks."""
        lines_ = self.cli("CLIENT", "LIST").splitlines()
        found = [dict(f.split("=", 1) for f in one.split() if "=" in f) for one in lines_]
        return [f for f in found if "client" not in f["cmd"]]

    # ---- its life ----

    def start(self):
        for _ in range(5):
            self._run()
            if self._answers():
                return self
            self.process.wait()  # somebody else was quicker to take the port
            if self.config["port"]:
                self.config["port"] = free_port()
        raise AssertionError(f"{PROGRAM} does not start:\n{self.log()}")

    def _run(self):
        path = self.directory / "redis.conf"
        if not (self.sentinel and path.exists()):  # a Sentinel writes there what it knows
            settings = {**({"bind": "127.0.0.1"} if self.sentinel else DEFAULTS), **self.config}
            lines = [line(k, v) for k, v in settings.items() if v is not None]
            path.write_text("\n".join([*lines, f"dir {self.directory}", *self.lines, ""]))
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [program(), str(path), *(["--sentinel"] if self.sentinel else [])],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _answers(self, timeout=20):
        """Whether it answers PING; False when it has ended instead."""
        end = time.monotonic() + seconds(timeout)
        while self.process.poll() is None:
            try:
                with self.connection() as c:
                    if c("PING") == "PONG":
                        return True
            except (OSError, ErrorReply):
                pass
            assert time.monotonic() < end, f"it does not answer:\n{self.log()}"
            time.sleep(0.005)
        return False

    def log(self):
        return self.log_path.read_text(errors="replace")

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)
        self.paused = True

    def resume(self):
        self.process.send_signal(signal.SIGCONT)
        self.paused = False

    def kill(self):
        """As kill -9 does."""
        if self.alive():
            self.process.kill()
        self.process.wait()

    def stop(self):
        """In good order."""
        if not self.alive():
            return
        if self.paused:
            self.resume()
        self.process.terminate()
        try:
            self.process.wait(seconds(5))
        except subprocess.TimeoutExpired:
            self.kill()

    def restart(self, keep=True):
        """Again on the same port; with `keep` and appendonly it has what it had."""
        self.kill()
        if not keep:
            for name in ("appendonlydir", "dump.rdb", "appendonly.aof"):
                path = self.directory / name
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
        self._run()
        assert self._answers(), self.log()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class Guarded:
    """A master with a replica, and Sentinels that watch them (two votes decide)."""

    def __init__(self, directory, sentinels=3, name="mymaster", down_after_ms=1000, **config):
        self.name = name
        self.nodes = [Redis(directory / "master", **config)]
        master = self.nodes[0]
        self.nodes.append(
            Redis(directory / "replica", replicaof=("127.0.0.1", master.port), **config)
        )
        self.sentinels = [
            Redis(
                directory / f"sentinel{i}",
                sentinel=True,
                lines=[
                    f"sentinel monitor {name} 127.0.0.1 {master.port} 2",
                    f"sentinel down-after-milliseconds {name} {down_after_ms}",
                    f"sentinel failover-timeout {name} 5000",
                ],
            )
            for i in range(sentinels)
        ]

    def url(self, db=0):
        hosts = ",".join(f"127.0.0.1:{s.port}" for s in self.sentinels)
        return f"sentinel://{hosts}/{self.name}?db={db}"

    def master_port(self):
        """What a Sentinel says."""
        for s in self.sentinels:
            if s.alive():
                return int(s.cli("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.name)[1])
        raise AssertionError("no Sentinel lives")

    def master(self):
        port = self.master_port()
        return next(n for n in self.nodes if n.port == port)

    def complete(self):
        """Whether the replica is in step, and every Sentinel knows it and the others."""
        if "master_link_status:up" not in self.nodes[1].cli("INFO", "replication"):
            return False
        for s in self.sentinels:
            info = s.cli("SENTINEL", "MASTER", self.name)
            facts = dict(zip(info[::2], info[1::2]))
            if facts["num-slaves"] != "1" or int(facts["num-other-sentinels"]) + 1 != len(
                self.sentinels
            ):
                return False
        return True

    def __enter__(self):
        started = []
        try:
            for server in [*self.nodes, *self.sentinels]:
                started.append(server.start())
            end = time.monotonic() + seconds(20)
            while not self.complete():
                assert time.monotonic() < end, "Sentinel, master and replica do not find together"
                time.sleep(0.05)
        except BaseException:
            for server in started:
                server.stop()
            raise
        return self

    def __exit__(self, *_):
        for server in [*self.sentinels, *self.nodes]:
            server.stop()
