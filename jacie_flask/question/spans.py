"""The periods of a plan: what the marks of a question say, resolved against each other and against the operator."""

from collections.abc import Sequence

from jacie_flask.question.marks import Marked
from jacie_flask.question.periods import Period, moved
from jacie_flask.question.plan import Span

ENDPOINTS = frozenset({"change", "growth", "cagr", "improving", "drivers"})
OVER_YEARS = frozenset({"which_year", "consistent", "average", "sum"})
_SINCE = "since"
_MOST_YEARS = 15
_TREND, _NEWEST = (2, 1, 0), (0,)


def names_periods(marked: Marked) -> bool:
    """Say whether a question names periods of its own."""
    return any(mark.has("relative") or mark.period is not None for mark in marked.open_marks())


def spans(
    marked: Marked, operator: str, pinned: Sequence[Span] = (), before: Sequence[Span] = ()
) -> tuple[tuple[Span, ...], str]:
    """Return the periods that a question asks for in order of time, and the reason why they are not clear, "" mostly.

    ``pinned`` are those that its definitions name, ``before`` those of the question before, from which "the year before" counts.
    """
    named = [mark.period for mark in marked.open_marks() if mark.period is not None]
    relatives = [mark.meanings["relative"] for mark in marked.open_marks() if mark.has("relative")]
    for mark in marked.open_marks():
        if mark.period is not None or mark.has("relative"):
            marked.explain(mark)
    count = max((period.count for period in named if not period.spans), default=0)
    found = [span for period in named for span in _expanded(period, operator)]
    relative = _relative(relatives, found, before)
    found = relative if _counts_from(marked) else found + relative
    if _SINCE in {marked.tokens[mark.first - 1].key for mark in marked.marks if mark.period is not None and mark.first}:
        found.append(Span("latest"))
    found = _dated_quarters(found, before)
    if not found and not count:
        found = list(pinned[-1:])
    reason = _unclear(found) or _unlike(found, operator)
    if not reason and count:
        found, reason = _counted(found or list(before[-1:]), count, operator)
    if operator in ENDPOINTS and len(found) == 1 and _compares_years(marked):
        found = [moved(found[0], -1), found[0]]
    if not found:
        found = [Span("latest", number=back) for back in (_TREND if operator == "trend" else _NEWEST)]
    return tuple(sorted(dict.fromkeys(found), key=period_key)), reason


def _counts_from(marked: Marked) -> bool:
    """Say whether a period is named only to count from it: "the year before 2022"."""
    marks = marked.marks
    return any(
        mark.meanings.get("relative") in {"before", "after"} and marks[at + 1].period is not None
        for at, mark in enumerate(marks[:-1])
    )


def _expanded(period: Period, operator: str) -> list[Span]:
    """Return the ends of a range, or every year within it, as the operator wants."""
    first, last = period.spans[:1], period.spans[-1:]
    if not period.range or operator in ENDPOINTS or first[0].kind != "year":
        return list(period.spans)
    low, high = sorted((first[0].year, last[0].year))
    return [Span("year", year) for year in range(low, min(high, low + _MOST_YEARS) + 1)]


def _relative(relatives: Sequence[str], found: Sequence[Span], before: Sequence[Span]) -> list[Span]:
    """Return the periods that are counted from others: "latest", "the year before"."""
    made: list[Span] = []
    for relative in relatives:
        base = found[0] if found else before[0] if before else Span("latest")
        if relative == "trailing":
            made.append(Span("trailing"))
        elif relative == "latest_quarter":
            made.append(Span("latest", months=3))
        elif relative == "latest":
            made.append(Span("latest"))
        elif found or before or "latest" in relatives:
            made.append(moved(base, -1 if relative == "before" else 1))
        else:
            made.append(Span("latest", number=1 if relative == "before" else -1))
    return made


def _dated_quarters(found: list[Span], before: Sequence[Span]) -> list[Span]:
    """Give quarters and halves without a year the year that is named beside them."""
    years = [span.year for span in (*found, *before) if span.year]
    bare = [span for span in found if span.kind in {"quarter", "half"} and not span.year]
    if not bare or not years:
        return found
    rest = [span for span in found if span not in bare]
    used = rest[0] if len(rest) == 1 and rest[0].kind == "year" else None
    dated = [Span(span.kind, years[0], span.number, span.months) for span in bare]
    return dated + [span for span in rest if span is not used]


def _unclear(found: Sequence[Span]) -> str:
    if any(span.kind in {"quarter", "half", "months"} and not span.year for span in found):
        return "the question names a part of a year but not the year"
    if any(span.kind == "latest" and span.number < 0 for span in found):
        return "the period has not been reported yet"
    return ""


def _unlike(found: Sequence[Span], operator: str) -> str:
    """Say whether periods of different lengths are to be compared or added up."""
    lengths = {span.months for span in found if span.kind != "date"}
    if operator in ENDPOINTS | OVER_YEARS | {"compare"} and len(lengths) > 1:
        return "periods of different lengths cannot be compared"
    return ""


def _counted(found: list[Span], count: int, operator: str) -> tuple[list[Span], str]:
    """Return the n years of "3 year average": those named, or those up to the one that is named."""
    if len(found) > 1:
        years = [span.year for span in found]
        length = max(years) - min(years)
        if count in {length, length + 1} if operator in ENDPOINTS else len(found) == count:
            return found, ""
        return found, f"the question names {count} years, but its periods are other ones"
    last = found[0] if found else Span("latest")
    if operator in ENDPOINTS:
        return [moved(last, -count), last], ""
    return [moved(last, -back) for back in reversed(range(min(count, _MOST_YEARS)))], ""


def _compares_years(marked: Marked) -> bool:
    return any("year_over_year" in mark.operators for mark in marked.marks)


def period_key(span: Span) -> tuple[int, int, int, str]:
    """Return a key that puts periods in order of time."""
    return (span.year or 10_000 - span.number, span.number if span.year else 0, span.months, span.end)


def part_apart(marked: Marked) -> bool:
    """Say whether a quarter or a half is named without its year, which is named elsewhere."""
    named = [span for mark in marked.marks if mark.period is not None for span in mark.period.spans]
    return any(span.kind in {"quarter", "half"} and not span.year for span in named) and any(
        span.kind == "year" for span in named
    )


def backward(marked: Marked) -> bool:
    """Say whether the earlier of two periods is compared with the later: "higher in 2017 than in 2018"."""
    named = [mark for mark in marked.marks if mark.period is not None and len(mark.period.spans) == 1]
    comparing = [mark for mark in marked.marks if {"than", "compare"} & set(mark.operators)]
    if len(named) != 2 or len(comparing) != 1:
        return False
    after = [mark for mark in named if mark.first > comparing[0].first]
    if not after:
        return False
    other = next(mark for mark in named if mark is not after[0])
    periods = [mark.period.spans[0] for mark in (other, after[0]) if mark.period is not None]
    return period_key(periods[0]) < period_key(periods[1])
