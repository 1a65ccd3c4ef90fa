#!/usr/bin/python3
"""Counts what the gateway spends on each scene and compares it with the stored figures.

Exit code 0: nothing is worse than its figure; 1: something is; 2: there is no figure for it.
"""

import argparse
import sys
from pathlib import Path

import figures
from scenes import SCENES, measure


def show(name, measured, functions):
    got = measured.figures
    print(
        f"{name}: per {SCENES[name].unit} {got['instructions']} instructions, "
        f"{got['sends']} sends, {got['allocations']} allocations"
    )
    for function, n in measured.by_function.most_common(functions):
        print(f"  {n:9.1f}  {function}")


def check(name, got, path):
    """The exit code for one scene."""
    stored = figures.load(path).get(name)
    if stored is None:
        print(f"{name}: no figure for {figures.MACHINE} in {path}; --update stores one")
        return 2
    worse, better = figures.compare(name, got, stored, figures.margin(path))
    for sentence in worse + better:
        print(sentence)
    return 1 if worse else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scene", nargs="*", help=f"of {', '.join(SCENES)}; none: all")
    parser.add_argument("--update", action="store_true", help="store what is counted now")
    parser.add_argument("--functions", type=int, default=0, metavar="N", help="list the N dearest")
    parser.add_argument("--figures", type=Path, default=figures.PATH, help="another file")
    chosen = parser.parse_args()
    code = 0
    for name in chosen.scene or SCENES:
        if name not in SCENES:
            parser.error(f"there is no scene {name}")
        measured = measure(name)
        show(name, measured, chosen.functions)
        if chosen.update:
            figures.save({name: measured.figures}, chosen.figures)
        else:
            code = max(code, check(name, measured.figures, chosen.figures))
    return code


if __name__ == "__main__":
    sys.exit(main())
