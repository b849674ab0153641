"""Which line item a row of a statement is: concepts given to rows by label, section and position."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec

from jacie_flask.facts.values import Row, Table

_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "−": "-", "‑": "-"})
_NOISE = re.compile(
    r"\((?:see |refer to )?(?:notes?|schedule)\s[^)]{0,200}\)|^(?:less|add|plus|of which):?\s(?=\w)|\((?:unaudited|restated|in (?:thousands|millions|shares)[^)]{0,200})\)"
    r"|\(\w{1,2}\)|^\d{1,2}[.)]\s",
    re.IGNORECASE,
)
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

    labels = entry["labels"]
    assert isinstance(labels, list)
    return Rule(
        concept=str(entry.get("concept", name)),
        statement=str(entry["statement"]),
        labels=tuple(re.compile(str(label)) for label in labels),
        region=str(entry.get("region", "")),
        not_region=str(entry.get("not_region", "")),
        heading=pattern("heading"),
        not_heading=pattern("not_heading"),
        not_label=pattern("not_label"),
        unit=str(entry.get("unit", "money")),
        several=str(entry.get("several", "")),
        sign=str(entry.get("sign", "")),
        parts=pattern("parts"),
    )


def absolute(concept: str) -> bool:
    """Say whether the printed sign of a concept's figures is a matter of style."""
    return any(rule.concept == concept and rule.sign == "absolute" for rule in rules())


def folded(label: str) -> str:
    """Return a label as the patterns of concepts.toml expect it."""
    text = _NOISE.sub(" ", label.translate(_QUOTES).lower()).replace(", and ", " and ")
    return _SPACES.sub(" ", text).strip(" :.,*-")


def with_concepts(tables: Sequence[Table]) -> list[Table]:
    """Return tables whose rows of primary statements and their summaries carry the concepts that they name."""
    return [_named(table) if table.statement else table for table in tables]


def _named(table: Table) -> Table:
    statement = table.statement.removesuffix("_summary")
    rows = [_Labelled(row, folded(row.label), " > ".join(row.headings).lower(), region) for row, region in _regions(table)]
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


def _regions(table: Table) -> Iterator[tuple[Row, str]]:
    """Yield the rows of a statement with the part of it in which they stand."""
    region = ""
    statement = table.statement.removesuffix("_summary")
    for row in table.rows:
        label = folded(row.label)
        headings = [folded(heading) for heading in row.headings]
        if statement == "balance_sheet":
            own = next((name for heading in reversed(headings) if (name := _part(heading))), "")
            region = own or region
            yield row, region
            region = _after(label, region)
        else:
            own = next(
                (name for heading in reversed(headings) for name in ("operating", "investing", "financing") if name in heading),
                "",
            )
            region = own or region or "operating"
            yield row, region
            if "operating activities" in label and "cash" in label:
                region = "investing"
            elif "investing activities" in label and "cash" in label:
                region = "financing"


def _part(heading: str) -> str:
    """Return the part of a balance sheet that a heading opens, "" for none."""
    current = "non" not in heading and "long" not in heading
    if "liabilit" in heading and ("equity" in heading or "assets" in heading):
        return ""
    if "current" in heading or "long-term" in heading or "fixed" in heading:
        for name in ("assets", "liabilities"):
            if name in heading:
                return f"{'current' if current and 'current' in heading else 'noncurrent'}_{name}"
    if re.search(r"(?:share|stock)(?:holders|owners)|^(?:total )?equity|capital and reserves", heading):
        return "equity"
    return ""


def _after(label: str, region: str) -> str:
    """Return the part that follows a row of totals."""
    if re.fullmatch(r"total current assets", label):
        return "noncurrent_assets" if region == "current_assets" else ""
    if re.fullmatch(r"total current liabilities", label):
        return "noncurrent_liabilities"
    if label in ("total assets", "total liabilities", "total non-current assets", "total non-current liabilities"):
        return ""
    return region
