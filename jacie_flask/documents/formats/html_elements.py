"""The elements of HTML: which are part of a line, which end it, which are rows and cells, and which are not shown."""

import re
from dataclasses import dataclass
from functools import lru_cache

from lxml import etree

from jacie_flask.documents.formats.stylesheets import UNSTYLED, Style, style_of

_HIDDEN = {
    "script", "style", "head", "template", "noscript", "svg", "iframe", "object", "embed", "applet", "title", "select", "datalist",
    "audio", "video", "canvas", "map", "rp", "annotation", "annotation-xml", "ix:header", "ix:hidden", "ix:references",
    "ix:resources",
}  # fmt: skip
_BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "br", "caption", "center", "col", "colgroup", "dd", "details", "dialog", "dir",
    "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "frame", "frameset", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "hgroup", "hr", "html", "legend", "li", "listing", "main", "menu", "nav", "ol", "optgroup", "option", "p", "plaintext",
    "pre", "search", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "xmp",
}  # fmt: skip
_PLAIN = {"span", "a", "b", "i", "u", "em", "strong", "font", "small", "big", "cite", "code", "tt", "abbr"}
_INLINE_BOXES = {"inline", "inline-block", "inline-flex", "inline-grid", "inline-table", "contents"}
_TABLES = {"table": "table", "inline-table": "table", "table-row": "row", "table-cell": "cell"}
_ROLES = {"table": "table", "tr": "row", "td": "cell", "th": "cell"}
_AS_WRITTEN = {"pre", "listing", "xmp", "plaintext", "textarea"}
_BOXES = _INLINE_BOXES - {"inline", "contents"}
_PIXELS = re.compile(r"\s*(\d+)")
_SIZE = re.compile(r"(width|height)\s*:\s*(\d+)")
_TEXT_SIZED = (150, 60)


@dataclass(frozen=True)
class Kind:
    """What an element does to its line and table; ``plain`` ones do nothing, ``apart`` ones are boxes within a line."""

    tag: str
    style: Style
    inline: bool
    role: str
    plain: bool
    apart: bool
    hidden: bool
    as_written: bool


@lru_cache(maxsize=20_000)
def kind_of_element(tag: str, declarations: str) -> Kind:
    """Return what an element of this name does under the declarations of its style."""
    style = style_of(declarations) if declarations else UNSTYLED
    return Kind(
        tag=tag,
        style=style,
        inline=_is_inline(tag, style),
        role=_ROLES.get(tag) or _TABLES.get(style.display, ""),
        apart=style.display in _BOXES,
        plain=tag in _PLAIN and style == UNSTYLED,
        hidden=tag in _HIDDEN or style.hidden,
        as_written=bool(style.lines) or (style.lines is None and tag in _AS_WRITTEN),
    )


def _is_inline(tag: str, style: Style) -> bool:
    """Say whether an element is part of a line: all that HTML does not know are, unless a style says otherwise."""
    if tag in _ROLES or tag == "br":
        return False
    if style.display:
        return style.display in _INLINE_BOXES
    return tag not in _BLOCKS


def could_hold_text(element: etree._Element, tag: str) -> bool:
    """Say whether a picture is large enough for text that is read; one of unknown size is."""
    if tag == "svg":
        return any(str(one.tag) == "text" for one in element.iter())
    sizes = dict(_SIZE.findall(element.get("style") or ""))
    for side in ("width", "height"):
        found = _PIXELS.match(element.get(side) or "")
        if found and "%" not in (element.get(side) or ""):
            sizes.setdefault(side, found.group(1))
    least = dict(zip(("width", "height"), _TEXT_SIZED, strict=True))
    return all(int(size[:6]) >= least[side] for side, size in sizes.items())
