"""Reads what callgrind wrote: what one object of the program spent itself, and what it called.

Only that object counts, not libc and not the other libraries: they choose their code by the
processor (memcpy with AVX or without), and other versions of them count differently.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

NAMED = re.compile(r"(c?(?:ob|fn))=\((\d+)\)(?: (.*))?$")
POSITION = re.compile(r"[+*0-9-]")


@dataclass
class Counts:
    """Instructions of an object by function, and its calls into other objects by callee."""

    instructions: Counter = field(default_factory=Counter)
    calls: Counter = field(default_factory=Counter)

    def total(self):
        return sum(self.instructions.values())

    def less(self, other):
        """What this run has done more (or less) than the other one."""
        less = Counts(Counter(self.instructions), Counter(self.calls))
        less.instructions.subtract(other.instructions)
        less.calls.subtract(other.calls)
        return less


class Reader:
    """One pass over the lines. A name stands in full where it comes first, then its number."""

    def __init__(self, program):
        self.ending = "/" + program
        self.names = {"ob": {}, "fn": {}}
        self.at = {"ob": "", "fn": "", "cob": None, "cfn": ""}
        self.counts = Counts()
        self.found = False  # whether the object has been there at all
        self.is_call = False  # the next line is what a callee spent

    def name(self, kind, number, text):
        names = self.names[kind.removeprefix("c")]
        if text is not None:
            names[number] = text
        self.at[kind] = names[number]

    def is_ours(self, name):
        return name.endswith(self.ending)

    def call(self, times):
        callee = self.at["cob"] if self.at["cob"] is not None else self.at["ob"]
        if self.is_ours(self.at["ob"]) and not self.is_ours(callee):
            self.counts.calls[self.at["cfn"]] += times
        self.at["cob"] = None  # holds for one call
        self.is_call = True

    def spent(self, line):
        if self.is_call:
            self.is_call = False
        elif self.is_ours(self.at["ob"]):
            self.found = True
            self.counts.instructions[self.at["fn"]] += int(line.split()[1])

    def line(self, line):
        named = NAMED.match(line)
        if named:
            self.name(*named.groups())
        elif line.startswith("calls="):
            self.call(int(line[len("calls=") :].split()[0]))
        elif POSITION.match(line):
            self.spent(line)


def read(lines, program):
    """The Counts of the object whose file is called `program`."""
    reader = Reader(program)
    for line in lines:
        reader.line(line.rstrip("\n"))
    if not reader.found:
        raise ValueError(f"callgrind has seen nothing of {program}")
    return reader.counts
