"""The findings about a sentence: for each of its quotes and figures whether the cited pages prove it, and if not, why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jacie_flask.evidence.proof.claims import Claim, Place, places, read_claim
from jacie_flask.evidence.proof.derivations import derived
from jacie_flask.evidence.proof.labels import named
from jacie_flask.evidence.proof.quoting import QUOTE, quoted_in, quotes
from jacie_flask.evidence.proof.readings import Reading, Unit
from jacie_flask.evidence.proof.rows import is_named, of_its_part, of_its_row
from jacie_flask.evidence.proof.signs import compared_alike, moves_alike, same_currency, signed_alike, turned
from jacie_flask.evidence.proof.years import changes, of_its_period
from jacie_flask.text import figures
from jacie_flask.text.figures import Figure

_COPIED = 5
"""How many telling words make a sentence that is on the page as it is a statement of the page."""
_SCALES = {3: " (thousands)", 6: " (millions)", 9: " (billions)"}


@dataclass(frozen=True)
class Finding:
    """What was found about one figure or quote: whether it is proved, and if not, or if it was computed, why.

    ``place`` is where a proved figure is; a computed one has none.
    """

    text: str
    proved: bool
    reason: str = ""
    place: Place | None = None

    @property
    def computed(self) -> bool:
        """Whether the figure follows from figures of the pages and is on none."""
        return self.proved and bool(self.reason)


def check(claim: str, pages: Sequence[Reading], names: str = "", period: str = "", context: str = "") -> list[Finding]:
    """Check each quote and figure of a sentence on the pages that it cites together.

    ``names`` are words that say nothing about a row, such as the company's; ``period`` is the year the document is about; ``context`` is
    the text before the sentence, and the question, which name what the sentence leaves out.
    """
    findings = []
    for quote in quotes(claim):
        found = any(quoted_in(quote, page.folded) for page in pages)
        findings.append(Finding(quote, found, "" if found else "these words are not on the page"))
    stated = read_claim(QUOTE.sub(" ", claim) if findings else claim, names, context)
    if len(stated.words) >= _COPIED and any(quoted_in(stated.text, page.folded) for page in pages):
        return [*findings, *(Finding(amount.text, True) for amount in stated.amounts)]
    return [*findings, *_of_figures(stated, pages, period)] if stated.amounts else findings


def _of_figures(stated: Claim, pages: Sequence[Reading], period: str) -> list[Finding]:
    units = [unit for page in pages for unit in page.units]
    known = {year for page in pages for year in page.years} | set(figures.years(period))
    standing = [[*places(amount, units)] for amount in stated.amounts]
    findings = []
    for at, found in enumerate(standing):
        others = [place.unit for other, held in enumerate(standing) if other != at for place in held]
        taken = {id(unit) for unit in others if unit.row and named(unit, stated.words)}
        findings.append(_weigh(stated, at, found, units, known, taken, pages))
    return _compared(stated, findings)


def _weigh(
    claim: Claim,
    at: int,
    standing: list[Place],
    units: Sequence[Unit],
    known: set[int],
    taken: set[int],
    pages: Sequence[Reading],
) -> Finding:
    """Say whether one of the places where the figure stands is the one that the sentence means."""
    amount = claim.amounts[at]
    text = claim.text[max(0, amount.start - 1) : amount.end].strip(" (,;") or amount.text
    tests: list[tuple[Callable[[Place], bool], str]] = [
        (lambda place: is_named(claim, place, units), "the sentence does not name what it is on the page"),
        (lambda place: signed_alike(claim, amount, place), "it has another sign or direction on the page"),
        (lambda place: same_currency(amount, place, units), "it is in another currency on the page"),
        (lambda place: of_its_period(claim, at, place, known), "it stands under another year or period on the page"),
        (lambda place: of_its_row(claim, at, place, units, taken), "it belongs to something else on the page"),
        (lambda place: of_its_part(claim, at, place, units), "it belongs to another part of the company on the page"),
        (lambda place: moves_alike(claim, at, place), "it moved the other way on the page"),
    ]
    reason = "" if standing else _why_not(amount, units)
    for keep, why in tests:
        if reason:
            break
        standing = [place for place in standing if keep(place)]
        reason = "" if standing else why
    if not reason:
        return Finding(text, True, place=standing[0])
    how = derived(claim, at, pages)
    return Finding(text, bool(how), how or reason)


def _compared(claim: Claim, findings: list[Finding]) -> list[Finding]:
    """Doubt figures that a sentence compares, or moves between, the wrong way round."""
    for at, finding in enumerate(findings):
        if finding.proved and turned(claim, at):
            findings[at] = Finding(finding.text, False, "the figures moved the other way")
    for at in range(1, len(findings)):
        one, two = findings[at - 1].place, findings[at].place
        between = claim.text[claim.amounts[at - 1].end : claim.amounts[at].start]
        if one is None or two is None or one.figure.percent != two.figure.percent or changes(claim, at):
            continue
        first, second = _amount(one), _amount(two)
        if not (claim.amounts[at - 1].negative or claim.amounts[at].negative):
            first, second = abs(first), abs(second)
        if not compared_alike(claim.text, first, second, between):
            findings[at] = Finding(findings[at].text, False, "it is compared the other way round on the page")
    return findings


def _amount(place: Place) -> float:
    figure = place.figure
    return figure.value * 10.0 ** (figure.scale or place.unit.scale or 0) * (-1 if figure.negative else 1)


def _why_not(amount: Figure, units: Sequence[Unit]) -> str:
    """Say what is wrong with a figure that stands nowhere: its unit only, or all of it."""
    bare = Figure(amount.text, amount.value, amount.decimals, 0, amount.percent, 0)
    for unit in units:
        for held in unit.figures:
            if held.value == bare.value and held.decimals == bare.decimals and not held.year:
                scale = "" if held.percent else _SCALES.get(held.scale or unit.scale or 0, "")
                return f"it has another unit on the page{scale}"
    return "it is not on the page"
