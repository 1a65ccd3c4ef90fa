"""Prometheus of docker-compose.yml: it finds the gateways, and our rules and dashboard ask it for
what is there."""

import asyncio
import json
import re
import subprocess
import urllib.parse

import pytest
from stack import Failed
from support.httpio import request
from support.timing import ROOT, eventually

RULES = ROOT / "deploy/prometheus/rules.yml"
DASHBOARD = ROOT / "deploy/grafana/roomcast.json"
VARIABLES = {"$instance": ".*", "$__rate_interval": "1m"}
BY_TROUBLE = ("> 0", "== 0")  # at the end of what is empty while all is well


class Prometheus:
    def __init__(self, stack):
        stack.compose("up", "-d", "--no-recreate", "prometheus")
        self.address = stack.port("prometheus", 9090)
        self.container = stack.compose("ps", "-q", "prometheus").strip()

    async def get(self, path, **arguments):
        answer = await request(self.address, "GET", f"{path}?{urllib.parse.urlencode(arguments)}")
        body = json.loads(answer.text)
        assert body["status"] == "success", body
        return body["data"]

    async def query(self, expression):
        return (await self.get("/api/v1/query", query=expression))["result"]

    def promtool(self, *arguments, stdin=""):
        """Its output; anything that it complains of fails."""
        done = subprocess.run(
            ["docker", "exec", "-i", "-e", "TMPDIR=/prometheus", self.container, "promtool", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0 or done.stderr:
            raise Failed(f"promtool {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout


@pytest.fixture(scope="module")
def prometheus(stack):
    return Prometheus(stack)


async def gateways_seen(prometheus, n):
    async def seen():
        try:
            found = await prometheus.query('up{job="roomcast"} == 1')
        except OSError:
            return False  # it has not started yet
        return len(found) == n

    await eventually(seen, timeout=30)


def test_the_rules_do_what_they_say(prometheus):
    assert "SUCCESS" in prometheus.promtool("check", "rules", "/etc/roomcast/rules.yml")
    assert "SUCCESS" in prometheus.promtool("test", "rules", "/etc/roomcast/rules_test.yml")


async def test_every_gateway_is_found_and_every_rule_is_loaded(cluster, prometheus):
    await gateways_seen(prometheus, len(cluster.gateways()))
    groups = (await prometheus.get("/api/v1/rules"))["groups"]
    loaded = [rule for g in groups for rule in g["rules"]]
    assert len(loaded) == len(re.findall(r"- alert:", RULES.read_text()))

    async def all_evaluated():
        groups = (await prometheus.get("/api/v1/rules"))["groups"]
        health = {rule["health"] for g in groups for rule in g["rules"]}
        return health == {"ok"}

    await eventually(all_evaluated, timeout=20)


async def test_the_metrics_follow_the_conventions(cluster, prometheus):
    text = (await cluster.gateways()[0].http("/metrics")).text
    prometheus.promtool("check", "metrics", stdin=text)


async def test_every_panel_of_the_dashboard_shows_something(cluster, prometheus):
    await gateways_seen(prometheus, len(cluster.gateways()))
    await asyncio.sleep(12)  # two more scrapes: a rate needs them
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = [(p["title"], t["expr"]) for p in panels for t in p.get("targets", [])]
    assert asked
    for title, expression in asked:
        for name, value in VARIABLES.items():
            expression = expression.replace(name, value)
        found = await prometheus.query(expression)
        assert found or expression.endswith(BY_TROUBLE), f"{title}: nothing for {expression}"
