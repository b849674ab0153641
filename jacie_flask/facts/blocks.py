"""A page as blocks: the lines above a table's rows, and its rows with their labels and headings joined."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from jacie_flask.facts.cells import Figure, parsed
from jacie_flask.facts.fragments import separated
from jacie_flask.facts.headings import is_fragment, is_heading, is_prose
from jacie_flask.facts.totals import Sums, name_of_total
from jacie_flask.facts.units import is_unit_line
from jacie_flask.text.terms import word_set

_OPEN_END = re.compile(
    r"(?:[,;(–—’'-]|\b(?:and|or|of|the|to|in|for|from|by|with|on|at|attributable|including|provided|used|a|an|as))$",
    re.I,
)
_CAPITALS = re.compile(r"[A-Z][^a-z]*$")
_MOST_PENDING = 11
_NO_HEADING = re.compile(r"(?:commitments|contingenc)|(?:see|the) (?:accompanying )?notes|\d+$|page \d|table of contents$", re.I)


@dataclass(slots=True)
class RawRow:
    """A row before its columns are known: its label, the headings above it, its figures, its text and last line."""

    label: str
    figures: tuple[Figure, ...]
    headings: list[str]
    line: int
    text: str


@dataclass(slots=True)
class Block:
    """The lines that head a table, and its rows."""

    head: list[str]
    rows: list[RawRow] = field(default_factory=list)
    ended: bool = False


@dataclass(slots=True)
class OpenBlock:
    """What is being read: the block, the lines since its last row, and the headings that are open."""

    block: Block | None = None
    pending: list[str] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)
    sums: Sums = field(default_factory=Sums)
    prose: int = 0


def blocks(lines: Sequence[str], style: str) -> Iterator[Block]:
    """Yield the tables of a page: a heading of columns begins one, prose or the next heading ends it."""
    parts = list(separated(lines, style))
    heads = [is_heading(line) for _, line in parts]
    if not any(heads):
        return
    state = OpenBlock()
    for (number, line), head in zip(parts, heads, strict=True):
        if head:
            if state.block and state.block.rows:
                yield state.block
                state = OpenBlock(pending=state.pending)
            state.block = Block([*(state.block.head if state.block else []), *state.pending, line])
            state.pending = []
        elif state.block is None or state.block.ended:
            row = line[-1].isdigit() and bool(parsed(line, style).figures)
            state.pending = [] if row else [*state.pending[-_MOST_PENDING:], line]
        else:
            _line(state, line, number, style)
    if state.block and state.block.rows:
        yield state.block


def _line(state: OpenBlock, line: str, number: int, style: str) -> None:
    """Take a line of an open table."""
    row = parsed(line, style)
    if not row.figures:
        take_text(state, line)
    elif state.block and (row.label or state.pending or state.block.rows):
        take_row(state, line, row.label, row.figures, number)
    else:
        state.pending = []


def take_text(state: OpenBlock, line: str) -> None:
    """Take a line without figures: part of a heading or of a label, or prose, two lines of which end the table."""
    block = state.block
    if block and not block.rows and not state.pending and (is_fragment(line) or is_unit_line(line)):
        block.head.append(line)
        return
    state.prose = state.prose + 1 if is_prose(line) else 0
    if block and block.rows and state.prose >= 2:
        block.ended = True
    state.pending.append(line)
    del state.pending[: -_MOST_PENDING - 1]


def take_row(state: OpenBlock, line: str, label: str, figures: tuple[Figure, ...], number: int) -> None:
    """Take a row: its label is joined with the lines before it; one without a label is named if it adds rows up, else left out."""
    block = state.block
    assert block
    if not label and not state.pending:
        first = state.sums.first_of(figures)
        label = name_of_total([row.headings for row in block.rows[first:]]) if first is not None else ""
        if not label:
            return
    label, text, headings = _joined(state.pending, label, line)
    if headings:
        _enter(state.stack, headings)
    state.pending, state.prose = [], 0
    block.rows.append(RawRow(label, figures, list(state.stack), number, text))
    state.sums.add(label, figures)
    if label:
        _close(state.stack, label)


def _joined(pending: Sequence[str], label: str, line: str) -> tuple[str, str, list[str]]:
    """Return a row's whole label and text, and the headings before it, from the lines since the last row."""
    lines = list(pending)
    parts: list[str] = []
    while lines and _continues(lines[-1], parts[0] if parts else label) and len(parts) < 4:
        parts.insert(0, lines.pop())
    headings: list[str] = []
    for one in lines:
        if headings and (one[0].islower() or _OPEN_END.search(headings[-1])):
            headings[-1] = f"{headings[-1]} {one}"
        else:
            headings.append(one)
    joined = _with_hyphen([*parts, label])
    return joined, _with_hyphen([*parts, line]), headings


def _with_hyphen(parts: Sequence[str]) -> str:
    return " ".join(part for part in parts if part)


def _continues(before: str, label: str) -> bool:
    """Say whether a line without figures is the beginning of the next line's label."""
    if len(before) > 160 or before.endswith((":", ".")):
        return not label and before.endswith(":") and len(before) < 80
    if not label:
        return True
    if label[0].islower() or label[0] in "(&" or before.count("(") > before.count(")"):
        return True
    if label[0].isdigit() and before[-1] in ",;":
        return True
    return bool(_OPEN_END.search(before))


def _enter(stack: list[str], headings: Sequence[str]) -> None:
    """Open headings: one in the form of an open one takes its place and ends those inside it."""
    headings = [one for one in headings if len(one) <= 160 and not _NO_HEADING.match(one)][-4:]
    if not headings:
        return
    form = _form(headings[0])
    for at, open_heading in enumerate(stack):
        if _form(open_heading) == form:
            del stack[at:]
            break
    stack.extend(headings)
    del stack[:-5]


def _form(heading: str) -> tuple[bool, bool]:
    return bool(_CAPITALS.fullmatch(heading)), heading.endswith(":")


def _close(stack: list[str], label: str) -> None:
    """Close the heading that a row of totals names, with those inside it."""
    lowered = label.lower()
    if not lowered.startswith(
        ("total", "net cash", "cash flow", "cash generated", "cash used", "net property")
    ) and not lowered.endswith("total"):
        return
    words = _content(lowered)
    if not words and stack:
        stack.pop()
        return
    for at in reversed(range(len(stack))):
        named = _content(stack[at].lower())
        if named and named <= words:
            del stack[at:]
            return
    while stack and words <= (named := _content(stack[-1].lower())) and named - words <= _KINDS:
        stack.pop()


_KINDS = word_set("current non noncurrent long term short other fixed")
_FILLERS = word_set("total net cash flows flow from for the of in and by provided used generated")


def _content(text: str) -> frozenset[str]:
    return frozenset(word.rstrip("s") for word in re.findall(r"[^\W\d_]+", text) if word not in _FILLERS)
