"""Prometheus text, read strictly: a line that a scraper would refuse is an error here."""

import re

SAMPLE = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? '
    r"(-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|\+Inf|NaN)"
)
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
SUFFIXES = ("_bucket", "_sum", "_count")


class Metrics:
    def __init__(self, text):
        assert text.endswith("\n")
        self.help, self.types, self.samples = {}, {}, {}
        for line in text.splitlines():
            self._line(line)

    def _line(self, line):
        if line.startswith("# "):
            _, kind, name, rest = line.split(" ", 3)
            into = {"HELP": self.help, "TYPE": self.types}[kind]
            assert name not in into, f"twice: {line}"
            into[name] = rest
            return
        m = SAMPLE.fullmatch(line)
        assert m, f"not a sample: {line!r}"
        key = m[1], tuple(sorted(LABEL.findall(m[2] or "")))
        assert key not in self.samples, f"twice: {line}"
        assert self.family(m[1]) in self.types, f"no TYPE before: {line}"
        self.samples[key] = float(m[3])

    def family(self, name):
        """The metric that a sample belongs to: histograms have three endings."""
        for suffix in SUFFIXES:
            if name.endswith(suffix) and self.types.get(name[: -len(suffix)]) == "histogram":
                return name[: -len(suffix)]
        return name

    def __call__(self, name, /, **labels):
        """The one sample of that name which has these labels, perhaps among others."""
        wanted = set(labels.items())
        found = [
            value
            for (n, has), value in self.samples.items()
            if n == "roomcast_" + name and wanted <= set(has)
        ]
        assert len(found) == 1, f"{len(found)} samples of {name} {labels}"
        return found[0]

    def sum(self, name):
        """Over all labels."""
        return sum(v for (n, _), v in self.samples.items() if n == "roomcast_" + name)
