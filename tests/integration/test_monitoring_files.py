"""What lies in ``deploy/`` for Prometheus and Grafana: rules that work, names that exist."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from backupmon.config import PROJECT_ROOT
from backupmon.services.metrics import gather_metrics
from tests.integration.conftest import World, at
from tests.servers import need_programs

PROMETHEUS = PROJECT_ROOT / "deploy" / "prometheus"
GRAFANA = PROJECT_ROOT / "deploy" / "grafana" / "backupmon.json"


@pytest.mark.parametrize(
    "arguments",
    [("check", "rules", "backupmon-alerts.yml"), ("test", "rules", "backupmon-alerts.test.yml")],
)
def test_the_rules_are_what_their_own_tests_say(arguments: tuple[str, ...]) -> None:
    need_programs("promtool")
    command = ["promtool", *arguments]
    done = subprocess.run(command, cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_has_a_test() -> None:
    rules = re.findall(r"alert: (\w+)", (PROMETHEUS / "backupmon-alerts.yml").read_text())
    tests = (PROMETHEUS / "backupmon-alerts.test.yml").read_text()
    raised = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:\n\s+- exp_labels", tests))
    assert raised == set(rules)


@pytest.mark.parametrize(
    "path", [PROMETHEUS / "backupmon-alerts.yml", GRAFANA], ids=lambda path: path.name
)
def test_only_metrics_that_there_are_are_asked_for(world: World, path: Path) -> None:
    world.job()
    world.scan(at(12, 40))
    there = {
        sample
        for family in gather_metrics(world.settings, at(12, 40), "1")
        for sample in (family.name, *(s.name for s in family.samples))
    }
    asked = set(re.findall(r"\bbackupmon_[a-z_]+\b", path.read_text()))
    assert asked
    assert asked <= there


def test_the_dashboard_is_one_that_grafana_can_take() -> None:
    board = json.loads(GRAFANA.read_text())
    assert board["title"] == "backupmon"
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(set(numbers)) == len(numbers)
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert panel["targets"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
