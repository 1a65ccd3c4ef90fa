"""Man page and completion of roomcastctl, both made from the table of its commands."""

import re
import shutil
import subprocess

import pytest
from support.ctl import PROGRAM
from support.process import environment

COMMANDS = ("rooms room clients client user nodes stats top doctor config listen publish kick "
            "disconnect drain bench").split()


def run(*arguments):
    ended = subprocess.run([PROGRAM, *arguments], env=environment(), capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    return ended.stdout


def options_of(command):
    return set(re.findall(r"^  (--[a-z-]+)", run("help", command), re.M))


# ---- the man page ----


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_man_page_renders_without_a_warning():
    page = run("--print-man")
    checked = subprocess.run(["groff", "-man", "-ww", "-z"], input=page, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_man_page_has_every_command_option_and_file():
    made = subprocess.run(["groff", "-man", "-Tutf8", "-P-cbou", "-rLL=200n"], input=run("--print-man"),
                          capture_output=True, text=True, check=True)
    text = made.stdout.replace("\u2010", "-")
    for command in COMMANDS:
        assert re.search(rf"^ +{command}\b", text, re.M)
        for option in options_of(command):
            assert option in text
    for words in ("ROOMCAST_ENDPOINT", "ROOMCAST_KEY", ".config/roomcast/ctl.conf", "EXIT STATUS", "'job.*.log'"):
        assert words in text


# ---- completion ----


@pytest.fixture(name="complete")
def complete_fixture(tmp_path):
    """`complete("roomcastctl ro")`: what bash would offer at the end of that line."""
    script = tmp_path / "completion"
    script.write_text(run("--print-completion"))
    (tmp_path / "a-file").touch()

    def complete(line):
        words = re.findall(r"=|[^\s=]+", line) + ([""] if line.endswith(" ") else [])
        quoted = " ".join(f"'{w}'" for w in words)
        commands = (
            f"set -eu; source {script}; complete -p roomcastctl >/dev/null; cd {tmp_path}; "
            f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; set +e; _roomcastctl; "
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        ended = subprocess.run(["bash", "--norc", "-c", commands], capture_output=True, text=True, check=True)
        assert ended.stderr == ""
        return ended.stdout.split()

    return complete


def test_commands_are_completed(complete):
    assert set(COMMANDS) <= set(complete("roomcastctl "))
    assert complete("roomcastctl ro") == ["rooms", "room"]
    assert complete("roomcastctl help dis") == ["disconnect"]
    assert complete("roomcastctl --endpoint http://h di") == ["disconnect"]
    assert complete("roomcastctl nonsense") == []


@pytest.mark.parametrize("command", COMMANDS)
def test_flags_of_a_command_are_completed(complete, command):
    assert set(complete(f"roomcastctl {command} --")) == options_of(command)


def test_values_are_completed_where_they_can_be(complete):
    assert complete("roomcastctl disconnect ")[:3] == ["client", "user", "room"]
    assert "a-file" in complete("roomcastctl rooms --key-file ")
    assert complete("roomcastctl rooms --key-file=a-") == ["a-file"]
    assert complete("roomcastctl rooms --endpoint ") == []
    assert "--limit" in complete("roomcastctl rooms --watch --")


def test_what_stands_before_a_command_is_completed(complete):
    assert set(complete("roomcastctl --")) == {"--endpoint", "--key", "--key-file", "--timeout", "--insecure",
                                               "--help", "--version"}
