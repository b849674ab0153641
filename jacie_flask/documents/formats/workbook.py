"""The parts of an XLSX file: its sheets, shared strings and cell formats (ECMA-376 part 1, 18), read by lxml as streams.

openpyxl tells neither hidden rows nor formulas without values unless it holds a whole workbook in memory.
"""

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from lxml import etree

from jacie_flask.errors import DocumentRejected
from jacie_flask.text.notemarks import raised
from jacie_flask.text.number_formats import BUILT_IN

_PATH = "xl/workbook.xml"
_MERGED = re.compile(rb"<(?:\w{1,20}:)?mergeCell\s[^<>]{0,200}?ref=\"\$?([A-Z]{1,3})\$?(\d{1,7}):\$?([A-Z]{1,3})\$?(\d{1,7})\"")
_NUMBER = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:E[+-]?\d{1,3})?", re.IGNORECASE | re.ASCII)
_REFERENCE = re.compile(r"([A-Z]{1,3})(\d+)")
_LARGEST_HELD = 30_000_000
_LAST_COLUMN = 16_384
_ON = {"1", "true"}


@dataclass(frozen=True)
class Sheet:
    """A sheet: its name, where it is in the file, whether it is shown, and whether it has cells."""

    title: str
    path: str
    visible: bool
    has_cells: bool


@dataclass(frozen=True)
class Style:
    """How the cells of a style show: their number format, and whether their text is raised."""

    code: str = "General"
    raised: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell as stored: its column from 0, its type, its text, its style, the number that it holds if it holds one.

    ``uncalculated`` says that a formula has left no value in it.
    """

    column: int
    kind: str
    text: str
    style: Style
    number: float | None = None
    uncalculated: bool = False


@dataclass
class SheetRow:
    """A row of a sheet: its number from 1, whether it is hidden, and its cells that hold anything."""

    number: int
    hidden: bool
    cells: list[Cell] = field(default_factory=list)


class Workbook:
    """An open XLSX file; raises DocumentRejected for one whose parts are damaged."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = set(archive.namelist())
        book = self._tree(_PATH)
        self.epoch_1904 = any(one.get("date1904") in _ON for one in book.iter("{*}workbookPr"))
        targets = self._targets(_PATH)
        self._recalculates = any(one.get("fullCalcOnLoad") in _ON for one in book.iter("{*}calcPr"))
        sheets = [_sheet(one, targets) for one in book.iter("{*}sheet")]
        self.sheets = [one for one in sheets if one.path in self._names]
        self.missing = [one.title for one in sheets if one.path not in self._names]
        paths = dict(targets.values())
        self._strings = self._shared_strings(paths.get("sharedStrings", ""))
        self._styles = self._cell_styles(paths.get("styles", ""))

    def count(self, pattern: str) -> int:
        """Return how many parts have a name that matches."""
        return sum(re.search(pattern, name) is not None for name in self._names)

    def elements(self, pattern: str, tag: str) -> int:
        """Return how many elements of a name are in the parts whose names match."""
        paths = [name for name in self._names if re.search(pattern, name)]
        return sum(1 for path in paths for _ in self._tree(path).iter(f"{{*}}{tag}"))

    def texts_of_shapes(self, sheet: Sheet) -> Iterator[str]:
        """Yield the paragraphs of text boxes and shapes on a sheet."""
        for kind, path in self._targets(sheet.path).values():
            if kind == "drawing" and path in self._names:
                for paragraph in self._tree(path).iter("{http://schemas.openxmlformats.org/drawingml/2006/main}p"):
                    yield "".join(one.text or "" for one in paragraph.iter("{*}t"))

    def rows(self, sheet: Sheet) -> Iterator[SheetRow]:
        """Yield the rows of a sheet in order; cells of hidden columns are left out."""
        hidden: set[int] = set()
        number = 0
        with self._open(sheet.path) as file:
            for element in _elements(file, ("col", "row")):
                if _name(element) == "col":
                    hidden |= _hidden_columns(element)
                    continue
                number = _whole(element.get("r")) or number + 1
                yield self._row(element, number, hidden)

    def merged(self, sheet: Sheet) -> dict[tuple[int, int], tuple[int, int]]:
        """Return the (columns, rows) that merged cells span, by (row, column) of their first; nothing of a very large sheet."""
        if self._archive.getinfo(sheet.path).file_size > _LARGEST_HELD:
            return {}
        spans: dict[tuple[int, int], tuple[int, int]] = {}
        for left, top, right, bottom in _MERGED.findall(self._archive.read(sheet.path)):
            first, last = _column(left.decode()), _column(right.decode())
            spans[int(top), first] = max(1, last - first + 1), max(1, int(bottom) - int(top) + 1)
        return spans

    def _row(self, element: etree._Element, number: int, hidden: set[int]) -> SheetRow:
        flat = element.get("customHeight") in _ON and element.get("ht") in ("0", "0.0")
        row = SheetRow(number, element.get("hidden") in _ON or flat)
        column = -1
        for one in element.iterchildren("{*}c"):
            found = _REFERENCE.match(one.get("r") or "")
            column = _column(found.group(1)) if found else column + 1
            if column not in hidden and column < _LAST_COLUMN and (cell := self._cell(one, column)) is not None:
                row.cells.append(cell)
        return row

    def _cell(self, element: etree._Element, column: int) -> Cell | None:
        kind, formula, text = element.get("t") or "n", False, ""
        for child in element:
            name = _name(child)
            if name == "v":
                text = child.text or ""
            elif name == "is":
                text = _rich_text(child)
            elif name == "f":
                formula = True
        style = self._styles[at] if (at := _whole(element.get("s"))) < len(self._styles) else Style()
        if kind == "s":
            place = _whole(text)
            text = self._strings[place] if text and place < len(self._strings) else ""
        if formula and kind == "n" and text in ("", "0") and (not text or self._recalculates):
            return Cell(
                column, kind, "", style, uncalculated=True
            )  # programs that calculate nothing write 0, and that it is to be done
        if not text and not (formula and kind != "str"):
            return None
        number = float(text) if kind == "n" and _NUMBER.fullmatch(text) else None
        return Cell(column, kind, text, style, number, uncalculated=not text)

    def _shared_strings(self, path: str) -> list[str]:
        if path not in self._names:
            return []
        with self._open(path) as file:
            return [_rich_text(element) for element in _elements(file, ("si",))]

    def _cell_styles(self, path: str) -> list[Style]:
        if path not in self._names:
            return []
        root = self._tree(path)
        codes = {_whole(one.get("numFmtId")): one.get("formatCode") or "General" for one in root.iter("{*}numFmt")}
        fonts = [_is_raised(font) for holder in root.iter("{*}fonts") for font in holder.iterchildren("{*}font")]
        styles = []
        for holder in root.iter("{*}cellXfs"):
            for one in holder.iterchildren("{*}xf"):
                number, font = _whole(one.get("numFmtId")), _whole(one.get("fontId"))
                code = codes.get(number) or BUILT_IN.get(number, "General")
                styles.append(Style(code, font < len(fonts) and fonts[font]))
        return styles

    def _targets(self, path: str) -> dict[str, tuple[str, str]]:
        """Return (kind, path) of what a part refers to, by id."""
        folder, name = posixpath.split(path)
        relations = f"{folder}/_rels/{name}.rels"
        if relations not in self._names:
            return {}
        return {
            one.get("Id") or "": (
                posixpath.basename(one.get("Type") or ""),
                posixpath.normpath(posixpath.join("/", folder, one.get("Target") or "")).lstrip("/"),
            )
            for one in self._tree(relations).iter("{*}Relationship")
        }

    def _tree(self, path: str) -> etree._Element:
        try:
            with self._open(path) as file:
                return etree.parse(file, _parser()).getroot()
        except etree.XMLSyntaxError as error:
            raise DocumentRejected(f"{path}: {error}", reason="it is not a readable XLSX") from error

    def _open(self, path: str) -> IO[bytes]:
        try:
            if self._archive.getinfo(path).file_size <= _LARGEST_HELD:
                return io.BytesIO(self._archive.read(path))
            return self._archive.open(path)
        except (KeyError, zipfile.BadZipFile, EOFError) as error:
            raise DocumentRejected(f"{path}: {error}", reason="it is not a readable XLSX") from error


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True)


def _elements(file: IO[bytes], names: tuple[str, ...]) -> Iterator[etree._Element]:
    """Yield the elements of these names as they end, each freed after it was used."""
    tags = [f"{{*}}{name}" for name in names]
    try:
        for _, element in etree.iterparse(file, tag=tags, resolve_entities=False, no_network=True, huge_tree=True):
            yield element
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    except etree.XMLSyntaxError as error:
        raise DocumentRejected(str(error), reason="it is not a readable XLSX") from error


def _sheet(element: etree._Element, targets: dict[str, tuple[str, str]]) -> Sheet:
    id_ = next((value for name, value in element.attrib.items() if name.endswith("}id")), "")
    kind, path = targets.get(id_, ("", ""))
    return Sheet(element.get("name") or "", path, (element.get("state") or "visible") == "visible", kind == "worksheet")


def _rich_text(element: etree._Element) -> str:
    """Return the text of a string, its raised runs in their form; readings of characters are left out."""
    text = ""
    for child in element:
        name = _name(child)
        if name == "t":
            text += child.text or ""
        elif name == "r":
            run = "".join(one.text or "" for one in child.iterchildren("{*}t"))
            text += raised(run, text) if any(_is_raised(one) for one in child.iterchildren("{*}rPr")) else run
    return text


def _is_raised(font: etree._Element) -> bool:
    return any(one.get("val") == "superscript" for one in font.iterchildren("{*}vertAlign"))


def _hidden_columns(element: etree._Element) -> set[int]:
    if element.get("hidden") not in _ON and element.get("width") not in ("0", "0.0"):
        return set()
    first, last = _whole(element.get("min")), min(_whole(element.get("max")), _LAST_COLUMN)
    return set(range(max(1, first) - 1, last))


def _name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0


def _column(letters: str) -> int:
    """Return the column from 0: A is 0, AA is 26."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1
