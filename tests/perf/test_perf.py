"""Instructions per delivery, connect and publish against the stored figures; and that this check
would see it."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import callgrind
import components
import figures
import pytest
from measure import show
from scenes import SCENES, measure

MEASURE = Path(__file__).with_name("measure.py")
NOTHING = {"instructions": 100.0, "sends": 1.0, "allocations": 0.0}

counted = pytest.mark.skipif(
    bool(os.environ.get("ROOMCAST_SANITIZE")), reason="a sanitizer's own instructions would count"
)


# ---- the gateway ----


@counted
@pytest.mark.parametrize("name", SCENES)
def test_a_scene_costs_what_its_figure_says(name):
    stored = figures.load().get(name)
    if stored is None:
        pytest.skip(f"no figures for {figures.MACHINE}")
    measured = measure(name)
    show(name, measured, 12)
    worse, better = figures.compare(name, measured.figures, stored, figures.margin())
    for sentence in better:
        warnings.warn(sentence)
    assert not worse, "\n".join(worse)


def test_every_scene_has_figures():
    stored = json.loads(figures.PATH.read_text())["figures"]
    for scenes in stored.values():
        assert set(scenes) == set(SCENES)
        for kinds in scenes.values():
            assert set(kinds) == set(NOTHING) and kinds["instructions"] > 0


# ---- the check itself ----


def run_measure(path, *arguments):
    return subprocess.run(
        [sys.executable, str(MEASURE), "nobody", f"--figures={path}", *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100, check=False,
    )


@counted
def test_a_gateway_that_costs_more_than_its_figure_is_found(tmp_path):
    path = tmp_path / "figures.json"
    assert run_measure(path).returncode == 2  # none there
    assert run_measure(path, "--update").returncode == 0
    again = run_measure(path)
    assert again.returncode == 0
    assert "worse" not in again.stdout and "better" not in again.stdout
    stored = figures.load(path)["nobody"]
    figures.save({"nobody": {**stored, "instructions": stored["instructions"] * 0.7}}, path)
    found = run_measure(path)
    assert found.returncode == 1
    assert "worse: nobody: instructions" in found.stdout


def compared(percent=5, **got):
    return figures.compare("scene", {**NOTHING, **got}, NOTHING, percent)


def test_a_figure_within_the_margin_is_neither_worse_nor_better():
    for instructions in (95.1, 100.0, 104.9):
        assert compared(instructions=instructions) == ([], [])


def test_a_figure_above_the_margin_is_worse():
    for changed in ({"instructions": 105.1}, {"sends": 1.06}, {"allocations": 0.001}):
        worse, better = compared(**changed)
        assert (len(worse), better) == (1, []) and next(iter(changed)) in worse[0]


def test_a_figure_below_the_margin_asks_for_an_update_and_passes():
    worse, better = compared(instructions=94.9)
    assert worse == [] and len(better) == 1 and "update the figure" in better[0]


def test_an_update_leaves_other_scenes_and_other_machines_alone(tmp_path, monkeypatch):
    path = tmp_path / "figures.json"
    monkeypatch.setattr(figures, "MACHINE", "abacus")
    figures.save({"a": {"n": 1}, "b": {"n": 2}}, path)
    monkeypatch.setattr(figures, "MACHINE", "slide rule")
    assert figures.load(path) == {}
    figures.save({"a": {"n": 3}}, path)
    figures.save({"b": {"n": 4}}, path)
    assert figures.load(path) == {"a": {"n": 3}, "b": {"n": 4}}
    monkeypatch.setattr(figures, "MACHINE", "abacus")
    assert figures.load(path) == {"a": {"n": 1}, "b": {"n": 2}}


# ---- what callgrind writes ----

FILE = """# callgrind format
version: 1
positions: line
events: Ir
summary: 9999

ob=(1) /somewhere/libc.so.6
fl=(1) ???
fn=(1) memcpy
0 5000

ob=(2) /somewhere/roomcast-gateway
fl=(2) queue.c
fn=(2) push
10 7
+2 3
cob=(1)
cfn=(1)
calls=4 0
+1 900
cfn=(3) grow
calls=2 30
* 40
fi=(3) list.h
-5 1
fe=(2)
jump=3 10
cob=(1)
cfn=(4) malloc
calls=1 0
20 300

fn=(3)
30 40

ob=(1)
fn=(4)
0 300
cob=(2)
cfn=(3)
calls=1 30
0 20
totals: 9999
""".splitlines()


def test_only_what_the_object_spent_itself_is_counted():
    counts = callgrind.read(FILE, "roomcast-gateway")
    assert counts.instructions == {"push": 11, "grow": 40}
    assert counts.total() == 51


def test_calls_into_other_objects_are_counted_and_no_others():
    assert callgrind.read(FILE, "roomcast-gateway").calls == {"memcpy": 4, "malloc": 1}


def test_the_difference_of_two_runs_keeps_what_only_one_of_them_did():
    short = callgrind.read(FILE, "roomcast-gateway")
    long = callgrind.read([line.replace("30 40", "30 100") for line in FILE], "roomcast-gateway")
    long.instructions["other"] = 5
    less = long.less(short)
    assert (less.total(), less.instructions["grow"], less.instructions["other"]) == (65, 60, 5)


def test_a_file_without_the_object_is_an_error():
    with pytest.raises(ValueError, match="nothing of roomcast-bench"):
        callgrind.read(FILE, "roomcast-bench")


# ---- what perf writes ----

SCRIPT = """
	ffffffff81000001 tcp_v4_rcv ([kernel.kallsyms])
	ffffffff81000002 net_rx_action ([kernel.kallsyms])
	ffffffff81000003 __x64_sys_sendto ([kernel.kallsyms])
	          10ab59 __send (/usr/lib/libc.so.6)

	ffffffff81000004 __fget ([kernel.kallsyms])
	ffffffff81000003 __x64_sys_sendto ([kernel.kallsyms])

	            1234 take_lane (/build/release/roomcast-gateway)
	            2000 on_pass_end (/build/release/roomcast-gateway)

	          10ab59 __memcpy_avx (/usr/lib/libevent-2.1.so.7.0.1)
"""


class Queue:
    """Sources of a program that is nothing but the queue."""

    def component(self, address):
        return {0x1234: "queue"}[address]


def test_a_sample_belongs_to_where_it_was_taken_and_in_the_kernel_to_what_it_was_for():
    assert components.shares(SCRIPT, Queue()) == {
        "kernel: send, loopback into the receiver's socket": 25,
        "kernel: send, out through TCP and IP": 25,
        "queue": 25,
        "libevent": 25,
    }


def test_without_a_sample_there_are_no_shares():
    with pytest.raises(ValueError, match="no sample"):
        components.shares("", Queue())


def test_an_address_belongs_to_the_file_of_its_function(monkeypatch):
    listed = "10 t a\t/x/broker-common/queue.c:1\n30 T b\t/x/gateway/server/peer.c:2\n20 d data\n"
    monkeypatch.setattr(
        components.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, listed)
    )
    sources = components.Sources("program")
    found = [sources.component(at) for at in (0x0F, 0x10, 0x2F, 0x30, 0xFFF)]
    assert found == ["other code of ours", "queue", "queue", "peer", "peer"]
