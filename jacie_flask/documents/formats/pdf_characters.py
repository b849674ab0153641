"""The characters of a PDF page: where each one is drawn, in which direction, and which ones are raised note marks."""

import ctypes
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import pypdfium2
import pypdfium2.raw as pdfium

from jacie_flask.documents.formats import pdf_calls
from jacie_flask.text.notemarks import raised
from jacie_flask.text.rows import APART, Word

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in points, y pointing up."""

SOFT_HYPHEN = "\x02"
"""How pdfium writes a hyphen that divides a word between two lines."""

_SEEDS = (re.compile(r"(\d\d?)(?![\w%]|[.,]\d)"), re.compile(r"[\d)%] ?[(\[]?([a-z])(?!\w)"))
_WORDS = re.compile(r"[^\s\0]+")
_FEW_LINES = 12
_MARK = r"[(\[]?(?:\d{1,2}|[a-z])[)\]]?"
_ROUND = str.maketrans("[]", "()")
_MARKS = re.compile(rf"{_MARK}(?:[,;&/ ]{{0,2}}{_MARK}){{0,7}}")
_MOST_SEEDS = 2_000
_LONGEST_RUN = 40
_SMALLER = 0.87
_LEAST_RAISE, _MOST_RAISE = 0.08, 0.75
_CLOSE = 0.45
_WORD_GAP = 0.2
_SAME_LEVEL = 0.3
_ROUGHLY = 3.0


@dataclass
class Marks:
    """The raised characters of a page by index: what each one is written as, and how they join the text before them.

    ``glued`` characters follow the one before without a space; ``spaced`` ones after exactly one space.
    """

    written: dict[int, str] = field(default_factory=dict)
    glued: set[int] = field(default_factory=set)
    spaced: set[int] = field(default_factory=set)


class Characters:
    """The characters of a page in the order of the file. Places and directions are read from the page when they are needed."""

    def __init__(self, text_page: pypdfium2.PdfTextPage) -> None:
        """Read the characters, not yet their places."""
        self._raw = text_page.raw
        count = self.count = text_page.count_chars()
        text = pdf_calls.whole_text(text_page, count)
        if len(text) != count:  # a character outside the basic plane, or one without a code
            text = "".join(chr(pdfium.FPDFText_GetUnicode(self._raw, index) or 32) for index in range(count))
        self.text = text.replace("\ufffe", SOFT_HYPHEN)  # releases of pdfium differ in how they write it
        self._origins: dict[int, tuple[float, float]] = {}
        self._address = pdf_calls.address_of(self._raw)
        self._place = (ctypes.c_double * 2)()
        self._x_address = ctypes.addressof(self._place)
        self._y_address = self._x_address + ctypes.sizeof(ctypes.c_double)
        self._rectangle = pdfium.FS_RECTF()
        self._rectangle_address = ctypes.addressof(self._rectangle)

    def quarter(self, index: int) -> int:
        """Return the direction of a character in quarter turns clockwise, 0 for oblique ones."""
        angle = pdf_calls.char_angle(self._address, index)
        if not angle:
            return 0
        turn = math.degrees(angle) / 90
        return round(turn) % 4 if abs(turn - round(turn)) < _ROUGHLY / 90 else 0

    def quarters(self) -> Counter[int]:
        """Return how many characters of the page run in each direction; a page whose lines are all upright has direction 0 alone."""
        starts = list(self._line_starts())
        if not any(self.quarter(start) for start in starts[:: 1 + (len(starts) > _FEW_LINES)]):
            return Counter({0: 1})
        return Counter(self.quarter(index) for index, letter in enumerate(self.text) if not letter.isspace())

    def _line_starts(self) -> Iterator[int]:
        """Yield the index of the first visible character of each line that has one."""
        start = 0
        for line in self.text.split("\n"):
            shown = line.lstrip()
            if shown:
                yield start + len(line) - len(shown)
            start += len(line) + 1

    def _shown(self, index: int) -> int:
        while index + 1 < len(self.text) and self.text[index].isspace():
            index += 1
        return index

    def origin(self, index: int, quarter: int = 0) -> tuple[float, float]:
        """Return where a character begins: along its line and above the page's lower edge, for lines of this direction."""
        place = self._origins.get(index)
        if place is None:
            pdf_calls.char_origin(self._address, index, self._x_address, self._y_address)
            place = self._origins[index] = self._place[0], self._place[1]
        if not quarter:
            return place
        x, y = place
        return ((x, y), (-y, x), (-x, -y), (y, -x))[quarter]

    def box(self, index: int, quarter: int = 0) -> Box:
        """Return a character's box, as high as its font, for lines of this direction."""
        pdf_calls.loose_char_box(self._address, index, self._rectangle_address)
        found = self._rectangle
        return turned((found.left, found.bottom, found.right, found.top), quarter)

    def tight_box(self, index: int, quarter: int = 0) -> Box:
        """Return the box of what is drawn of a character, for lines of this direction; empty where nothing is."""
        left, right, bottom, top = (ctypes.c_double() for _ in range(4))
        pdfium.FPDFText_GetCharBox(self._raw, index, left, right, bottom, top)
        return turned((left.value, bottom.value, right.value, top.value), quarter)

    def unmapped(self, index: int) -> bool:
        """Say whether the font gives no Unicode character for this one."""
        return bool(pdf_calls.has_unicode_map_error(self._address, index) == 1)

    def _locate(self, indexes: Sequence[int]) -> None:
        """Read the places of characters at once."""
        self._origins.update(zip(indexes, zip(*pdf_calls.origins(self._address, indexes), strict=True), strict=True))

    def marks(self, quarter: int = 0) -> Marks:
        """Return the raised note marks of the lines of this direction."""
        marks = Marks()
        for seeds in _SEEDS:
            level, line_end = math.inf, -1
            found = [match.span(1) for match in islice(seeds.finditer(self.text), _MOST_SEEDS)]
            self._locate([end - 1 for _, end in found])
            for start, end in found:
                last = end - 1
                if start > line_end:
                    level, line_end = math.inf, self.text.find("\n", start) % (len(self.text) + 1)
                if self.origin(last, quarter)[1] == level or last in marks.written:
                    continue
                opened = start - (start > 0 and self.text[start - 1] in "([")
                base = self._base(opened, last, quarter)
                if base is not None:
                    self._take(marks, last, base, quarter)
                elif opened and self.text[opened - 1] not in "\r\n":
                    level = self.origin(last, quarter)[1]  # that of the line: what else is on it is not raised
        return marks

    def _base(self, start: int, last: int, quarter: int) -> int | None:
        """Return the index of the character at which a possible mark stands, None where nothing is raised."""
        before = last - 1
        level = self.origin(last, quarter)[1]
        if start < last and level - self.origin(before, quarter)[1] > _SAME_LEVEL:
            return before
        before = start - 1
        while before >= 0 and (self.text[before].isspace() or self._is_listed(before, start, level, quarter)):
            before -= 1
        if (
            before >= 0
            and level - self.origin(before, quarter)[1] > _SAME_LEVEL
            and self._adjacent(before, self._shown(before + 1), quarter)
        ):
            return before
        after = last + 1
        while after < len(self.text) and self.text[after] in " )]\u00a0":
            after += 1
        opens = start == 0 or self.text[start - 1] in "\r\n"
        if opens and after < len(self.text) and level - self.origin(after, quarter)[1] > _SAME_LEVEL:
            return after
        return None

    def _is_listed(self, index: int, start: int, level: float, quarter: int) -> bool:
        """Say whether a character before a possible mark belongs to a list of marks on the same level, as in 1,2."""
        return (
            self.text[start - 1] in ",;&/"
            and start - index < _LONGEST_RUN
            and abs(self.origin(index, quarter)[1] - level) <= _SAME_LEVEL
        )

    def _adjacent(self, before: int, after: int, quarter: int) -> bool:
        left, right = self.box(before, quarter), self.box(after, quarter)
        return -_CLOSE < (right[0] - left[2]) / max(1.0, left[3] - left[1]) < _CLOSE

    def _take(self, marks: Marks, last: int, base: int, quarter: int) -> None:
        """Add the raised run around ``last`` where it is small, raised over ``base`` and nothing but marks."""
        first, end = self._run(last, quarter)
        text = self.text[first:end]
        high, small = self.box(base, quarter), self.box(last, quarter)
        height, raise_by = high[3] - high[1], self.origin(last, quarter)[1] - self.origin(base, quarter)[1]
        if not (_MARKS.fullmatch(text) and height > 0 and small[3] - small[1] <= _SMALLER * height):
            return
        if not _LEAST_RAISE * height <= raise_by <= _MOST_RAISE * height:
            return
        if base < first and not self._adjacent(base, first, quarter):
            return
        self._write(marks, first, end, base, quarter)

    def _run(self, last: int, quarter: int) -> tuple[int, int]:
        """Return the first index and the end of the characters around this one that are on its level."""
        level = self.origin(last, quarter)[1]
        first, end = last, last + 1
        while first and last - first < _LONGEST_RUN and self._on_level(first - 1, level, quarter):
            first -= 1
        while end < len(self.text) and end - last < _LONGEST_RUN and self._on_level(end, level, quarter):
            end += 1
        while self.text[end - 1].isspace():
            end -= 1
        while self.text[first].isspace():
            first += 1
        return first, end

    def _on_level(self, index: int, level: float, quarter: int) -> bool:
        return self.text[index] not in "\r\n" and abs(self.origin(index, quarter)[1] - level) <= _SAME_LEVEL

    def _write(self, marks: Marks, first: int, end: int, base: int, quarter: int) -> None:
        text = self.text[first:end]
        if self.text[end : end + 1] in ("/", "⁄"):  # a fraction: its numerator is a figure
            marks.written[first] = f" {text[0]}"
            return
        before = self.text[base] if base < first else ""
        written = raised(text.translate(_ROUND), before).strip()
        marks.written.update(dict.fromkeys(range(first, end), ""))
        same = len(written) == len(text)
        marks.written.update(zip(range(first, end), written, strict=True) if same else [(first, written)])
        if base < first:
            marks.glued.add(first)
            following = self._shown(end) if end < len(self.text) else end
            level = self.origin(base, quarter)[1]
            if end < following < len(self.text) and abs(self.origin(following, quarter)[1] - level) <= _SAME_LEVEL:
                marks.spaced.add(following)

    def words(self, marks: Marks | None = None, quarter: int | None = None) -> Iterator[Word]:
        """Yield what is between spaces, and where each begins; with a ``quarter`` only the lines of that direction."""
        if quarter is None and not (marks and marks.written):
            yield from self._unmarked_words()
            return
        written, turn = (marks.written if marks else {}), quarter or 0
        letters, begun, end = "", (0.0, 0.0), 0.0
        for index, letter in enumerate(self.text):
            if index in written:
                letters += written[index]
                continue
            if letter.isspace() or letter == "\0" or (quarter is not None and self.quarter(index) != quarter):
                if letters:
                    yield Word(letters, *begun)
                    letters = ""
                continue
            place = self.origin(index, turn)
            torn = quarter is not None and self._is_torn(index, place[0], end, turn)
            if letters and (torn or abs(place[1] - begun[1]) > APART):
                yield Word(letters, *begun)
                letters = ""
            begun = begun if letters else place
            letters += letter
            end = self.box(index, turn)[2] if quarter is not None else 0.0
        if letters:
            yield Word(letters, *begun)

    def _unmarked_words(self) -> Iterator[Word]:
        """Yield what is between spaces, cut where it goes on on another row: the last character of a word says whether it does."""
        spans = [match.span() for match in _WORDS.finditer(self.text)]
        self._locate([index for first, end in spans for index in {first, end - 1}])
        for first, end in spans:
            place = self.origin(first)
            if abs(self.origin(end - 1)[1] - place[1]) <= APART:
                yield Word(self.text[first:end], *place)
                continue
            begun = first
            for index in range(first + 1, end):
                if abs(self.origin(index)[1] - place[1]) > APART:
                    yield Word(self.text[begun:index], *place)
                    begun, place = index, self.origin(index)
            yield Word(self.text[begun:end], *place)

    def _is_torn(self, index: int, along: float, end: float, quarter: int) -> bool:
        """Say whether a character does not follow the one before it on its line."""
        box = self.box(index, quarter)
        return abs(along - end) > _WORD_GAP * max(1.0, box[3] - box[1])

    def aligned(self, bounded: str, edges: Box) -> list[int] | None:
        """Return the index of each visible character of a text that leaves out what is outside of the page; None if it differs."""
        wanted = "".join(bounded.replace("\ufffe", SOFT_HYPHEN).split())
        indexes = [index for index, letter in enumerate(self.text) if not letter.isspace()]
        if len(indexes) != len(wanted):
            left, bottom, right, top = edges
            places = ((index, self.origin(index)) for index in indexes)
            indexes = [index for index, (x, y) in places if left <= x <= right and bottom <= y <= top]
        return indexes if "".join(self.text[index] for index in indexes) == wanted else None

    def rewritten(self, text: str, indexes: Sequence[int], marks: Marks) -> str:
        """Return a text of these characters with its note marks written as such."""
        pieces: list[str] = []
        order = iter(indexes)
        for piece in re.split(r"(\s+)", text):
            if not piece or piece.isspace():
                pieces.append(piece)
                continue
            for letter in piece:
                index = next(order)
                self._join(pieces, index, marks)
                pieces.append(marks.written.get(index, letter))
        return "".join(pieces)

    def _join(self, pieces: list[str], index: int, marks: Marks) -> None:
        if index in marks.glued and pieces and pieces[-1].isspace():
            pieces[-1] = ""
        elif index in marks.spaced and pieces and (pieces[-1].isspace() or not pieces[-1]):
            pieces[-1] = " "


def turned(box: Box, quarter: int) -> Box:
    """Return a box as it is for lines that run so many quarter turns clockwise."""
    left, bottom, right, top = box
    return (box, (-top, left, -bottom, right), (-right, -top, -left, -bottom), (bottom, -right, top, -left))[quarter]
