"""The examples with TLS in front, deploy/nginx.conf and deploy/haproxy-tls.cfg, as they stand."""

import asyncio
import contextlib
import os
import ssl

import pytest
from stack import PROJECT, command, docker, log_of, present
from support.timing import eventually
from support.wsclient import Client, open_websocket

NAME = "rooms.example.com"
FRONTS = {
    "nginx": (
        ("nginx:1.27-alpine", "roomcast-local/nginx"),
        "deploy/nginx.conf",
        ["nginx", "-g", "daemon off;", "-c"],
        ["nginx", "-t", "-c"],
    ),
    "haproxy": (
        ("haproxy:3.0-alpine", "roomcast-local/haproxy"),
        "deploy/haproxy-tls.cfg",
        ["haproxy", "-f"],
        ["haproxy", "-c", "-f"],
    ),
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """The files that both examples name."""
    directory = tmp_path_factory.mktemp("tls")
    chain, key = directory / "fullchain.pem", directory / "key.pem"
    command(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "2", "-subj", f"/CN={NAME}"),
        *("-addext", f"subjectAltName=DNS:{NAME}"),
        *("-keyout", str(key), "-out", str(chain)),
    )
    (directory / "haproxy.pem").write_text(chain.read_text() + key.read_text())
    for path in directory.iterdir():
        path.chmod(0o644)  # the containers' users are others
    directory.chmod(0o755)
    return directory


class Front:
    def __init__(self, name, certificate, gateways):
        images, config, self.serve, self.check = FRONTS[name]
        self.image = next((i for i in images if present(i)), images[-1])
        self.target = f"/etc/roomcast/{os.path.basename(config)}"
        self.mounts = ["-v", f"{os.path.abspath(config)}:{self.target}:ro"]
        self.mounts += ["-v", f"{certificate}:/etc/roomcast/tls:ro"]
        self.hosts = [f"--add-host=gateway-{n}:{g.address()}" for n, g in enumerate(gateways, 1)]
        self.certificate = certificate

    def is_right(self):
        docker("run", "--rm", *self.mounts, *self.hosts, self.image, *self.check, self.target)

    @contextlib.contextmanager
    def running(self):
        network = [f"--network={PROJECT}_front", "-p", "127.0.0.1::8443"]
        safe = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--user", "65532:65532"]
        started = docker(
            *("run", "-d", *network, *safe, *self.mounts, *self.hosts),
            *(self.image, *self.serve, self.target),
        ).strip()
        try:
            yield int(docker("port", started, "8443").split(":")[-1])
        except BaseException:
            print(log_of(started))
            raise
        finally:
            docker("rm", "-f", started)

    async def client(self, port):
        trust = ssl.create_default_context(cafile=self.certificate / "fullchain.pem")
        ws = await open_websocket(
            f"wss://{NAME}/v1/ws", ssl=trust, server_hostname=NAME, host="127.0.0.1", port=port
        )
        client = Client(ws)
        client.welcome = await client.next("welcome")
        return client


@pytest.mark.parametrize("name", FRONTS)
async def test_clients_come_through_tls_and_are_spread(cluster, certificate, name):
    front = Front(name, certificate, cluster.gateways()[:2])
    await asyncio.to_thread(front.is_right)
    with front.running() as port:

        async def there():
            try:
                return await front.client(port)
            except OSError:
                return None

        clients = [await eventually(there, timeout=10)]
        clients += [await front.client(port) for _ in range(9)]
        assert len({c.welcome["node"] for c in clients}) == 2
        await asyncio.gather(*(c.ok("join", room="tls") for c in clients))
        await clients[0].ok("publish", topic="room:tls", event_type="t", payload="hello")
        for c in clients:
            assert (await c.event())["payload"] == "hello"
            await c.ws.close()
