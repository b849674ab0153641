"""What the dashboard and the alert rules of ``deploy/`` ask Prometheus for."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.support.jacie import ROOT

DASHBOARD = ROOT / "deploy" / "grafana" / "jacie.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
_NAME = re.compile(r"\bjacie_\w+")


def dashboard() -> dict[str, Any]:
    """Return the Grafana dashboard."""
    return dict(json.loads(DASHBOARD.read_text()))


def panels() -> list[dict[str, Any]]:
    """Return the dashboard's panels that show something, rows left out."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def rules() -> list[dict[str, Any]]:
    """Return the alert rules of all groups."""
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    """Yield every expression in either."""
    for panel in panels():
        for target in panel["targets"]:
            yield target["expr"]
    for rule in rules():
        yield rule["expr"]


def names_in(expression: str) -> set[str]:
    """Return the series that an expression names."""
    return set(_NAME.findall(expression))
