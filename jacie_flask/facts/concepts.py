"""Which line item a row of a statement is: concepts given to rows by label, section and position."""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec

from jacie_flask.facts.values import Row, Table
from jacie_flask.text.labels import STATEMENTS

_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "−": "-", "‑": "-"})
_NOISE = re.compile(
    r"\((?:see |refer to )?(?:notes?|schedule)\s[^)]{0,200}\)|^(?:less|add|plus|of which):?\s(?=\w)|\((?:unaudited|restated|in (?:thousands|millions|shares)[^)]{0,200})\)"
    r"|\((?:in )?(?:[a-z]{0,3}[$€£¥₹₦r]?\s?)?['’]?(?:000|thousands?|millions?|billions?|crores?|lakhs?|m|mn|bn|eur|usd|gbp|zar|[$€£])\)"
    r"|\(\w{1,2}\)|^\d{1,2}[.)]\s",
    re.IGNORECASE,
)
_MINORITIES = re.compile(r"non-?controlling|minority|redeemable interest", re.IGNORECASE)
_LONGEST = 300
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class Rule:
    """How statements name one concept; the fields are explained in concepts.toml."""

    concept: str
    statement: str
    labels: tuple[re.Pattern[str], ...]
    region: str = ""
    not_region: str = ""
    heading: re.Pattern[str] | None = None
    not_heading: re.Pattern[str] | None = None
    not_label: re.Pattern[str] | None = None
    unit: str = "money"
    several: str = ""
    sign: str = ""
    parts: re.Pattern[str] | None = None
    summands: tuple[re.Pattern[str], ...] = ()


@dataclass(frozen=True)
class _Labelled:
    """A row with its folded label, its headings in one line, and the region of the statement where it stands."""

    row: Row
    label: str
    headings: str
    region: str


@cache
def rules() -> tuple[Rule, ...]:
    """Return the rules of concepts.toml."""
    data = tomllib.loads(files("jacie_flask.facts").joinpath("concepts.toml").read_text("utf-8"))
    return tuple(_rule(name, entry) for name, entry in data.items())


def _rule(name: str, entry: dict[str, object]) -> Rule:
    def pattern(key: str) -> re.Pattern[str] | None:
        return re.compile(str(entry[key])) if key in entry else None

    return Rule(
        concept=str(entry.get("concept", name)),
        statement=str(entry["statement"]),
        labels=tuple(re.compile(str(label)) for label in _listed(entry["labels"])),
        region=str(entry.get("region", "")),
        not_region=str(entry.get("not_region", "")),
        heading=pattern("heading"),
        not_heading=pattern("not_heading"),
        not_label=pattern("not_label"),
        unit=str(entry.get("unit", "money")),
        several=str(entry.get("several", "")),
        sign=str(entry.get("sign", "")),
        parts=pattern("parts"),
        summands=tuple(re.compile(str(one)) for one in _listed(entry.get("summands", []))),
    )


def _listed(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


def absolute(concept: str) -> bool:
    """Say whether the printed sign of a concept's figures is a matter of style."""
    return any(rule.concept == concept and rule.sign == "absolute" for rule in rules())


def names(label: str, concept: str) -> bool:
    """Say whether a row's label is one that statements have for a concept, whatever table the row is in."""
    return any(pattern.fullmatch(folded(label)) for rule in rules() if rule.concept == concept for pattern in rule.labels)


def folded(label: str) -> str:
    """Return a label as the patterns of concepts.toml expect it."""
    text = _NOISE.sub(" ", label[:_LONGEST].translate(_QUOTES).lower()).replace(", and ", " and ")
    return _SPACES.sub(" ", text).strip(" :.,*-")


def with_concepts(tables: Sequence[Table]) -> list[Table]:
    """Return tables whose rows of primary statements and their summaries carry the concepts that they name."""
    found = [_named(table) if table.statement else table for table in tables]
    if not has_minorities(found):
        return found
    return [_with_shared_equity(table) if table.statement == "balance_sheet" else table for table in found]


def tagged(tables: Sequence[Table], tags: Sequence[Sequence[str | None]]) -> list[Table]:
    """Return tables with the concepts that tags give their rows in place of those of their labels.

    ``tags`` are those of ``row_concepts``, empty for a table without; a concept of another statement than the table's is left out.
    """
    return [_tagged(table, row_tags) if any(tag is not None for tag in row_tags) else table
            for table, row_tags in zip(tables, tags, strict=True)]  # fmt: skip


def _tagged(table: Table, tags: Sequence[str | None]) -> Table:
    statement = table.statement.removesuffix("_summary")
    homes = {rule.concept: rule.statement for rule in rules()}
    fitting = [tag if not tag or not statement or homes[tag] == statement else None for tag in tags]
    taken = {tag for tag in fitting if tag}
    concepts = [
        tag if tag is not None else "" if row.concept in taken else row.concept
        for row, tag in zip(table.rows, fitting, strict=True)
    ]
    rows = [msgspec.structs.replace(row, concept=one) for row, one in zip(table.rows, concepts, strict=True)]
    return msgspec.structs.replace(table, rows=rows)


def has_minorities(tables: Iterable[Table]) -> bool:
    """Say whether statements have figures of shareholders of subsidiaries: equity and profit are then not all the company's own."""
    return any(
        any(cell.value for cell in row.cells)
        for table in tables
        if table.statement in STATEMENTS
        for row in table.rows
        if _MINORITIES.search(row.label)
    )


def _with_shared_equity(table: Table) -> Table:
    """Return a balance sheet whose one line of equity is the total where it does not part the share of others."""
    if any(row.concept == "total_equity" or _MINORITIES.search(row.label) for row in table.rows):
        return table
    rows = [msgspec.structs.replace(row, concept="total_equity") if row.concept == "equity" else row for row in table.rows]
    return msgspec.structs.replace(table, rows=rows)


def _named(table: Table) -> Table:
    statement = table.statement.removesuffix("_summary")
    rows = [
        _Labelled(row, folded(row.label), " > ".join(map(folded, row.headings)), region)
        for row, region in zip(table.rows, _regions(table), strict=True)
    ]
    named: dict[int, str] = {}
    for rule in rules():
        if rule.statement != statement or rule.concept in named.values():
            continue
        for position in _chosen(rule, rows):
            named.setdefault(position, rule.concept)
    changed = [msgspec.structs.replace(one.row, concept=named.get(at, "")) for at, one in enumerate(rows)]
    return msgspec.structs.replace(table, rows=changed)


def _chosen(rule: Rule, rows: Sequence[_Labelled]) -> list[int]:
    """Return the position of the row that a rule means; several rows are decided by its ``several``."""
    candidates = [at for at, one in enumerate(rows) if _allowed(rule, one)]
    for pattern in rule.labels:
        matching = [at for at in candidates if pattern.fullmatch(rows[at].label)]
        if not matching:
            continue
        if len(matching) == 1:
            return matching
        values = {tuple(cell.value for cell in rows[at].row.cells) for at in matching}
        if len(values) == 1 or rule.several == "first":
            return matching[:1]
        return matching[-1:] if rule.several == "last" else []
    return []


def _allowed(rule: Rule, one: _Labelled) -> bool:
    if one.row.unit != rule.unit and not (rule.unit == "shares" and one.row.unit == "count"):
        return False
    if (rule.region and one.region != rule.region) or (rule.not_region and one.region == rule.not_region):
        return False
    if rule.not_label and rule.not_label.search(one.label):
        return False
    if rule.heading and not rule.heading.search(one.headings):
        return False
    return not (rule.not_heading and one.headings and rule.not_heading.search(one.headings))


def _regions(table: Table) -> list[str]:
    """Return the part of the statement in which each row stands: by its headings, otherwise by the totals around it."""
    labels = [folded(row.label) for row in table.rows]
    headings = [[folded(heading) for heading in row.headings] for row in table.rows]
    if table.statement.removesuffix("_summary") == "balance_sheet":
        return _parts_of_balance(labels, headings)
    return _parts_of_flows(labels, headings)


def _parts_of_balance(labels: Sequence[str], headings: Sequence[Sequence[str]]) -> list[str]:
    following: list[str] = []
    for label in reversed(labels):
        following.append(
            _TOTALS.get(label) or ("equity" if _EQUITY_TOTAL.match(label) else "") or (following[-1] if following else "")
        )
    following.reverse()
    parts: list[str] = []
    previous = ""
    for label, path, closing in zip(labels, headings, following, strict=True):
        own = next((name for heading in reversed(path) if (name := _part(heading))), "")
        parts.append(own or _AFTER.get((previous, closing), closing))
        previous = _TOTALS.get(label, previous)
    return parts


def _parts_of_flows(labels: Sequence[str], headings: Sequence[Sequence[str]]) -> list[str]:
    parts: list[str] = []
    region = "operating"
    for label, path in zip(labels, headings, strict=True):
        own = next((name for heading in reversed(path) for name in _ACTIVITIES if name in heading), "")
        if any(_SUPPLEMENT.search(heading) for heading in path) or region == "supplement":
            own = region = "supplement"
        region = own or region
        parts.append(region)
        if "activities" in label and "cash" in label:
            region = next((after for name, after in _ACTIVITIES.items() if name in label), region)
        cash = re.search(r"\bcash\b", label)
        if cash and re.search(r"\b(?:end|closing)\b", label[cash.end() :]):
            region = "supplement"
    return parts


_ACTIVITIES = {"operating": "investing", "investing": "financing", "financing": "other"}
_SUPPLEMENT = re.compile(r"supplement|non-?cash (?:investing|activit|transact)")
_EQUITY_TOTAL = re.compile(r"total .*(?:equity|deficit)$(?<!liabilities and equity)|total (?:share|stock)holders")
_TOTALS = {
    "total current assets": "current_assets",
    "total non-current assets": "noncurrent_assets",
    "total noncurrent assets": "noncurrent_assets",
    "total assets": "assets",
    "total current liabilities": "current_liabilities",
    "total non-current liabilities": "noncurrent_liabilities",
    "total noncurrent liabilities": "noncurrent_liabilities",
    "total liabilities": "liabilities",
    "total equity": "equity",
}
_AFTER = {
    ("current_assets", "assets"): "noncurrent_assets",
    ("current_liabilities", "liabilities"): "noncurrent_liabilities",
    ("current_liabilities", "equity"): "noncurrent_liabilities",
}


def _part(heading: str) -> str:
    """Return the part of a balance sheet that a heading opens, "" for none."""
    if "liabilit" in heading and ("equity" in heading or "assets" in heading):
        return ""
    for name in ("assets", "liabilities"):
        if name in heading and re.search(r"non-?\s?current|long-term|fixed", heading):
            return f"noncurrent_{name}"
        if name in heading and "current" in heading:
            return f"current_{name}"
    if re.search(r"(?:share|stock)(?:holders|owners)|^(?:total )?equity|capital and reserves", heading):
        return "equity"
    return ""
