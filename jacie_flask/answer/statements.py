"""Statements of a page: whole sentences and list items with their headings and lead-in; rows of tables are left to facts."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jacie_flask.text.chunking import heading_level

_SPACES = re.compile(r"\s+")
_BULLET = re.compile(r"(?:[•●▪■◦‣·–—-]|\(?\d{1,2}[.)]|\([a-z]\))\s+(?=\S)")
_SENTENCE_END = re.compile(r"[.!?][\"'”’)]*$")
_BREAK = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"'”’)]))\s+(?=[\"'“‘(]?[A-Z0-9])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Inc|Corp|Ltd|Co|No|Nos|vs|approx|e\.g|i\.e|etc|U\.S|U\.K|Mr|Mrs|Ms|Dr|St|Jr|Sr|plc|Fig|Art|Sec)|\b[A-Z])\.$"
)
_DIGITS = re.compile(r"\d")
_WORD = re.compile(r"[^\W\d_]{2,}")
_CELL = re.compile(r"[($€£¥₹₦+\-–−]*\d[\d.,'’]*\)?%?,?|[($€£¥%)—–−-]+|pp|bps|n/?[am]|nm|x", re.IGNORECASE)
_MOST_CHARS = 700
_FEWEST_WORDS = 4
_ROW_LABEL_WORDS = 14


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
    for line in (*page.splitlines(), ""):
        text = _SPACES.sub(" ", line).strip()
        bullet = _BULLET.match(text)
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


def _sentences(block: Sequence[str], heading: str, lead: str, *, item: bool) -> Iterator[Statement]:
    """Yield the whole sentences of a block; an item is one statement, however many sentences it has."""
    text = _joined(block)
    if not text:
        return
    if item:
        if len(_WORD.findall(text)) >= 2:
            yield Statement(text[:_MOST_CHARS], heading, lead, item=True)
        return
    for position, sentence in enumerate(split_sentences(text)):
        whole = bool(_SENTENCE_END.search(sentence)) or sentence.endswith(":")
        begun = position > 0 or not sentence[:1].islower()
        if whole and begun and len(sentence) <= _MOST_CHARS and len(_WORD.findall(sentence)) >= _FEWEST_WORDS:
            yield Statement(sentence, heading, lead)


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a running text, abbreviations and initials kept inside."""
    found: list[str] = []
    for part in _BREAK.split(text):
        if found and _ABBREVIATION.search(found[-1]):
            found[-1] = f"{found[-1]} {part}"
        else:
            found.append(part)
    return [part.strip() for part in found if part.strip()]


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
    alone = len(cells) == 1 and not any("%" in token or "$" in token for token in tokens[label:])
    return label == 0 or not alone or (label <= 8 and tokens[label - 1][-1] not in ".,;")


def _is_heading(line: str, block: Sequence[str]) -> bool:
    """Say whether a line is a heading: it looks like one, and no sentence is open above it."""
    open_sentence = bool(block) and not _SENTENCE_END.search(block[-1]) and not block[-1].endswith(":")
    return not open_sentence and bool(heading_level(line))
