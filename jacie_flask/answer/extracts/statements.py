"""Statements of a page: whole sentences and list items with their headings and lead-in; rows of tables are left to facts."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jacie_flask.text.chunking import heading_level

_SPACES = re.compile(r"\s+")
_BULLET = re.compile(r"(?:[•●▪■◦‣·–—-]|\(?\d{1,2}[.)]|\([a-z]\))\s+(?=\S)")
_INNER_BULLET = re.compile(r"\s[•●▪■◦]\s")
_SENTENCE_END = re.compile(r"[.!?][\"'”’)]*$")
_BREAK = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"'”’)]))\s+(?=[\"'“‘(]?[A-Z0-9])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Inc|Corp|Ltd|Co|No|Nos|vs|approx|e\.g|i\.e|etc|U\.S|U\.K|Mr|Mrs|Ms|Dr|St|Jr|Sr|plc|Fig|Art|Sec)|(?<![\w-])[A-Z])\.$"
)
_DIGITS = re.compile(r"\d")
_WORD = re.compile(r"[^\W\d_]{2,}")
_CELL = re.compile(r"[($€£¥₹₦+\-–−]*\d[\d.,'’]*\)?%?,?|[($€£¥%)—–−-]+|pp|bps|n/?[am]|nm|x", re.IGNORECASE)
_MOST_CHARS = 700
_FEWEST_WORDS = 4
_ROW_LABEL_WORDS = 14
_SECTION_WORDS = 6
_CONTINUES = re.compile(
    r"(?:The|This|That) (?:\w+ |[$€£]?\d[\d.,]*%? (?:million |billion |percent )?)?(?:increase|decrease|change|decline|growth|improvement|reduction|rise|fall)\b"
)
_LEADS_ON = frozenset({"to", "by", "from", "than", "was", "were", "approximately", "about", "nearly", "over"})
"""Words that no label ends with: a figure at the end of a line goes on with its sentence."""
_FULL_LINE = 0.93
_POINT = re.compile(r"([A-Z][^.:;!?\n]{2,60})(?:\.|:| [—–-])\s+(?=[A-Z])")
_POINT_WORDS = 7
_FEWEST_POINTS = 3
_NOTHING = re.compile("")
_PROSE = re.compile(
    r"^(?:We|It|They|This|That|These|He|She|I|In|On|At|As|For)\b|\b(?:is|are|was|were|has|have|had|will|did|does|do|can|may|must|should)\b"
)


@dataclass(frozen=True)
class Statement:
    """A sentence, or an item of a list (``item``), with the nearest heading above it and the sentence that leads a list in."""

    text: str
    heading: str = ""
    lead: str = ""
    item: bool = False


def statements(page: str) -> Iterator[Statement]:
    """Yield the statements of a page in reading order; sentences that begin or end on another page are left out."""
    heading = lead = ""
    block: list[str] = []
    item = False
    lines = [_SPACES.sub(" ", line).strip() for line in page.splitlines()]
    points = _points(lines)
    for number, text in enumerate((*lines, "")):
        bullet = None if _is_section(text) else _BULLET.match(text) or (_NOTHING.match(text) if number in points else None)
        boundary = not text or bool(bullet) or _is_row(text) or _is_heading(text, block)
        if not boundary:
            block.append(text)
            continue
        found = list(_sentences(block, heading, lead, item=item))
        yield from found
        if not item and found and found[-1].text.endswith(":"):
            lead = found[-1].text
        block, item = [], False
        if bullet:
            block, item = [text[bullet.end() :]], True
        elif text and not _is_row(text):
            heading, lead = text, ""


def _points(lines: Sequence[str]) -> frozenset[int]:
    """Return which lines begin a point of a list that is set as text, its title in front ("Weather. Dry years ..."): three or more under a heading."""
    found: set[int] = set()
    group: list[int] = []
    before = ""
    for number, line in enumerate((*lines, "")):
        if _begins_point(line) and (not before or heading_level(before) or _SENTENCE_END.search(before)):
            group.append(number)
        elif not line or (heading_level(line) and (not before or _SENTENCE_END.search(before))):
            found |= set(group) if len(group) >= _FEWEST_POINTS else set()
            group = []
        before = line
    return frozenset(found)


def _begins_point(line: str) -> bool:
    title = _POINT.match(line)
    return title is not None and len(title[1].split()) <= _POINT_WORDS and not _PROSE.search(title[1])


def _sentences(block: Sequence[str], heading: str, lead: str, *, item: bool) -> Iterator[Statement]:
    """Yield the whole sentences of a block; an item is one statement, however many sentences it has."""
    if not item and len(block) > 1 and heading_level(block[0]) and block[1][:1].isupper():
        heading, block = block[0], block[1:]
    text = _joined(block)
    if item:
        for part in _INNER_BULLET.split(text):
            if len(_WORD.findall(part)) >= 2:
                yield Statement(part[:_MOST_CHARS], heading, lead, item=True)
        return
    for position, sentence in enumerate(split_sentences(text)):
        whole = bool(_SENTENCE_END.search(sentence)) or sentence.endswith(":")
        begun = position > 0 or not sentence[:1].islower()
        if whole and begun and len(sentence) <= _MOST_CHARS and len(_WORD.findall(sentence)) >= _FEWEST_WORDS:
            yield Statement(sentence, heading, lead)


def paragraphs(page: str) -> list[str]:
    """Return the paragraphs of a page: a line that ends a sentence well before the margin ends one, so do bullets and headings."""
    lines = [_SPACES.sub(" ", line).strip() for line in page.splitlines()]
    width = sorted(map(len, lines))[-len(lines) // 10 - 1] if lines else 0
    found: list[str] = []
    block: list[str] = []
    for line in lines:
        if not line or _BULLET.match(line) or _is_row(line):
            found, block = [*found, _joined(block)], [line]
            continue
        if _is_heading(line, block):
            found, block = [*found, _joined(block), line], []
            continue
        block.append(line)
        if len(line) < _FULL_LINE * width and _SENTENCE_END.search(line):
            found, block = [*found, _joined(block)], []
    return [text for text in (*found, _joined(block)) if text]


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a running text, abbreviations and initials kept inside."""
    found: list[str] = []
    for part in _BREAK.split(text):
        if found and _ABBREVIATION.search(found[-1]):
            found[-1] = f"{found[-1]} {part}"
        else:
            found.append(part)
    return [part.strip() for part in found if part.strip()]


def with_continuations(found: Sequence[Statement]) -> Iterator[Statement]:
    """Yield statements, and each two of which the second goes on about the movement of the first as one."""
    before: Statement | None = None
    for one in found:
        if before and before.heading == one.heading and _CONTINUES.match(one.text):
            yield Statement(f"{before.text} {one.text}", one.heading, one.lead)
        yield one
        before = one


def single_sentences(found: Sequence[Statement]) -> Iterator[Statement]:
    """Yield statements with the items of lists, where they are more than one sentence, cut into their sentences."""
    for one in found:
        for part in split_sentences(one.text) if one.item else [one.text]:
            yield Statement(part, one.heading, one.lead, item=one.item)


def _joined(block: Sequence[str]) -> str:
    """Return lines as running text: a word that is hyphenated at a line's end is joined."""
    text = ""
    for line in block:
        text = f"{text}{line}" if text.endswith("-") and line[:1].islower() else f"{text} {line}".strip()
    return text


def _is_row(line: str) -> bool:
    """Say whether a line is a row of a table or a heading of its columns: a short label with nothing but figures behind it."""
    if not _DIGITS.search(line):
        return False
    tokens = line.split()
    label = len(tokens)
    while label and _CELL.fullmatch(tokens[label - 1]):
        label -= 1
    cells = [token for token in tokens[label:] if _DIGITS.search(token)]
    if not cells or label > _ROW_LABEL_WORDS:
        return False
    if len(cells) == 1 and label >= _FEWEST_WORDS and (line.endswith(".") or tokens[label - 1].lower() in _LEADS_ON):
        return False
    alone = len(cells) == 1 and not any("%" in token or "$" in token for token in tokens[label:])
    return label == 0 or not alone or (label <= 8 and tokens[label - 1][-1] not in ".,;")


def _is_section(line: str) -> bool:
    """Say whether a line that begins with a number is the heading of a section: a few words without an end."""
    return heading_level(line) == 1 and len(line.split()) <= _SECTION_WORDS


def _is_heading(line: str, block: Sequence[str]) -> bool:
    """Say whether a line is a heading: it looks like one, and no sentence is open above it."""
    open_sentence = bool(block) and not _SENTENCE_END.search(block[-1]) and not block[-1].endswith(":")
    return not open_sentence and bool(heading_level(line))
