"""Which lines of a page are running text, and the sentences of such lines."""

import re
from collections.abc import Iterator, Sequence

from jacie_flask.facts.cells import parsed
from jacie_flask.facts.headings import is_heading

_WORD = re.compile(r"[^\W\d_]{2,}")
_ENDS = re.compile(r"[.!?:;][\"”’)]*$")
_BREAK = re.compile(r"(?<=[.!?;])\s+(?=[A-Z“\"•])")
_UNITS = re.compile(r"[$€£—–%]")
_LONGEST_ROW = 400
_LONGEST_RUN = 4000
_LABEL_WORDS = 14
_LONG_LINE = 75


def is_row(line: str, style: str) -> bool:
    """Say whether a line is a label with figures behind it, by its own form alone."""
    if len(line) > _LONGEST_ROW:
        return False
    row = parsed(line, style)
    if not row.figures or not any(map(str.isdigit, "".join(figure.text for figure in row.figures))):
        return False
    if all(figure.text.isdigit() and 1900 <= (figure.value or 0) <= 2100 for figure in row.figures):
        return False
    words = row.label.split()
    if len(words) > _LABEL_WORDS and len(row.figures) < 2:
        return False
    return not words or words[-1][-1] not in ".;,"


def runs_on(prose: str, line: str, following: str, style: str) -> bool:
    """Say whether a line that ends in a figure is the middle of a sentence; ``prose`` is the text before it, ``following`` after it."""
    row = parsed(line, style)
    words = len(_WORD.findall(row.label))
    behind = line[len(row.label) :]
    alone = len(row.figures) == 1 and not _UNITS.search(behind)
    goes_on = bool(following) and (following[0].islower() or following[0] == ",") and not is_row(following, style)
    return words >= 6 and (
        (goes_on and words >= 8) or (alone and len(line) > _LONG_LINE and bool(prose) and not _ENDS.search(prose))
    )


def sentences_of(lines: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield the sentences of lines that are no rows, each with the number of the line that ended its run."""
    prose, last = "", -1
    for number, line in lines:
        apart = number != last + 1 or not line or is_heading(line)
        if apart or len(prose) > _LONGEST_RUN:
            yield from ((last, sentence) for sentence in _split(prose))
            prose = ""
        prose = f"{prose[:-1]}{line}" if prose.endswith("-") and line[:1].islower() else f"{prose} {line}".strip()
        last = number
    yield from ((last, sentence) for sentence in _split(prose))


def _split(text: str) -> list[str]:
    return _BREAK.split(text) if text else []
