#!/usr/bin/python3
"""CPU time of the gateway for one connection, by the kind of token that it brings.

Connections come one after the other: handshake, welcome, end. What is shown is the gateway's own time, user
and system, so that this script's does not matter; the line "none" is open mode. Run it on a quiet machine:

    tests/perf/tokens.py [CONNECTS]
"""

import os
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))
# pylint: disable=wrong-import-position
from support.process import Gateway  # noqa: E402
from support.tokens import SECRET, Key, token  # noqa: E402

ROUNDS = 5
RULES = [{"match": f"room:jobs.{n}.*", "can": ["join", "publish"]} for n in range(10)]


def cpu_us(pid):
    """Of all threads, in microseconds; the scheduler's count is finer than that of ticks."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total / 1000


def connect(address, request):
    with socket.create_connection(address) as s:
        s.sendall(request)
        data = b""
        while b'"type":"welcome"' not in data:
            got = s.recv(65536)
            assert got, data
            data += got


def measure(gateway, header, n):
    request = (
        f"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{header}\r\n"
    ).encode()
    connect(gateway.listen, request)
    before = cpu_us(gateway.pid)
    for _ in range(n):
        connect(gateway.listen, request)
    time.sleep(0.1)
    return (cpu_us(gateway.pid) - before) / n


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with tempfile.TemporaryDirectory() as d:
        directory = Path(d)
        secret = directory / "secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        keys = {alg: Key(alg) for alg in ("EdDSA", "ES256", "RS256")}
        public = directory / "public.pem"
        public.write_bytes(b"".join(k.public for k in keys.values()))
        claims = {"sub": "ann", "topics": RULES}
        tokens = {"HS256": token(**claims), **{alg: k.token(**claims) for alg, k in keys.items()}}
        common = {"allow_user_param": None, "admin_listen": "off", "max_connections": 20000}
        (directory / "open").mkdir()
        (directory / "locked").mkdir()
        bare = Gateway(directory / "open", **common).start()
        locked = Gateway(directory / "locked", jwt_hmac_secret_file=secret, jwt_public_key_file=public, **common).start()
        try:
            results = {"none": [], **{alg: [] for alg in tokens}}
            for _ in range(ROUNDS):
                results["none"].append(measure(bare, "", n))
                for alg, text in tokens.items():
                    results[alg].append(measure(locked, f"Authorization: Bearer {text}\r\n", n))
        finally:
            bare.stop()
            locked.stop()
        base = statistics.median(results["none"])
        for alg, values in results.items():
            median = statistics.median(values)
            print(f"{alg:6} {median:7.1f} us a connect, {median - base:+7.1f} us  ({min(values):.1f} to {max(values):.1f})")


if __name__ == "__main__":
    main()
