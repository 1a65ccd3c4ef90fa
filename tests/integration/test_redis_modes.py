"""How Redis is reached: sockets, TLS, users, databases, prefixes, several servers, Sentinel."""

import asyncio
import ssl
import subprocess

import pytest
from support import parcel, registry
from support.cluster import FAST, all_agree, crowd, post, ready
from support.outage import HEALED, OPTIONS, Outage
from support.process import run
from support.redis import Guarded, Redis, free_port
from support.timing import eventually, seconds
from support.wsclient import connect


async def works(*gateways):
    """A message from each to each, and everybody in one list."""
    async with crowd(gateways, 1) as groups:
        clients = [c for (c,) in groups]
        for client in clients:
            await client.ok("join", room="works", presence=True)
        for n, speaker in enumerate(clients):
            await speaker.ok("publish", topic="room:works", event_type="t", payload=n)
            for client in clients:
                assert (await client.event())["payload"] == n
        await all_agree(gateways, "works", [c.id for c in clients])


async def refuses(gateway, *words):
    """It runs, is not ready, and its log says why, in few lines."""
    line = await asyncio.to_thread(gateway.wait_for_log, "tier.link", 5)
    await asyncio.sleep(0.5)
    assert not await ready(gateway)
    said = gateway.log()
    assert any(w in said for w in words), said
    assert said.count("event=tier.") <= 6, f"it says so again and again:\n{said}"
    return line


# ---- sockets, databases, prefixes ----


async def test_over_a_unix_socket(cluster, tmp_path):
    with Redis(tmp_path / "u", port=0, unixsocket=tmp_path / "u" / "s") as redis:
        gateways = await cluster(2, redis=redis.url(db=1))
        await works(*gateways)
        assert redis.keys(db=1) and not redis.keys(db=0)


@pytest.mark.parametrize("db", [0, 5, 15])
async def test_the_registry_is_in_its_database(cluster, redis, db):
    gateways = await cluster(2, redis=redis.url(db=db))
    await works(*gateways)
    async with connect(gateways[0]) as ann:
        await ann.ok("join", room="r", presence=True)
        found = registry.read(redis, db=db)
        found.check()
        assert found.rooms() == {"r": 1}
    assert all(not redis.keys(db=other) for other in (0, 1, 5, 15) if other != db)


async def test_a_database_that_does_not_exist_is_said(cluster, redis):
    (gateway,) = await cluster(1, ready=False, redis=redis.url(db=99))
    await refuses(gateway, "DB index")


async def test_two_clusters_on_one_redis_do_not_hear_each_other(cluster, redis):
    one = await cluster(2, redis_prefix="one")
    two = await cluster(2, redis_prefix="two.of:them")
    async with crowd(one, 1) as ((ann,), (bob,)), crowd(two, 1) as ((cat,), (dan,)):
        for client in (ann, bob, cat, dan):
            await client.ok("join", room="r", presence=True)
        await all_agree(one, "r", [ann.id, bob.id])
        await all_agree(two, "r", [cat.id, dan.id])
        for topic in ("room:r", "all"):
            await ann.ok("publish", topic=topic, event_type="t", payload=1)
            assert (await bob.event())["topic"] == topic
        assert (await post(two[0], f"client:{ann.id}")).status == 404
        await cat.silent("event", 0.1)
        await dan.silent("event", 0.01)
        for prefix, node in (("one", ann.id[:8]), ("two.of:them", cat.id[:8])):
            found = registry.read(redis, prefix)
            found.check()
            assert found.rooms() == {"r": 2}
            assert node in {inc[:8] for inc in found.incarnations()}


# ---- TLS ----


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def signed(directory, ca, name, names):
    """A certificate of that authority and its key."""
    cert, key, ask = (directory / f"{name}.{end}" for end in ("pem", "key", "csr"))
    openssl("req", *KEY, "-keyout", key, "-out", ask, "-subj", f"/CN={name}")
    extensions = directory / f"{name}.ext"
    extensions.write_text(f"subjectAltName={names}\n")
    openssl(
        "x509", "-req", "-in", ask, "-CA", ca[0], "-CAkey", ca[1], "-out", cert, "-days", "2",
        "-CAcreateserial", "-extfile", extensions,
    )  # fmt: skip
    return cert, key


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    d = tmp_path_factory.mktemp("redis-tls")
    made = {}
    for name in ("ca", "stranger"):
        made[name] = d / f"{name}.pem", d / f"{name}.key"
        openssl(
            "req", "-x509", *KEY, "-keyout", made[name][1], "-out", made[name][0], "-days", "2",
            "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE",
        )  # fmt: skip
    made["server"] = signed(d, made["ca"], "server", "IP:127.0.0.1,DNS:localhost")
    made["elsewhere"] = signed(d, made["ca"], "elsewhere", "DNS:elsewhere.example,IP:10.0.0.1")
    made["client"] = signed(d, made["ca"], "client", "DNS:client.example")
    made["impostor"] = signed(d, made["stranger"], "impostor", "DNS:client.example")
    return made


def redis_with_tls(directory, certificates, server="server", clients="no"):
    cert, key = certificates[server]
    redis = Redis(
        directory, port=0, tls_port=free_port(), tls_cert_file=cert, tls_key_file=key,
        tls_ca_cert_file=certificates["ca"][0], tls_auth_clients=clients,
    )  # fmt: skip
    redis.tls = ssl.create_default_context(cafile=certificates["ca"][0])
    redis.tls.check_hostname = False
    redis.tls.load_cert_chain(*certificates["client"])
    return redis


async def test_over_tls_with_an_authority(cluster, certificates, tmp_path):
    with redis_with_tls(tmp_path / "t", certificates) as redis:
        ca = certificates["ca"][0]
        gateways = await cluster(1, redis=redis.url(scheme="rediss"), redis_ca=ca)
        gateways += await cluster(
            1, redis=f"rediss://localhost:{redis.port}/0", redis_ca=ca
        )
        await works(*gateways)


async def test_over_tls_with_a_certificate_of_its_own(cluster, certificates, tmp_path):
    with redis_with_tls(tmp_path / "t", certificates, clients="yes") as redis:
        options = {"redis": redis.url(scheme="rediss"), "redis_ca": certificates["ca"][0]}
        cert, key = certificates["client"]
        gateways = await cluster(2, redis_cert=cert, redis_key=key, **options)
        await works(*gateways)
        cert, key = certificates["impostor"]
        for more in ({}, {"redis_cert": cert, "redis_key": key}):
            (gateway,) = await cluster(1, ready=False, **options, **more)
            await asyncio.sleep(0.7)
            assert not await ready(gateway)
            assert "event=tier." in gateway.log()


async def test_a_server_that_tls_cannot_trust_is_refused(cluster, certificates, tmp_path):
    with redis_with_tls(tmp_path / "t", certificates) as redis:
        for options in (
            {"redis_ca": certificates["stranger"][0]},  # another authority
            {},  # those that the system trusts
        ):
            (gateway,) = await cluster(
                1, ready=False, redis=redis.url(scheme="rediss"), **options
            )
            await refuses(gateway, "certificate")
    with redis_with_tls(tmp_path / "e", certificates, server="elsewhere") as redis:
        for host in ("127.0.0.1", "localhost"):
            (gateway,) = await cluster(
                1, ready=False, redis=f"rediss://{host}:{redis.port}",
                redis_ca=certificates["ca"][0],
            )  # fmt: skip
            await refuses(gateway, "mismatch", "certificate", "host")


async def test_tls_and_plain_do_not_talk_to_each_other(cluster, certificates, redis, tmp_path):
    options = {"ready": False, "redis_timeout_ms": 500, "redis_ca": certificates["ca"][0]}
    (gateway,) = await cluster(1, redis=redis.url(scheme="rediss"), **options)
    with redis_with_tls(tmp_path / "t", certificates) as secure:
        (another,) = await cluster(1, redis=secure.url(), **options)
        await asyncio.sleep(1)
        for g in (gateway, another):
            assert not await ready(g)
            assert "event=tier." in g.log()


def test_wrong_files_for_tls_stop_the_start(certificates, tmp_path):
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate\n")
    cert, key = certificates["client"]
    for options, named in (
        ({"redis_ca": tmp_path / "none"}, tmp_path / "none"),
        ({"redis_ca": junk}, junk),
        ({"redis_cert": cert}, "redis_key"),
        ({"redis_cert": junk, "redis_key": key}, junk),
        ({"redis_cert": cert, "redis_key": certificates["ca"][1]}, cert),
    ):
        ended = run(
            listen="127.0.0.1:0", admin_listen="off", tier="redis", redis="rediss://127.0.0.1:1",
            **options,
        )  # fmt: skip
        assert ended.returncode in (1, 2), options
        assert str(named) in ended.stderr, ended.stderr


# ---- users and passwords ----

PASSWORD = "p@ss:w/r%d ä?#"
SECRETS = (PASSWORD, "p%40ss", "p@ss")


def assert_secret(text):
    assert not [s for s in SECRETS if s in text], text


async def test_with_a_password(cluster, tmp_path):
    with Redis(tmp_path / "p", requirepass=PASSWORD) as redis:
        gateways = await cluster(2, redis=redis.url(password=PASSWORD), log_level="debug")
        await works(*gateways)
        for gateway in gateways:
            assert_secret(gateway.log())
            assert_secret((await gateway.http("GET", "/healthz")).text)


ACL = [
    "user default off",
    "user cast on >secret2 ~{roomcast:*}* &roomcast:* +@all -@dangerous +info",
]


async def test_with_a_user_who_may_do_only_what_is_needed(cluster, tmp_path):
    acl = tmp_path / "users.acl"
    acl.write_text("\n".join([*ACL, ""]))
    redis = Redis(tmp_path / "p", aclfile=acl)
    redis.user, redis.password = "cast", "secret2"
    with redis:
        gateways = await cluster(2, redis=redis.url(user="cast", password="secret2"))
        await works(*gateways)
        (other,) = await cluster(
            1, ready=False, redis=redis.url(user="cast", password="secret2"), redis_prefix="other"
        )
        await refuses(other, "NOPERM", "permission")


async def test_a_wrong_password_is_said_without_saying_it(cluster, tmp_path):
    with Redis(tmp_path / "p", requirepass="right") as redis:
        for url in (redis.url(password=PASSWORD), redis.url(user="ann", password=PASSWORD)):
            (gateway,) = await cluster(1, ready=False, redis=url, log_level="debug")
            await refuses(gateway, "WRONGPASS")
            assert_secret(gateway.log())
            health = await gateway.http("GET", "/healthz")
            assert "WRONGPASS" in health.json["tier"]["reason"]
            assert_secret(health.text)
        (gateway,) = await cluster(1, ready=False, redis=redis.url())
        await refuses(gateway, "NOAUTH", "authentication", "Authentication")


def test_a_password_is_never_printed(tmp_path):
    url = Redis(tmp_path / "p").url(user="cast", password=PASSWORD)
    for options in ({"redis": url}, {"redis": url + ",nonsense://"}, {"redis": url[:-2] + "x/y"}):
        for what in ("--print-config", "--check-config"):
            ended = run(what, tier="redis", **options)
            assert_secret(ended.stdout + ended.stderr)
    printed = run("--print-config", tier="redis", redis=url)
    assert printed.returncode == 0


# ---- several servers ----


@pytest.fixture
def two(tmp_path):
    with Redis(tmp_path / "a") as a, Redis(tmp_path / "b") as b:
        yield a, b


async def test_topics_are_spread_over_several_servers(cluster, two):
    url = ",".join(s.url() for s in two)
    gateways = await cluster(2, redis=url, **FAST)
    await works(*gateways)
    rooms = [f"r{n}" for n in range(40)]
    async with crowd(gateways, 1) as ((ann,), (bob,)):
        await ann.ok("join", rooms=rooms, presence=True)
        await bob.ok("join", rooms=rooms, presence=True)
        for n, room in enumerate(rooms):
            await ann.ok("publish", topic=f"room:{room}", event_type="t", payload=n)
            assert (await bob.event())["payload"] == n
            answer = await post(gateways[1], f"room:{room}", key="k")
            assert answer.json == {"nodes": 2, "receivers": 2}
            assert (await post(gateways[0], f"room:{room}", key="k")).json["duplicate"] is True
            await bob.event()
        await ann.ok("publish", topic=f"client:{bob.id}", event_type="t", payload="c")
        assert (await bob.event())["payload"] == "c"
        found = [registry.read(s) for s in two]
        for server, one in enumerate(found):
            one.check()
            assert len(one.rooms()) > 8, "all topics are on one server"
            for room in one.rooms():
                assert parcel.server(parcel.partition(f"room:{room}"), 2) == server
        assert sorted([*found[0].rooms(), *found[1].rooms()]) == sorted(rooms)


async def test_one_of_several_servers_dies_and_comes_back(cluster, two):
    gateways = await cluster(2, redis=",".join(s.url() for s in two), **OPTIONS)
    number = parcel.server(parcel.partition("room:r"), 2)
    async with Outage.on(gateways) as outage:
        two[number].kill()
        await outage.refused(0)
        await asyncio.sleep(1)
        two[number].restart()
        await outage.healed()
        await outage.check(gaps=1)
    async with Outage.on(gateways) as outage:
        two[1 - number].kill()
        await asyncio.sleep(1)
        two[1 - number].restart()
        await outage.healed()
        await outage.check(gaps=1)


async def test_who_spreads_topics_otherwise_may_not_take_part(cluster, two, tmp_path):
    a, b = (s.url() for s in two)
    gateways = await cluster(2, redis=f"{a},{b}")
    with Redis(tmp_path / "c") as c:
        for wrong in (f"{b},{a}", a, f"{a},{b},{c.url()}"):
            (gateway,) = await cluster(1, ready=False, redis=wrong)
            gateway.exit_code = 1
            assert await asyncio.to_thread(gateway.wait) == 1, wrong
            assert "other Redis servers" in gateway.log()
    await works(*gateways)


# ---- Sentinel ----


@pytest.fixture
def guarded(tmp_path):
    with Guarded(tmp_path / "g") as g:
        yield g


@pytest.mark.limit(90)
async def test_sentinel_says_who_is_the_master_and_who_becomes_it(cluster, guarded):
    gateways = await cluster(2, redis=guarded.url(), **OPTIONS)
    await works(*gateways)
    first = guarded.master()
    async with Outage.on(gateways) as outage:
        first.kill()
        await outage.refused(0)

        def another():
            port = guarded.master_port()
            node = next(n for n in guarded.nodes if n.port == port)
            return node is not first and "role:master" in node.cli("INFO", "replication")

        await eventually(another, timeout=20)
        await outage.healed()
        await outage.check(gaps=1, redis=guarded.master())
        first.restart()
        await asyncio.sleep(1)
        await outage.healed()


@pytest.mark.long  # Sentinel takes its time
@pytest.mark.limit(90)
async def test_a_master_that_is_moved_on_purpose_is_followed(cluster, guarded):
    gateways = await cluster(2, redis=guarded.url(), **OPTIONS)
    first = guarded.master()
    async with Outage.on(gateways) as outage:
        guarded.sentinels[0].cli("SENTINEL", "FAILOVER", guarded.name)
        await eventually(lambda: guarded.master_port() != first.port, timeout=20)
        await eventually(lambda: "role:slave" in first.cli("INFO", "replication"), timeout=20)
        await outage.healed()
        await outage.check(gaps=1, redis=guarded.master())


async def test_a_sentinel_that_is_dead_is_passed_over(cluster, guarded):
    guarded.sentinels[0].kill()
    gateways = await cluster(2, redis=guarded.url())
    await works(*gateways)


async def test_without_sentinels_it_waits_for_them(cluster, guarded):
    for s in guarded.sentinels:
        s.kill()
    (gateway,) = await cluster(1, ready=False, redis=guarded.url())
    await asyncio.sleep(0.5)
    assert not await ready(gateway)
    for s in guarded.sentinels:
        s.restart()
    await eventually(lambda: ready(gateway), HEALED + seconds(2))
    await works(gateway)


async def test_a_master_that_sentinel_does_not_know_is_said(cluster, guarded):
    (gateway,) = await cluster(1, ready=False, redis=guarded.url().replace("mymaster", "another"))
    await refuses(gateway, "another", "master")
