"""Lines that a page's text order glued together, taken apart again: two rows in one line, a heading before a row or after dates."""

import re
from collections.abc import Iterator, Sequence

from jacie_flask.facts.cells import parsed

_AFTER_DASH = re.compile(r"(?<=[\d)—–-]) [—–-](?= [A-Z(][A-Za-z])")
_ACTIVITIES = re.compile(
    r"(?P<heading>(?:Cash (?:Flows?|flows?)(?: [-–—]| from| From| provided by)? )?(?:Operating|Investing|Financing|operating|investing|financing)"
    r" [Aa]ctivities(?: [-–—])?:?) (?=[A-Z])"
)
_CAPITALS = re.compile(
    r"(?P<heading>(?:ASSETS|LIABILITIES|EQUITY|REVENUES?|EXPENSES|COSTS)(?: (?:&|[A-Z’',]{1,30}(?![a-z])))*+) (?=[A-Z][a-z])"
)
_COLON = re.compile(r"(?P<heading>[A-Z][^:\d$€£]{5,110}:) (?=[A-Z][a-z])")
_PREFIX = re.compile(r"(?:less|add|plus|deduct|of which|total|notes?|memo)\b", re.IGNORECASE)
_AFTER_DATE = re.compile(
    r"(?P<dates>.*\b(?:19|20)\d\d) (?P<heading>(?:ASSETS|Assets|REVENUES?|Revenues?|Net sales|NET SALES|CASH FLOWS|Cash flows|Operating activities"
    r"|Current assets|Non-current assets)\b[^\d]*)$"
)


def separated(lines: Sequence[str], style: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a page with their numbers; parts of one line have its number."""
    for number, line in enumerate(lines):
        if not line:
            continue
        for row in _rows(line, style):
            for part in _headed(row):
                yield number, part


def _rows(line: str, style: str) -> Iterator[str]:
    """Yield the rows of a line: one ends where a nil is its last figure and words follow."""
    match = _AFTER_DASH.search(line) if "—" in line or "–" in line or " - " in line else None
    if not match:
        yield line
        return
    left, right = line[: match.end()], line[match.end() + 1 :]
    first, second = parsed(left, style).figures, parsed(right, style).figures
    shares = any(figure.unit for figure in first)
    if len(first) >= 2 and len(second) in (0, len(first)) and not shares:
        yield left
        yield from _rows(right, style)
    else:
        yield line


def _headed(line: str) -> Iterator[str]:
    """Yield a heading and what follows it, where a line has both."""
    match = _CAPITALS.match(line) if line[:2].isupper() else _ACTIVITIES.match(line) if line[0] in "CcOoIiFf" else None
    if match is None and ":" in line and line[-1] not in ":.":
        match = _COLON.match(line)
        if match and (_PREFIX.match(line) or not parsed(line).figures):
            match = None
    if match:
        yield match["heading"]
        yield from _headed(line[match.end() :])
        return
    dated = _AFTER_DATE.match(line) if line[-1].isalpha() or line[-1] == ":" else None
    if dated:
        yield dated["dates"]
        yield from _headed(dated["heading"])
    else:
        yield line
