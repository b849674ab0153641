"""How pages become chunks: whole lines packed to a size, never across pages, each with the headings it stands under."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from jacie_flask.interfaces import Chunk
from jacie_flask.text.terms import word_set

MAX_PIECES = 240
HEADINGS_KEPT = 4
_WORDS_KEPT = 50_000
_LONGEST_KEPT = 100

_PIECE = re.compile(r"[^\W\d_]{1,8}|\d{1,2}|[^\w\s]|_")
_ASCII_PIECE = re.compile(r"[a-zA-Z]{1,8}|[0-9]{1,2}|[^a-zA-Z0-9\s]")
_SECTION = re.compile(
    r"(?:part\s+[ivx]+\b|item\s+\d{1,2}[a-c]?\b|note\s+\d{1,2}\b|\d{1,2}\.\s+[a-z]|chapter\s+\w+|appendix\b)", re.I
)
_ENTRY = re.compile(r"\D[\s.]\d{1,3}$")
_NUMBER = re.compile(r"\d[\d,.]*")
_SMALL_WORDS = word_set(
    """
    a an and as at by for from in into of on or per the to with – — - &
    """
)


class _Pieces(dict[str, int]):
    """Word → number of its pieces, filled as words are met; bounded, because documents can invent words for ever."""

    def __missing__(self, word: str) -> int:
        if len(self) > _WORDS_KEPT:
            self.clear()
        count = len((_ASCII_PIECE if word.isascii() else _PIECE).findall(word))
        if len(word) <= _LONGEST_KEPT:
            self[word] = count
        return count


_pieces_of = _Pieces()


def pieces(text: str) -> int:
    """Estimate how many wordpieces a text becomes, on the high side."""
    return sum(map(_pieces_of.__getitem__, text.split()))


def furniture(pages: Sequence[str]) -> frozenset[str]:
    """Return the lines that stand at the head or foot of many pages: running titles, not headings."""
    if len(pages) < 6:
        return frozenset()
    seen: Counter[str] = Counter()
    for page in pages:
        lines = [line.strip() for line in page.split("\n") if line.strip()]
        seen.update({_NUMBER.sub("#", line) for line in (*lines[:3], *lines[-3:]) if len(line) < 120})
    return frozenset(line for line, count in seen.items() if count >= max(4, len(pages) // 8))


def heading_level(line: str) -> int:
    """Return how high a line stands as a heading: 1 for a numbered section, 2 for capitals, 3 for a title; 0 for text."""
    if not 3 <= len(line) <= 100 or line[-1] in ".,;%—–-" or line[0] in "$(•·-–—*%":
        return 0
    if _SECTION.match(line) and sum(map(str.isdigit, line)) <= 4:
        return 0 if _ENTRY.search(line) else 1
    if sum(map(str.isdigit, line)) > 4 or not line[0].isupper():
        return 0
    if line.isupper():
        return 2 if sum(map(str.isalpha, line)) > len(line) // 2 else 0
    words = line.split()
    if len(words) > 12:
        return 0
    plain = sum(1 for word in words if word[0].islower() and word not in _SMALL_WORDS)
    return 3 if plain == 0 or (len(words) <= 6 and plain <= 2 and len(words) > 1) else 0


def chunk_pages(pages: Sequence[str], max_pieces: int = MAX_PIECES) -> list[Chunk]:
    """Cut pages (the first is page 1) into chunks in reading order; empty pages give none."""
    running = furniture(pages)
    open_headings = ["", "", ""]
    chunks: list[Chunk] = []
    for number, page in enumerate(pages, start=1):
        chunks.extend(_chunk_page(number, page, running, open_headings, max_pieces))
    return chunks


def _chunk_page(number: int, page: str, running: frozenset[str], open_headings: list[str], limit: int) -> Iterator[Chunk]:
    """Yield the chunks of one page; ``open_headings`` (section, title, subtitle) is carried from page to page."""
    lines: list[str] = []
    headings: dict[str, None] = {}
    used = 0
    for line in _fitting_lines(page, limit):
        cost = pieces(line)
        stripped = line.strip()
        level = heading_level(stripped)
        if level and _NUMBER.sub("#", stripped) in running:
            level = 0
        if lines and (used + cost > limit or (level and used > limit // 2)):
            yield Chunk(page=number, text="\n".join(lines), headings=tuple(headings))
            lines, headings, used = [], {}, 0
        if level:
            open_headings[level - 1 :] = [stripped, *[""] * (3 - level)]
        if not lines or level:
            for heading in filter(None, open_headings):
                if len(headings) < HEADINGS_KEPT:
                    headings[heading] = None
        lines.append(line)
        used += cost
    if lines:
        yield Chunk(page=number, text="\n".join(lines), headings=tuple(headings))


def _fitting_lines(page: str, limit: int) -> Iterator[str]:
    """Yield the page's lines without the empty ones; a line over the limit is cut between words, or inside a huge one."""
    for line in page.splitlines():
        if not line.strip():
            continue
        if len(line) <= limit or pieces(line) <= limit:
            yield line
            continue
        yield from _cut_line(line, limit)


def _cut_line(line: str, limit: int) -> Iterator[str]:
    """Yield parts of a line that each keep the limit."""
    part: list[str] = []
    used = 0
    for word in line.split():
        for piece in (word[start : start + limit] for start in range(0, len(word), limit)):
            cost = pieces(piece)
            if part and used + cost > limit:
                yield " ".join(part)
                part, used = [], 0
            part.append(piece)
            used += cost
    if part:
        yield " ".join(part)
