"""Concepts of key figures: rows of tables with cells, in documents that have no statement of their kind."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from jacie_flask.facts.concepts import Rule, folded, rules
from jacie_flask.facts.values import Row, Table
from jacie_flask.text.labels import STATEMENTS

_OF_PARTS = re.compile(
    r"\b(?:segments?|divisions?|regions?|geograph\w*|countr(?:y|ies)|markets?|products?|brands?|by|per|pro[- ]?forma|budget|plan|forecast|guidance|outlook"
    r"|target|subsidiar\w*|joint ventures?|associates?|acqui\w+|discontinued|parent|quarterly)\b",
    re.IGNORECASE,
)
_MOST_ROWS = 60
_Place = tuple[int, int]


def with_key_figures(tables: Sequence[Table]) -> list[Table]:
    """Return tables in which rows outside of statements carry the concepts that they alone name in the document.

    A table of parts of the company or of plans has none; nor has a row where another of the document names the same concept.
    """
    stated = {table.statement for table in tables if table.statement in STATEMENTS}
    held = {row.concept for table in tables for row in table.rows if row.concept}
    places = [(at, number) for at, table in enumerate(tables) if _of_the_company(table) for number in range(len(table.rows))]
    labels = {place: folded(tables[place[0]].rows[place[1]].label) for place in places}
    named: dict[_Place, str] = {}
    for rule in rules():
        if rule.statement in stated or rule.concept in held or rule.concept in named.values():
            continue
        matching = _matching(rule, tables, {place: label for place, label in labels.items() if place not in named})
        if len(matching) == 1:
            named[matching[0]] = rule.concept
    return [
        _renamed(table, {number: name for (at, number), name in named.items() if at == place})
        for place, table in enumerate(tables)
    ]


def _of_the_company(table: Table) -> bool:
    """Say whether a short table with cells has values of the whole company: its columns are periods and its title names no parts."""
    if table.source == "text" or table.statement or len(table.rows) > _MOST_ROWS or _OF_PARTS.search(table.title):
        return False
    values = [column for column in table.columns if column.role == "value"]
    periods = {(one.end, one.months, one.year, one.quarter) for one in values}
    return len(periods) == len(values) and all(one.year and not one.heading for one in values)


def _matching(rule: Rule, tables: Sequence[Table], labels: Mapping[_Place, str]) -> list[_Place]:
    """Return the rows that the first fitting pattern of a rule names."""
    for pattern in rule.labels:
        fitting = [place for place, label in labels.items() if pattern.fullmatch(label)]
        found = [place for place in fitting if _allowed(rule, tables[place[0]].rows[place[1]])]
        if found:
            return found
    return []


def _allowed(rule: Rule, row: Row) -> bool:
    headings = " > ".join(map(folded, row.headings))
    if row.concept or row.suspect or row.unit != rule.unit or _OF_PARTS.search(headings):
        return False
    if rule.not_label and rule.not_label.search(folded(row.label)):
        return False
    if rule.heading and not rule.heading.search(headings):
        return False
    return not (rule.not_heading and headings and rule.not_heading.search(headings))


def _renamed(table: Table, names: dict[int, str]) -> Table:
    if not names:
        return table
    rows = [msgspec.structs.replace(row, concept=names.get(at, row.concept)) for at, row in enumerate(table.rows)]
    return msgspec.structs.replace(table, rows=rows)
