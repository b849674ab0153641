"""Whether a figure that is on no page follows from rows that the sentence cites: by a formula, a change, an average, a sum, a share."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

from jacie_flask.evidence.proof.cited_rows import Series, cited_rows, revenue_rows
from jacie_flask.evidence.proof.claims import Claim
from jacie_flask.evidence.proof.formulas import by_formula
from jacie_flask.evidence.proof.readings import Reading
from jacie_flask.evidence.proof.signs import DOWN, SPENT, UP
from jacie_flask.evidence.proof.years import changes
from jacie_flask.facts.concepts import absolute
from jacie_flask.text.figures import Figure

_CAGR = re.compile(
    r"\bCAGR\b|\bcompound(?:ed)?\b|\bannuali[sz]ed\b|\b(?:a|per) year on average\b|\baverage annual (?:growth|rate)\b", re.I
)
_AVERAGE = re.compile(r"\baverag\w*|\bmean\b", re.I)
_SUM = re.compile(
    r"\bsum(?:med)?\b|\btotal(?:s|l?ed|ling)?\b|\bcombined\b|\btogether\b|\bcumulative\w*|\baltogether\b|\baggregate\w*|\bin all\b|\bplus\b",
    re.I,
)
_SHARE = re.compile(
    r"%\s?of\b|\bper ?cent(?:age)? of\b|\bshare\b|\bmargin\b|\bratio\b|\brepresent\w*|\baccount\w* for\b|\bmade up\b|\bproportion\b|\bconversion\b"
    r"|\brate\b|\bintensity\b|\bdivided by\b|\bper\b|\breturn on\b|\bpayout\b|\bcontribut\w+",
    re.I,
)
_TIMES = re.compile(
    r"\btimes\b|\bratio\b|\bcover(?:age|ed|s)?\b|\bturnover\b|\bdivided by\b|\d\s?x\b|\bmultiple\b|\bper\b|\b(?:to|over)\b", re.I
)
_CHANGE = re.compile(
    r"\b(?:chang\w+|growth|differ\w+|vari\w+|gap|swing|by|than|excess|exceed\w*|less|net of|minus|after|more|ahead|above|below)\b",
    re.I,
)
_MARGIN = re.compile(r"\bmargins?\b", re.I)
_RANGE = re.compile(r"\bfrom\b|\bbetween\b|\bto\b|\bthrough\b|\bover\b|\bsince\b|(?<=\d)\s?[-–—]\s?(?=(?:FY)?\d)", re.I)
_DENOMINATOR = re.compile(r"\b(?:of|to|by|over|per|against|on)\s+(?:\w+['’]?s?\s+){0,3}$", re.I)
_POINTS = re.compile(r"\bpoints?\b|\bpp(?:ts?)?\b|\bbps?\b", re.I)


@dataclass(frozen=True)
class Result:
    """A value that the cited rows give and how: ``signed`` results carry a direction, which the sentence has to share."""

    value: float
    how: str
    signed: bool = False


def derived(claim: Claim, at: int, pages: Sequence[Reading]) -> str:
    """Return how figure ``at`` follows from rows that the sentence names, or "" where it does not."""
    amount = claim.amounts[at]
    units = [unit for page in pages for unit in page.units]
    rows = cited_rows(claim, units)
    if _MARGIN.search(claim.text):
        rows += [series for series in revenue_rows(claim, units) if all(series.unit is not row.unit for row in rows)]
    for result in _results(claim, at, rows):
        if _agrees(claim, amount, result):
            return f"computed: {result.how}"
    return by_formula(claim, at, pages)


def near(amount: Figure, value: float) -> bool:
    """Say whether a value rounds to the figure at the decimals that it shows; "about" allows a digit less."""
    step = 10.0**-amount.decimals
    if amount.slack:
        digits = amount.text.replace(",", "")
        step = max(step, 10.0 ** min(len(digits) - len(digits.rstrip("0")), 9) if "." not in digits else step)
    return abs(amount.value - abs(value)) <= 0.5001 * step


def _agrees(claim: Claim, amount: Figure, result: Result) -> bool:
    value = result.value if amount.percent else result.value / 10.0**amount.scale
    if not near(amount, value) or (amount.value == 0 and not amount.decimals):
        return False
    if (amount.negative and result.value > 0) or (amount.negative is False and result.value < 0 and not result.signed):
        return False
    if not result.signed:
        return True
    down, up = bool(DOWN.search(claim.text)), bool(UP.search(claim.text))
    if up == down:
        return result.value >= 0 or down or bool(amount.negative)
    return result.value >= 0 if up else result.value <= 0


def _results(claim: Claim, at: int, rows: Sequence[Series]) -> Iterator[Result]:
    """Yield what the rows give by the operations that the sentence names and that fit the figure's unit."""
    amount = claim.amounts[at]
    ways: list[tuple[bool, Callable[[Claim, Sequence[Series]], Iterator[Result]]]] = [
        (amount.percent and bool(_CAGR.search(claim.text)), _compound),
        (amount.percent and not _POINTS.search(claim.text[amount.end - 3 : amount.end + 24]), _growth),
        (bool(_AVERAGE.search(claim.text)), _averages),
        (not amount.percent and bool(_SUM.search(claim.text)), _sums),
        (amount.percent and bool(_SHARE.search(claim.text)), _shares),
        (not amount.percent and not amount.scale and not amount.currency and bool(_TIMES.search(claim.text)), _ratios),
        (_is_change(claim, at), _differences),
    ]
    for fits, way in ways:
        if fits:
            yield from (result for result in way(claim, rows) if _of_unit(amount, way, rows))


def _of_unit(amount: Figure, way: Callable[..., object], rows: Sequence[Series]) -> bool:
    """Say whether amounts of these rows may be written as the figure is: in a currency or a scale that they have."""
    if way in (_ratios, _shares, _growth, _compound) or amount.percent:
        return True
    scaled = any(series.unit.scale for series in rows)
    return bool(amount.scale or not scaled or any(series.unit.loose for series in rows) or amount.value >= 1_000_000)


def _is_change(claim: Claim, at: int) -> bool:
    text = claim.text
    return changes(claim, at) or bool(_CHANGE.search(text) or UP.search(text) or DOWN.search(text))


def _pairs(claim: Claim, series: Series) -> Iterator[tuple[int, int]]:
    """Yield (earlier, later) years that a change may be of: those that the sentence names, or a year and the one before it."""
    years = sorted(set(claim.years))
    if len(years) > 1:
        yield from ((one, two) for one, two in combinations(years, 2) if one in series.values and two in series.values)
        if not _RANGE.search(claim.text):
            return
    for later in years[-1:] or sorted(series.values)[-1:]:
        if later in series.values and later - 1 in series.values and len(years) < 2:
            yield later - 1, later


def _growth(claim: Claim, rows: Sequence[Series]) -> Iterator[Result]:
    for series in rows:
        for before, after in _pairs(claim, series):
            old, new = series.values[before], series.values[after]
            if old and series.kind != "percent":
                change = (new - old) / abs(old) * 100
                if old < 0 and new < 0:
                    change = -change
                yield Result(
                    change,
                    f"{series.printed[after]} against {series.printed[before]} ({series.label}, {after} and {before})",
                    True,
                )


def _compound(claim: Claim, rows: Sequence[Series]) -> Iterator[Result]:
    years = sorted(set(claim.years))
    for series in rows:
        known = sorted(series.values)
        first, last = (years[0], years[-1]) if len(years) > 1 else (known[0], known[-1])
        old, new = series.values.get(first, 0.0), series.values.get(last, 0.0)
        if old > 0 and new > 0 and last - first > 1:
            rate = ((new / old) ** (1 / (last - first)) - 1) * 100
            yield Result(
                rate,
                f"({series.printed[last]} / {series.printed[first]}) ^ (1/{last - first}) − 1 ({series.label}, {first} to {last})",
                True,
            )


def _spans(claim: Claim, series: Series) -> Iterator[list[int]]:
    """Yield the years that a sum or an average may be over: the named ones, and all between two of them."""
    years = sorted(set(claim.years))
    if len(years) == 2 and _RANGE.search(claim.text):
        years = list(range(years[0], years[1] + 1))
    if len(years) > 1 and all(year in series.values for year in years):
        yield years
    if len(years) < 2:
        known = [year for year in sorted(series.values) if not years or year <= years[0]]
        yield from (known[-count:] for count in range(2, len(known) + 1))


def _averages(claim: Claim, rows: Sequence[Series]) -> Iterator[Result]:
    for series in rows:
        for years in _spans(claim, series):
            values = [series.values[year] for year in years]
            yield Result(_spent(claim, series, sum(values) / len(values)), f"average of {_listed(series, years)}")


def _sums(claim: Claim, rows: Sequence[Series]) -> Iterator[Result]:
    for series in rows:
        if series.kind != "percent":
            for years in _spans(claim, series):
                total = sum(series.values[year] for year in years)
                yield Result(_spent(claim, series, total), f"sum of {_listed(series, years)}")
    for count in (2, 3, 4):
        for group in combinations(rows, count):
            for year in _common(claim, group):
                if len({series.kind for series in group}) == 1:
                    total = sum(_spent(claim, series, series.values[year]) for series in group)
                    yield Result(total, "sum of " + ", ".join(_one(series, year) for series in group))


def _spent(claim: Claim, series: Series, value: float) -> float:
    """Return an amount as sentences have it: what is spent or lost, and printed in brackets, without its minus."""
    plain = SPENT.search(series.label) or DOWN.search(claim.text) or absolute(series.unit.concept)
    return abs(value) if value < 0 and plain else value


def _shares(claim: Claim, rows: Sequence[Series]) -> Iterator[Result]:
    for top, bottom, year in _quotients(claim, rows):
        value = top.values[year] / bottom.values[year] * 100
        yield Result(abs(value) if value < 0 else value, f"{_one(top, year)} / {_one(bottom, year)}")


def _ratios(claim: Claim, rows: Sequence[Series]) -> Iterator[Result]:
    for top, bottom, year in _quotients(claim, rows):
        yield Result(abs(top.values[year] / bottom.values[year]), f"{_one(top, year)} / {_one(bottom, year)}")


def _quotients(claim: Claim, rows: Sequence[Series]) -> Iterator[tuple[Series, Series, int]]:
    """Yield numerator, denominator and year; the one named after "of", "to" or "by" divides."""
    for top, bottom in permutations(rows, 2):
        if _divides(claim, top, bottom) and not _divides(claim, bottom, top):
            pass
        elif top.mention > bottom.mention >= 0 or _divides(claim, top, bottom):
            continue
        for year in _common(claim, (top, bottom)):
            if bottom.values[year] and top.kind != "percent" and bottom.kind != "percent":
                yield top, bottom, year


def _divides(claim: Claim, top: Series, bottom: Series) -> bool:
    """Say whether the words before a row's name make it the denominator."""
    return bool(bottom.mention >= 0 and _DENOMINATOR.search(claim.text[max(0, bottom.mention - 60) : bottom.mention]))


def _differences(claim: Claim, rows: Sequence[Series]) -> Iterator[Result]:
    for series in rows:
        for before, after in _pairs(claim, series):
            change = series.values[after] - series.values[before]
            if series.values[after] <= 0 and series.values[before] <= 0:
                change = -change
            yield Result(
                change, f"{series.printed[after]} less {series.printed[before]} ({series.label}, {after} and {before})", True
            )
    for one, two in combinations(rows, 2):
        for year in _common(claim, (one, two)):
            if one.kind == two.kind:
                yield Result(abs(one.values[year] - two.values[year]), f"{_one(one, year)} less {_one(two, year)}")


def _common(claim: Claim, group: Sequence[Series]) -> list[int]:
    """Return the years of which all rows have a figure: the named ones, or the newest."""
    shared = set.intersection(*(set(series.values) for series in group))
    named = [year for year in claim.years if year in shared]
    return named or ([] if claim.years else sorted(shared)[-1:])


def _one(series: Series, year: int) -> str:
    return f"{series.label} {year} ({series.printed[year]})"


def _listed(series: Series, years: Sequence[int]) -> str:
    return f"{series.label} " + ", ".join(f"{year} ({series.printed[year]})" for year in years)
