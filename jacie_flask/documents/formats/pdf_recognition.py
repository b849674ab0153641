"""Text recognition of PDF pages whose text cannot be read: pages that are pictures, and pages in fonts without a map to Unicode."""

from collections.abc import Sequence
from contextlib import closing

import pypdfium2

from jacie_flask.documents import ocr
from jacie_flask.documents.formats.pdf_pages import PdfPages
from jacie_flask.documents.paging import MoreTime, Reading, numbers
from jacie_flask.text.legibility import is_language

_DPI = 200
_LONGEST_SIDE = 3_500
_PICTURES = "pictures that could not be read"
_FONTS = "text in fonts without a map to Unicode that could not be read"


def recognise(pages: PdfPages, pictures: Sequence[int], unmapped: Sequence[int], reading: Reading, more_time: MoreTime) -> None:
    """Put recognised text in place of what pages have, as far as time allows, and note which pages that were."""
    if not (pictures or unmapped):
        return
    if not ocr.program():
        missing = "tesseract (text recognition) is not installed"
        reading.notes += [
            f"{what}, {missing}: {numbers(some)}" for what, some in ((_PICTURES, pictures), (_FONTS, unmapped)) if some
        ]
        return
    late: list[int] = []
    recognised = {number: _recognised(pages, number, late, more_time) for number in sorted({*pictures, *unmapped})}
    read = [number for number, text in recognised.items() if _is_better(text, reading.pages[number - 1], number in unmapped)]
    for number in read:
        reading.pages[number - 1] = recognised[number]
    empty = [number for number in recognised if number not in read and number not in late]
    no_time = ", no time was left to recognise their text"
    for what, some in (
        ("read by text recognition (OCR), which makes mistakes", read),
        ("pictures in which no text was recognised", [number for number in empty if number not in unmapped]),
        (_FONTS, [number for number in empty if number in unmapped]),
        (_PICTURES + no_time, [number for number in late if number not in unmapped]),
        (_FONTS + no_time, [number for number in late if number in unmapped]),
    ):
        if some:
            reading.notes.append(f"{what}: {numbers(some)}")


def _recognised(pages: PdfPages, number: int, late: list[int], more_time: MoreTime) -> str:
    """Return the recognised text of a page; nothing where no time is left, which ``late`` notes."""
    if not more_time():
        late.append(number)
        return ""
    try:
        with pages.page(number) as page:
            scale = min(_DPI / 72, _LONGEST_SIDE / max(1.0, *page.get_size()))
            with closing(page.render(scale=scale, grayscale=True)) as bitmap:
                gray = bitmap.to_numpy()[: bitmap.height, : bitmap.width].tobytes()
                return ocr.recognise(gray, bitmap.width, bitmap.height, max(70, round(72 * scale)))
    except (pypdfium2.PdfiumError, ValueError):
        return ""


def _is_better(text: str, before: str, unmapped: bool) -> bool:
    """Say whether recognised text replaces that of the page; where a font was not understood its picture may be wrong too."""
    return sum(map(str.isalnum, text)) > sum(map(str.isalnum, before)) and (is_language(text) or not unmapped)
