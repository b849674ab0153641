"""What a page says where it contradicts a sentence: the row that the sentence names, written as a sentence with unit and period."""

from collections.abc import Sequence

from jacie_flask.computation.amounts import exact, shown
from jacie_flask.evidence.proof.checking import Finding
from jacie_flask.evidence.proof.cited_rows import Series, cited_rows
from jacie_flask.evidence.proof.claims import Claim, read_claim
from jacie_flask.evidence.proof.labels import fit, shared_with_labels
from jacie_flask.evidence.proof.quoting import QUOTE
from jacie_flask.evidence.proof.readings import Reading
from jacie_flask.evidence.proof.years import changes, wanted_years
from jacie_flask.question.plan import Wishes
from jacie_flask.text.phrasing import listed, opened, was

_NAMED = 0.75
"""How well a row's label and the sentence must agree (F1) for the row to contradict it."""


def correction(text: str, findings: Sequence[Finding], pages: Sequence[Reading], names: str, context: str) -> tuple[str, int]:
    """Return what the pages state instead of a sentence's doubtful figures, and the position of the page; "" where they state nothing.

    A sentence is contradicted where one row bears its name, has a figure of its unit for its year, and that is another figure.
    """
    claim = read_claim(QUOTE.sub(" ", text), names, context)
    figures = findings[len(findings) - len(claim.amounts) :] if claim.amounts else []
    for at, finding in enumerate(figures):
        if finding.proved:
            continue
        for position, page in enumerate(pages):
            if stated := _stated(claim, at, page):
                return stated, position
    return "", 0


def _stated(claim: Claim, at: int, page: Reading) -> str:
    common = shared_with_labels(claim.words, page.units)
    rows = [series for series in cited_rows(claim, page.units) if fit(series.unit, claim.words, common) >= _NAMED]
    if (
        not rows
        or len({series.unit.label.lower() for series in rows}) > 1
        or len({tuple(one.values.items()) for one in rows}) > 1
    ):
        return ""
    (series, *_) = rows
    amount = claim.amounts[at]
    change = changes(claim, at) or (amount.percent and series.kind != "percent")
    wanted = sorted(wanted_years(claim, at) & set(series.values), reverse=True)
    if not wanted or (amount.percent != (series.kind == "percent") and not change):
        return ""
    years = [wanted[0], wanted[0] - 1] if change else wanted[:1]
    if not all(year in series.values for year in years):
        return ""
    return _sentence(series, years)


def _sentence(series: Series, years: Sequence[int]) -> str:
    """Return a row as a sentence: "Net sales were USD 32,765 million in 2023"."""
    parts = [f"{_amount(series, year)} in {series.periods[year]}" for year in years]
    return f"{opened(series.label)} {was(series.label)} {listed(parts)}"


def _amount(series: Series, year: int) -> str:
    row, unit = series.unit.source, series.unit
    assert row is not None
    scale = row.scale or (unit.scale or 0 if row.unit in ("money", "shares") else 0)
    value = exact(abs(series.values[year]) if series.unit.concept else series.values[year])
    return shown(value, row.unit or "money", row.currency, scale, series.decimals[year], Wishes()).text
