"""roomcastctl with a real gateway: what users do with it, and what they do wrong."""

import asyncio
import json
import os
import re
import signal

import pytest
from support.ctl import Ctl, ctl, listening
from support.timing import seconds
from support.wsclient import connect, url_of

NOWHERE = "ws://127.0.0.1:1/v1/ws"
CONNECTING = ["listen", "publish"]


async def publish(gateway, topic, event_type, payload, *more):
    ended = await ctl("publish", *more, topic, event_type, json.dumps(payload), at=gateway)
    assert ended.code == 0, ended
    return ended


# ---- usage ----


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ([], "Usage: roomcastctl COMMAND"),
        (["sing"], "there is no command 'sing'; there are: rooms, room, clients,"),
        (["help", "sing"], "there is no command 'sing'"),
        (["listen"], "the arguments of listen are: TOPIC..."),
        (["listen", "--volume", "3", "room:x"], "there is no option --volume here"),
        (["listen", "-x", "room:x"], "there is no option -x here"),
        (["listen", "room:x", "--count"], "--count needs a value"),
        (["listen", "--count", "0", "room:x"], "--count must be a whole number"),
        (["listen", "--count", "1.5", "room:x"], "--count must be a whole number"),
        (["listen", "--count=many", "room:x"], "--count must be a whole number"),
        (["listen", "--timeout", "0", "room:x"], "--timeout must be seconds"),
        (["listen", "--timeout", "1s", "room:x"], "--timeout must be seconds"),
        (["listen", "--timeout", "1e7", "room:x"], "--timeout must be seconds"),
        (["listen", "--raw=yes", "room:x"], "--raw takes no value"),
        (["listen", "lobby"], "'lobby': not a topic"),
        (["listen", "room:"], "'room:': not a topic"),
        (["listen", "room:x", "room:a b"], "'room:a b': not a topic"),
        (["listen", "--", "--raw"], "'--raw': not a topic"),
        (["listen", "--user", "a b", "room:x"], "--user must be"),
        (["listen", "--token", "a b", "room:x"], "the token holds a character"),
        (["listen", "--token", "a\nX-Evil: 1", "room:x"], "the token holds a character"),
        (["publish"], "the arguments of publish are: TOPIC EVENT_TYPE JSON"),
        (["publish", "room:x", "{}"], "EVENT_TYPE may be left out for event: topics only"),
        (["publish", "room:x", "t", "{}", "{}"], "the arguments of publish are"),
        (["publish", "x", "t", "{}"], "'x': not a topic"),
        (["publish", "room:x", "no blanks", "{}"], "EVENT_TYPE must be 1 to 200 of"),
        (["publish", "room:x", "t", "{}", "--priority", "urgent"], "--priority must be high, normal or low"),
    ],
)
async def test_wrong_use_is_said_in_a_sentence(arguments, sentence):
    ended = await ctl(*arguments, at=NOWHERE)
    assert (ended.code, ended.out) == (2, ""), ended
    assert sentence in ended.err


@pytest.mark.parametrize(
    "url, sentence",
    [
        ("http://127.0.0.1:8000", "does not begin with ws:// or wss://"),
        ("127.0.0.1:8000", "does not begin with ws:// or wss://"),
        ("ws://", "is not HOST:PORT"),
        ("ws://:8000", "is not HOST:PORT"),
        ("ws://h:0", "is not HOST:PORT"),
        ("ws://h:65536", "is not HOST:PORT"),
        ("ws://h:80x", "is not HOST:PORT"),
        ("ws://[::1", "is not HOST:PORT"),
        ("ws://[::1]8000", "is not HOST:PORT"),
        ("ws://user:pass@h/", "use --token"),
        ("ws://h/a b", "characters that a URL may not have"),
        ("ws://h/\r\nHost: other", "characters that a URL may not have"),
        ("ws://h/#part", "characters that a URL may not have"),
        ("ws://h/" + "x" * 2000, "the URL is too long"),
        ("ws://" + "h" * 300, "is not HOST:PORT"),
    ],
)
async def test_what_is_no_url_of_a_gateway_is_refused(url, sentence):
    for ended in (
        await ctl("listen", "--url", url, "room:x"),
        await ctl("publish", "room:x", "t", "1", at=url),
    ):
        assert (ended.code, ended.out) == (2, ""), ended
        assert sentence in ended.err


@pytest.mark.parametrize(
    "payload, why",
    [
        ("{", ""),
        ('{"a":1,}', "trailing comma"),
        ("{'a':1}", ""),
        ("01", ""),
        ('"\t"', ""),
        ("1 2", ""),
        ("nan", ""),
        ("", ""),
        ("[" * 40 + "]" * 40, ""),
    ],
)
async def test_a_payload_that_is_no_json_is_refused_before_anything_is_sent(payload, why):
    given = await ctl("publish", "room:x", "t", "--", payload, at=NOWHERE)
    piped = await ctl("publish", "room:x", "t", "-", at=NOWHERE, stdin=payload.encode())
    for ended in (given, piped):
        assert (ended.code, ended.out) == (2, ""), ended
        assert f"the payload is not valid JSON: {why}" in ended.err


async def test_a_payload_that_is_not_utf8_is_refused():
    ended = await ctl("publish", "room:x", "t", "-", at=NOWHERE, stdin=b'"\xff"')
    assert ended.code == 2
    assert "the payload is not valid JSON" in ended.err


async def test_help_names_every_command_and_its_options():
    for everything in (await ctl("--help"), await ctl("help"), await ctl("-h")):
        assert everything.code == 0 and everything.err == ""
        commands = re.findall(r"^  ([a-z]+) +\S", everything.out, re.M)
        assert set(CONNECTING) | {"rooms", "top", "doctor"} < set(commands)
    commands.remove("help")
    for name in commands:
        one = await ctl("help", name)
        assert one.code == 0 and one.err == ""
        assert (await ctl(name, "--help")).out == one.out
    for name in CONNECTING:
        one = await ctl("help", name)
        for option in ("--url URL", "--token T", "--user ID", "--insecure"):
            assert f"\n  {option}" in one.out
    assert "--presence" in (await ctl("help", "listen")).out
    assert "--priority" in (await ctl("help", "publish")).out


async def test_version_is_the_gateways():
    ended = await ctl("--version")
    assert ended.code == 0
    assert re.fullmatch(r"roomcastctl \d+\.\d+\.\d+\S*\n", ended.out)


async def test_help_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "wb") as full:
        c = await Ctl.start("--help", stdout=full)
        assert (await c.end()).code == 1


# ---- listen ----


async def test_an_event_is_one_line_of_json_as_the_gateway_sent_it(gateway):
    payload = '{"big":1234567890123456789,"one":1.0,"text":"\\u00e9\\n"}'
    async with connect(gateway) as c, listening(gateway, "room:lobby", "--count", "1") as l:
        await c.ok("join", room="lobby")
        assert (await ctl("publish", "room:lobby", "chat", payload, at=gateway)).code == 0
        text = (await c.event()).text
        ended = await l.end()
    assert ended.code == 0
    assert ended.out == text + "\n"
    assert payload in ended.out


async def test_what_is_written_over_several_lines_is_shown_on_one(gateway):
    pretty = b'{\n\t"a": [\r\n1, 2 ]\n}'
    async with listening(gateway, "room:r", "--count", "1") as l:
        assert (await ctl("publish", "room:r", "t", "-", at=gateway, stdin=pretty)).code == 0
        ended = await l.end()
    assert ended.out.count("\n") == 1
    assert ended.lines[0]["payload"] == {"a": [1, 2]}


async def test_nothing_in_a_message_steers_the_terminal(gateway):
    nasty = "\u009b31m\u007f\u0085"
    async with listening(gateway, "room:r", "--count", "1") as l:
        await publish(gateway, "room:r", "t", nasty)
        ended = await l.end()
    assert re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", ended.out) is None
    assert ended.lines[0]["payload"] == nasty


async def test_rooms_event_types_and_all_may_be_heard_together(gateway):
    topics = ["room:a", "room:b", "event:news", "all"]
    async with listening(gateway, *topics, "--count", "4") as l:
        for topic in topics:
            await publish(gateway, topic, "news", topic)
        ended = await l.end()
    assert ended.code == 0
    assert [(e["topic"], e["payload"]) for e in ended.lines] == [(t, t) for t in topics]


async def test_what_was_not_asked_for_is_not_shown(gateway):
    async with listening(gateway, "room:r", "--count", "1", "--user", "ann") as l:
        await publish(gateway, "all", "t", "to all")
        await publish(gateway, "user:ann", "t", "to ann")
        await publish(gateway, "room:other", "t", "elsewhere")
        await publish(gateway, "room:r", "t", "here")
        ended = await l.end()
    assert [e["payload"] for e in ended.lines] == ["here"]


async def test_ones_own_user_and_client_are_heard_without_asking(gateway):
    async with listening(gateway, "user", "client", "--user", "ann=1", "--count", "2") as l:
        client = re.search(rb"as (client:\S+)", l.err)[1].decode()
        await publish(gateway, "user:ann=1", "t", 1)
        await publish(gateway, client, "t", 2)
        ended = await l.end()
    assert [(e["topic"], e["payload"]) for e in ended.lines] == [("user:ann=1", 1), (client, 2)]


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["user"], "user: this connection has no user"),
        (["user:ann"], "user:ann: this connection has no user"),
        (["user:ben", "--user", "ann"], "user:ben: only that user receives it; this connection is user:ann"),
        (["client:else"], "client:else: only that client receives it; this connection is client:"),
    ],
)
async def test_somebody_elses_topic_cannot_be_listened_to(gateway, arguments, sentence):
    ended = await ctl("listen", *arguments, at=gateway)
    assert (ended.code, ended.out) == (1, "")
    assert sentence in ended.err


async def test_presence_shows_who_is_there_and_who_comes_and_goes(gateway):
    async with connect(gateway, user="ann") as ann:
        await ann.ok("join", room="r", presence=True, info={"name": "Ann"})
        async with listening(gateway, "room:r", "--presence") as l:
            await ann.ok("leave", room="r")
            await l.says('"left":[{')
            l.process.send_signal(signal.SIGINT)
            first, *notices = (await l.end()).lines
    assert (first["type"], first["room"], first["count"]) == ("members", "r", 2)
    assert {"client": ann.id, "user": "ann", "info": {"name": "Ann"}} in first["members"]
    assert [m["client"] for n in notices for m in n["left"]] == [ann.id]


async def test_without_presence_the_listener_is_not_seen(gateway):
    async with connect(gateway) as ann, listening(gateway, "room:r", "--timeout", str(seconds(1))) as l:
        assert (await ann.ok("join", room="r", presence=True))["count"] == 1
        ended = await l.end()
    assert (ended.code, ended.out) == (0, "")


async def test_raw_shows_every_frame_byte_for_byte(gateway):
    pretty = b'{\n "a":1 }'
    async with listening(gateway, "room:r", "--raw", "--count", "1") as l:
        assert (await ctl("publish", "room:r", "t", "-", at=gateway, stdin=pretty)).code == 0
        ended = await l.end()
    assert ended.code == 0
    assert pretty.decode() in ended.out
    assert ended.out.startswith('{"type":"ack"')


async def test_messages_keep_their_order(start):
    gateway, n = start(max_rate=100000), 2000
    async with connect(gateway) as c, listening(gateway, "room:r", "--count", str(n)) as l:
        for i in range(n):
            await c.send("publish", topic="room:r", event_type="t", payload=i)
        ended = await l.end()
    assert [e["payload"] for e in ended.lines] == list(range(n))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_with_a_clean_close(start, number):
    gateway = start(log_level="debug")
    async with listening(gateway, "room:r") as l:
        l.process.send_signal(number)
        ended = await l.end()
    assert (ended.code, ended.out) == (0, "")
    assert gateway.wait_for_log("client.gone")["code"] == "1000"


async def test_a_time_limit_is_a_failure_only_when_events_are_missing(gateway):
    limit = ["--timeout", str(seconds(1))]
    enough = await ctl("listen", "room:r", *limit, at=gateway)
    assert enough.code == 0
    missing = await ctl("listen", "room:r", *limit, "--count", "2", at=gateway)
    assert missing.code == 1
    assert "the time is over with 0 of 2 events" in missing.err


async def test_a_refused_topic_ends_it_with_the_errors_name(start):
    gateway = start(topics_per_client=1)
    for arguments in (["room:a", "room:b"], ["event:a", "event:b"]):
        ended = await ctl("listen", *arguments, at=gateway)
        assert ended.code == 1, ended
        assert f"{arguments[1]}: too_many_topics: " in ended.err


async def test_when_the_gateway_drains_it_says_so_and_fails(gateway):
    async with listening(gateway, "room:r") as l:
        gateway.signal(signal.SIGTERM)
        ended = await l.end()
        assert await asyncio.to_thread(gateway.wait) == 0
    assert ended.code == 1
    assert "asks to come back in " in ended.err
    assert "the gateway closed the connection: 1012 " in ended.err


async def test_when_the_gateway_dies_it_says_so_and_fails(start):
    gateway = start()
    async with listening(gateway, "room:r") as l:
        gateway.process.kill()
        ended = await l.end()
    gateway.stopped = True  # its end was no clean one, and was not meant to be
    assert ended.code == 1
    assert "the connection broke" in ended.err


async def test_when_nobody_reads_any_more_it_ends(gateway):
    read, write = os.pipe()
    async with listening(gateway, "room:r", stdout=write) as l:
        os.close(write)
        os.close(read)
        await publish(gateway, "room:r", "t", 1)
        ended = await l.end()
    assert ended.code == 1
    assert "cannot write to standard output" in ended.err


# ---- publish ----


async def test_a_published_message_is_acknowledged_in_a_line(gateway):
    plain = await publish(gateway, "room:r", "t", 1)
    assert plain.out == "published to room:r\n"
    assert plain.err == ""


async def test_json_says_what_became_of_it(gateway):
    async with connect(gateway) as c:
        await c.ok("join", room="r")
        ended = await publish(gateway, "room:r", "t", 1, "--json")
    assert ended.lines == [{"topic": "room:r", "event_type": "t", "nodes": 1}]


async def test_an_event_topic_needs_no_event_type(gateway):
    async with listening(gateway, "event:news", "--count", "2") as l:
        assert (await ctl("publish", "event:news", "1", at=gateway)).code == 0
        assert (await ctl("publish", "event:news", "news", "-2", at=gateway)).code == 0
        assert [e["payload"] for e in (await l.end()).lines] == [1, -2]


async def test_the_same_key_is_sent_once(gateway):
    async with listening(gateway, "room:r", "--count", "2") as l:
        sent = ["--user", "ann", "--key", 'k"1']
        first = await publish(gateway, "room:r", "t", 1, "--json", *sent)
        again = await publish(gateway, "room:r", "t", 1, "--json", *sent)
        aloud = await publish(gateway, "room:r", "t", 1, *sent)
        await publish(gateway, "room:r", "t", 2)
        assert [e["payload"] for e in (await l.end()).lines] == [1, 2]
    assert "duplicate" not in first.lines[0]
    assert again.lines[0]["duplicate"] is True
    assert "not sent again" in aloud.out


async def test_a_message_may_have_a_priority_and_a_user(gateway):
    async with listening(gateway, "room:r", "--count", "1") as l:
        await publish(gateway, "room:r", "t", 1, "--priority=low", "--user=ann@x")
        event = (await l.end()).lines[0]
    assert event["from"]["user"] == "ann@x"


async def test_a_large_payload_comes_from_standard_input(gateway):
    payload = b'"' + b"x" * 900_000 + b'"'
    async with listening(gateway, "room:r", "--count", "1") as l:
        assert (await ctl("publish", "room:r", "t", "-", at=gateway, stdin=payload)).code == 0
        ended = await l.end()
    assert len(ended.lines[0]["payload"]) == 900_000


async def test_what_is_larger_than_the_gateway_takes_is_not_sent(start):
    gateway = start(max_message_bytes=1000)
    ended = await ctl("publish", "room:r", "t", json.dumps("x" * 1000), at=gateway)
    assert (ended.code, ended.out) == (1, "")
    assert "too_big: " in ended.err and "takes 1000" in ended.err


@pytest.mark.parametrize(
    "arguments, name",
    [
        (["room:r", "task_update", '{"task_id":1}'], "bad_payload"),
        (["client:nobody", "t", "1"], "gone"),
        (["room:r", "t", "1", "--key", "k" * 65], "bad_frame"),
        (["event:a", "b", "1"], "bad_frame"),
    ],
)
async def test_an_error_is_told_by_name_and_sentence(gateway, arguments, name):
    ended = await ctl("publish", *arguments, at=gateway)
    assert (ended.code, ended.out) == (1, "")
    assert re.fullmatch(rf"roomcastctl: {arguments[0]}: {name}: .{{10,}}\n", ended.err)


# ---- where to ----


async def test_a_full_gateway_is_told_with_when_to_come_back(start):
    gateway = start(max_connections=1, retry_after_ms=7000)
    async with connect(gateway):
        ended = await ctl("publish", "room:r", "t", "1", at=gateway)
    assert ended.code == 1
    assert "refused with HTTP status 503" in ended.err and "try again in 7 s" in ended.err


async def test_nobody_there_is_said_at_once():
    for url, sentence in (
        (NOWHERE, "cannot connect: Connection refused"),
        ("ws://no-such-host.invalid/", "cannot find the host 'no-such-host.invalid'"),
    ):
        ended = await ctl("listen", "room:r", at=url)
        assert (ended.code, ended.out) == (1, "")
        assert sentence in ended.err


async def test_the_option_wins_over_the_environment_and_the_path_may_be_left_out(gateway):
    host, port = gateway.listen
    ended = await ctl("publish", "--url", f"WS://{host}:{port}", "room:r", "t", "1", at=NOWHERE)
    assert ended.code == 0, ended


async def test_a_proxy_of_the_environment_is_not_asked(gateway):
    env = {"http_proxy": "http://127.0.0.1:1", "ROOMCAST_URL": url_of(gateway)}
    assert (await ctl("publish", "room:r", "t", "1", env=env)).code == 0
