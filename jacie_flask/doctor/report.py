"""Findings for people, as a table, and for programs, as JSON."""

import sys
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jacie_flask.doctor.findings import Finding

_MOST_WELL = 6
"""Of how many tenants a part that is well has a line each."""
_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def failed(findings: Sequence[Finding]) -> bool:
    """Say whether anything must be changed before this works."""
    return any(finding.state == "fail" for finding in findings)


def as_json(findings: Sequence[Finding]) -> str:
    """Return ``{ok, findings: [{part, state, said, change, took_ms, tenant}]}``, each of them however many there are."""
    return msgspec.json.encode({"ok": not failed(findings), "findings": findings}).decode()


def show(findings: Sequence[Finding]) -> None:
    """Print a table, in which what is well of many tenants is one line, and how many of each state there are."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("", "part", "what was found", "what to change"):
        table.add_column(title, overflow="fold", min_width=len(title))
    for one in folded(findings):
        took = "" if one.took_ms is None else f" ({one.took_ms} ms)"
        table.add_row(Text(one.state, _STYLES[one.state]), Text(one.part), Text(one.said + took), Text(one.change))
    console = Console(file=sys.stdout)
    console.print(table)
    counts = {state: sum(one.state == state for one in findings) for state in _STYLES}
    console.print(Text("\n" + ", ".join(f"{count} {state}" for state, count in counts.items())))


def folded(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings with one in place of all that say that a part is well, where more than six tenants have it."""
    well: dict[str, list[Finding]] = {}
    for one in findings:
        well.setdefault(_well(one), []).append(one)
    shown: list[Finding] = []
    for one in findings:
        alike = well[_well(one)]
        if not _well(one) or len(alike) <= _MOST_WELL:
            shown.append(one)
        elif one is alike[0]:
            shown.append(_together(alike))
    return shown


def _well(one: Finding) -> str:
    """Return which part of a tenant's is well, "" for anything else."""
    return one.part.removesuffix(f" of {one.tenant}") if one.tenant and one.state == "ok" else ""


def _together(alike: Sequence[Finding]) -> Finding:
    names = ", ".join(one.tenant for one in alike)
    took_ms = max((one.took_ms or 0) for one in alike)
    return Finding(f"{_well(alike[0])} of {len(alike)} tenants", "ok", f"all well: {names}; the slowest", took_ms=took_ms)
