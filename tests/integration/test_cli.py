"""The command line: what it prints, what it refuses, and with which exit code."""

import os
import re
import resource
import socket
import subprocess

import pytest
from support.process import PROGRAM, environment, run
from support.timing import ROOT, seconds


def option_names():
    table = (ROOT / "gateway/base/config.def").read_text()
    return re.findall(r"^(?:NUMBER|BYTES|FLAG|TEXT|SECRET|CHOICE)\((\w+)", table, re.M)


def one_sentence(done, code):
    """On stderr and nowhere else: one line, for a person."""
    assert done.returncode == code, done
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and len(done.stderr) > 20, done.stderr
    return done.stderr


def test_help_names_every_option():
    done = run("--help")
    assert done.returncode == 0 and done.stderr == ""
    for name in option_names():
        assert re.search(rf"--{name.replace('_', '-')}\b", done.stdout), name
    for action in ("help", "version", "print-config", "check-config", "healthcheck", "config"):
        assert f"--{action}" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 160


def test_version_is_one_line():
    done = run("--version")
    assert done.returncode == 0
    assert re.fullmatch(r"roomcast-gateway \d+\.\d+\.\d+\S*\n", done.stdout)


def test_the_printed_configuration_reads_back_the_same(tmp_path):
    first = run("--print-config", max_rate=77, queue_policy="drop_oldest", profile="lightweight")
    assert first.returncode == 0
    for name in option_names():
        assert re.search(rf"^[;#]? ?{name} ?=", first.stdout, re.M), name
    file = tmp_path / "a.ini"
    file.write_text(first.stdout)
    assert run("--check-config", config=file).returncode == 0
    again = run("--print-config", config=file)
    assert again.returncode == 0
    assert settings(again.stdout) == settings(first.stdout)
    assert settings(first.stdout)["max_rate"] == "77"
    assert settings(first.stdout)["max_connections"] == "100"


def settings(text):
    """All of them, also those that are only shown because the profile says so."""
    return dict(re.findall(r"^#?(\w+) ?= ?(.*?)\s*$", text, re.M))


def test_room_policies_are_printed_and_read_back(tmp_path):
    file = tmp_path / "a.ini"
    file.write_text('[gateway]\nmax_rate = 5\n[room "jobs.*"]\npriority = high\npresence_max = 9\n')
    first = run("--print-config", config=file)
    assert '[room "jobs.*"]' in first.stdout
    file.write_text(first.stdout)
    again = run("--print-config", config=file)
    assert again.stdout == first.stdout
    assert settings(again.stdout)["presence_max"] == "9"


def test_file_environment_and_flags_in_this_order(tmp_path):
    file = tmp_path / "a.ini"
    file.write_text("[gateway]\nmax_rate = 1\nmax_errors = 1\ntopics_per_client = 1\n")
    done = run(
        "--print-config",
        config=file,
        topics_per_client=3,
        env={"ROOMCAST_MAX_ERRORS": "2", "ROOMCAST_TOPICS_PER_CLIENT": "2"},
    )
    got = settings(done.stdout)
    assert (got["max_rate"], got["max_errors"], got["topics_per_client"]) == ("1", "2", "3")


@pytest.mark.parametrize("how", ["flag", "environment"])
def test_the_file_may_be_named_in_both_ways(tmp_path, how):
    file = tmp_path / "a.ini"
    file.write_text("[gateway]\nmax_rate = 7\n")
    done = (
        run("--print-config", f"--config={file}")
        if how == "flag"
        else run("--print-config", env={"ROOMCAST_CONFIG": str(file)})
    )
    assert settings(done.stdout)["max_rate"] == "7"


# ---- wrong usage ----


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--max-rat=5"], ["max-rat", "max-rate"]),
        (["--max-rate=many"], ["max-rate", "many"]),
        (["--max-rate=0"], ["max-rate", "0"]),
        (["--max-rate="], ["max-rate"]),
        (["--max-rate"], ["max-rate"]),
        (["--max-rate=5x"], ["max-rate"]),
        (["--max-rate=99999999999999999999"], ["max-rate"]),
        (["--queue-policy=drop"], ["queue-policy", "drop_oldest"]),
        (["--demo-page=maybe"], ["demo-page", "on"]),
        (["--profile=fast"], ["profile", "standard"]),
        (["--listen=nowhere"], ["listen", "nowhere"]),
        (["--listen=127.0.0.1:99999"], ["listen"]),
        (["--max-message-bytes=1M", "--queue-bytes=1M"], ["queue_bytes|queue-bytes"]),
        (["--memory-limit=lots"], ["memory-limit"]),
        (["stray"], ["stray"]),
        (["-x"], ["-x"]),
        (["--"], ["--"]),
        (["--tier=redis9"], ["tier"]),
    ],
)
def test_a_wrong_option_is_one_sentence_and_exit_code_2(arguments, named):
    said = one_sentence(run("--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", *arguments), 2)
    for word in named:
        assert re.search(word.replace("-", "[-_]"), said), said


@pytest.mark.parametrize(
    ("text", "line", "named"),
    [
        ("[gateway]\nmax_rat = 5\n", 2, "max_rat"),
        ("[gateway]\nmax_rate = 5\nmax_errors = lots\n", 3, "max_errors"),
        ("[gateway]\nmax_rate\n", 2, "max_rate|="),
        ("max_rate = 5\n[nonsense]\n", None, ""),
        ("[nonsense]\nmax_rate = 5\n", 1, "nonsense"),
        ('[room "x"]\npriority = urgent\n', 2, "priority"),
        ('[room "x"]\nmax_rate = 5\n', 2, "max_rate"),
        ("[room]\npriority = high\n", None, "room"),
    ],
)
def test_a_wrong_line_of_the_file_is_named_with_its_number(tmp_path, text, line, named):
    file = tmp_path / "wrong.ini"
    file.write_text(text)
    for arguments in (["--check-config"], []):
        said = one_sentence(
            run(*arguments, config=file, listen="127.0.0.1:0", admin_listen="off"), 2
        )
        assert "wrong.ini" in said
        assert re.search(named, said), said
        if line is not None:
            assert re.search(rf"\b{line}\b", said), said


def test_a_wrong_variable_is_named():
    said = one_sentence(run("--check-config", env={"ROOMCAST_MAX_RATE": "many"}), 2)
    assert "ROOMCAST_MAX_RATE" in said


def test_check_config_of_a_good_one_is_0(tmp_path):
    file = tmp_path / "a.ini"
    file.write_text("[gateway]\nmax_rate = 7\n")
    assert run("--check-config", config=file).returncode == 0


# ---- cannot start ----


def test_a_file_that_cannot_be_read_is_exit_code_1(tmp_path):
    for file in (tmp_path / "none.ini", tmp_path):
        assert str(file) in one_sentence(run("--check-config", config=file), 1)


@pytest.mark.parametrize("option", ["listen", "admin_listen"])
def test_a_busy_port_is_exit_code_1(option):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        options = {
            "listen": "127.0.0.1:0",
            "admin_listen": "127.0.0.1:0",
            option: f"127.0.0.1:{port}",
        }
        done = run(**options)
        assert done.returncode == 1
        assert str(port) in done.stderr
        assert "gateway.ready" not in done.stderr


def test_an_address_of_another_machine_is_exit_code_1():
    done = run(listen="192.0.2.1:0", admin_listen="off")
    assert done.returncode == 1
    assert "192.0.2.1" in done.stderr


def test_too_few_descriptors_are_said_and_exit_code_1():
    done = subprocess.run(
        [str(PROGRAM), "--listen=127.0.0.1:0", "--admin-listen=off", "--max-connections=1000"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=seconds(10),
        check=False,
    )
    assert done.returncode == 1
    assert "1000" in done.stderr and "256" in done.stderr, done.stderr
    assert "gateway.ready" not in done.stderr


def test_the_soft_limit_of_descriptors_is_raised_by_itself(start):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        gateway = start(max_connections=1000)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    limits = open(f"/proc/{gateway.pid}/limits", encoding="ascii").read()
    assert int(re.search(r"Max open files +(\d+)", limits)[1]) >= 1000


# ---- healthcheck ----


def test_healthcheck_is_0_for_a_running_gateway_and_1_for_none(start):
    gateway = start()
    address = f"{gateway.admin[0]}:{gateway.admin[1]}"
    done = run("--healthcheck", admin_listen=address)
    assert done.returncode == 0, done
    gateway.stop()
    done = run("--healthcheck", admin_listen=address)
    assert done.returncode == 1
    assert done.stderr.count("\n") <= 1


def test_healthcheck_is_1_when_nobody_answers():
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        done = run("--healthcheck", admin_listen=f"127.0.0.1:{mute.getsockname()[1]}", timeout=20)
        assert done.returncode == 1


def test_stdout_of_a_running_gateway_may_be_closed(tmp_path):
    """Its log goes to stderr; a log that cannot be written must not stop it."""
    read, write = os.pipe()
    process = subprocess.Popen(
        [str(PROGRAM), "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--log-level=debug"],
        env=environment(),
        stderr=write,
        stdout=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    os.close(write)
    ready = b""
    while b"gateway.ready" not in ready:
        ready += os.read(read, 4096)
    os.close(read)
    port = int(re.search(rb"listen=127\.0\.0\.1:(\d+)", ready)[1])
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(b"nonsense\r\n\r\n")
    assert process.poll() is None
    process.terminate()
    assert process.wait(seconds(10)) == 0
