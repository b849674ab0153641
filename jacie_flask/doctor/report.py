"""Findings for people, as a table, and for programs, as JSON."""

import sys
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jacie_flask.doctor.findings import Finding

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def failed(findings: Sequence[Finding]) -> bool:
    """Say whether anything must be changed before this works."""
    return any(finding.state == "fail" for finding in findings)


def as_json(findings: Sequence[Finding]) -> str:
    """Return ``{ok, findings: [{part, state, said, change, took_ms}]}``."""
    return msgspec.json.encode({"ok": not failed(findings), "findings": findings}).decode()


def show(findings: Sequence[Finding]) -> None:
    """Print a table, and how many of each state there are."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("", "part", "what was found", "what to change"):
        table.add_column(title, overflow="fold", min_width=len(title))
    for one in findings:
        took = "" if one.took_ms is None else f" ({one.took_ms} ms)"
        table.add_row(Text(one.state, _STYLES[one.state]), Text(one.part), Text(one.said + took), Text(one.change))
    console = Console(file=sys.stdout)
    console.print(table)
    counts = {state: sum(one.state == state for one in findings) for state in _STYLES}
    console.print(Text("\n" + ", ".join(f"{count} {state}" for state, count in counts.items())))
