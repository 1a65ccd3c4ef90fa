"""The stored figures, and what is said when a scene does not cost what its figure says."""

import json
import platform
from pathlib import Path

PATH = Path(__file__).with_name("figures.json")
MACHINE = platform.machine()
MARGIN_PERCENT = 5  # what another version of the same compiler may change


def load(path=PATH):
    """The figures for this kind of processor by scene; empty when there are none."""
    return json.loads(path.read_text())["figures"].get(MACHINE, {}) if path.exists() else {}


def save(measured, path=PATH):
    """Put these scenes' figures in the place of the old ones; all others stay."""
    stored = json.loads(path.read_text()) if path.exists() else {"figures": {}}
    stored["margin_percent"] = stored.get("margin_percent", MARGIN_PERCENT)
    stored["figures"].setdefault(MACHINE, {}).update(measured)
    path.write_text(json.dumps(stored, indent="\t", sort_keys=True) + "\n")


def margin(path=PATH):
    return json.loads(path.read_text())["margin_percent"] if path.exists() else MARGIN_PERCENT


def compare(scene, got, figures, percent):
    """What is worse and what is better than the figures, as sentences: none within the margin."""
    worse, better = [], []
    for key, figure in figures.items():
        change = f"{scene}: {key} {figure} -> {got[key]}"
        if got[key] > figure * (1 + percent / 100):
            worse.append(f"worse: {change}, more than {percent} % above the figure")
        elif got[key] < figure * (1 - percent / 100):
            better.append(f"better: {change}: update the figure (tests/perf/measure.py --update)")
    return worse, better
