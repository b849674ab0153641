"""The findings about a sentence: for each of its quotes and figures whether the cited pages prove it, and if not, why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jacie_flask.chat.proof.claims import Claim, Place, places, read_claim
from jacie_flask.chat.proof.labels import named
from jacie_flask.chat.proof.quoting import QUOTE, quoted, quotes
from jacie_flask.chat.proof.rows import of_its_row
from jacie_flask.chat.proof.signs import same_currency, signed_alike
from jacie_flask.chat.proof.sums import computed
from jacie_flask.chat.proof.years import of_its_year
from jacie_flask.text import figures, tables
from jacie_flask.text.figures import Figure
from jacie_flask.text.tables import Unit

_SCALES = {3: " (thousands)", 6: " (millions)", 9: " (billions)"}


@dataclass(frozen=True)
class Finding:
    """What was found about one figure or quote: whether it is proved, and if not, or if only by a sum, why."""

    text: str
    proved: bool
    reason: str = ""


def check(claim: str, pages: Sequence[str], names: str = "", period: str = "") -> list[Finding]:
    """Check each quote and figure of a sentence on the pages that it cites together.

    ``names`` are words that say nothing about a row, such as the company's; ``period`` is the year the document is about.
    """
    findings = []
    for quote in quotes(claim):
        held = any(quoted(quote, page) for page in pages)
        findings.append(Finding(quote, held, "" if held else "these words are not on the page"))
    stated = read_claim(QUOTE.sub(" ", claim) if findings else claim, names)
    if not stated.amounts:
        return findings
    units = [unit for page in pages for unit in tables.read(page)]
    known = {year for page in pages for year in figures.years(page[: tables.PAGE_CHARS])} | set(figures.years(period))
    standing = [[*places(amount, units)] for amount in stated.amounts]
    for at, found in enumerate(standing):
        others = [place.unit for other, held in enumerate(standing) if other != at for place in held]
        taken = {id(unit) for unit in others if unit.row and named(unit, stated.words)}
        findings.append(_weigh(stated, at, found, units, known, taken))
    return findings


def _weigh(claim: Claim, at: int, standing: list[Place], units: Sequence[Unit], known: set[int], taken: set[int]) -> Finding:
    """Say whether one of the places where the figure stands is the one that the sentence means."""
    amount = claim.amounts[at]
    text = claim.text[max(0, amount.start - 1) : amount.end].strip(" (,;") or amount.text
    if not standing:
        how = computed(claim, at, units)
        return Finding(text, bool(how), how or _why_not(amount, units))
    tests: list[tuple[Callable[[Place], bool], str]] = [
        (lambda place: signed_alike(claim, amount, place), "it has another sign or direction on the page"),
        (lambda place: same_currency(amount, place, units), "it is in another currency on the page"),
        (lambda place: of_its_year(claim, at, place, known), "it stands under another year on the page"),
        (lambda place: of_its_row(claim, at, place, units, taken), "it belongs to something else on the page"),
    ]
    for keep, reason in tests:
        standing = [place for place in standing if keep(place)]
        if not standing:
            how = computed(claim, at, units) if amount.percent else ""
            return Finding(text, bool(how), how or reason)
    return Finding(text, True)


def _why_not(amount: Figure, units: Sequence[Unit]) -> str:
    """Say what is wrong with a figure that stands nowhere: its unit only, or all of it."""
    bare = Figure(amount.text, amount.value, amount.decimals, 0, amount.percent, 0)
    for unit in units:
        for held in unit.figures:
            if held.value == bare.value and held.decimals == bare.decimals and not held.year:
                named = _SCALES.get(held.scale or unit.scale or 0, "")
                return f"it has another unit on the page{named}"
    return "it is not on the page"
