"""Inline XBRL in HTML: what its tags say of the figures that are shown (specification: Inline XBRL 1.1, and its transformations)."""

import re
from dataclasses import dataclass

from lxml import etree

from jacie_flask.facts.grids import InlineFact

_NUMBER = "ix:nonfraction"
_DIGITS = re.compile(r"\d[\d.]*|\.\d+")
_COMMA = re.compile(r"comma|numcommadecimal|num-comma", re.IGNORECASE)
_ZERO = re.compile(r"zero|numdash|num-dash|nocontent", re.IGNORECASE)
_WORDS = re.compile(r"word", re.IGNORECASE)


@dataclass(frozen=True)
class _Context:
    start: str = ""
    end: str = ""
    dimensions: tuple[str, ...] = ()


class Tags:
    """The contexts and units that a document declares, for the figures that refer to them."""

    def __init__(self, root: etree._Element) -> None:
        self._contexts: dict[str, _Context] = {}
        self._units: dict[str, str] = {}
        for element in root.iter("xbrli:context", "context"):
            self._contexts[element.get("id") or ""] = _context(element)
        for element in root.iter("xbrli:unit", "unit"):
            self._units[element.get("id") or ""] = "/".join(_texts(element, "measure"))

    @staticmethod
    def tags(tag: str) -> bool:
        """Say whether an element of this name tags a figure."""
        return tag == _NUMBER

    def fact(self, element: etree._Element) -> InlineFact:
        """Return what the tag of a figure says."""
        context = self._contexts.get(element.get("contextref") or "", _Context())
        scale = element.get("scale") or "0"
        power = int(scale) if re.fullmatch(r"[+-]?\d{1,2}", scale) else 0
        negative = element.get("sign") == "-"
        number = _number("".join(element.itertext()), element.get("format") or "")
        return InlineFact(
            concept=element.get("name") or "",
            value=None if number is None else round((-number if negative else number) * 10.0**power, 6),
            start=context.start,
            end=context.end,
            unit=self._units.get(element.get("unitref") or "", ""),
            scale=power,
            negative=negative,
            dimensions=context.dimensions,
        )


def _number(text: str, transformation: str) -> float | None:
    """Return the number that is shown, without sign; None where words are shown or nothing that is known."""
    if _ZERO.search(transformation):
        return 0.0
    if _WORDS.search(transformation):
        return None
    text = re.sub(r"\s", "", text)
    text = text.replace(".", "").replace(",", ".") if _COMMA.search(transformation) else text.replace(",", "")
    return float(text) if _DIGITS.fullmatch(text) and text.count(".") < 2 else None


def _context(element: etree._Element) -> _Context:
    starts, ends, instants = (_texts(element, name) for name in ("startdate", "enddate", "instant"))
    members = tuple(
        f"{(one.get('dimension') or '').strip()}={(one.text or '').strip()}"
        for one in element.iter()
        if str(one.tag).rpartition(":")[2] == "explicitmember"
    )
    return _Context("".join(starts[:1]), "".join((ends or instants)[:1]), members)


def _texts(element: etree._Element, name: str) -> list[str]:
    return [(one.text or "").strip() for one in element.iter() if str(one.tag).rpartition(":")[2] == name]
