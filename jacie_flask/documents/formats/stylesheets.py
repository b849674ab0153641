"""What the styles of an HTML file do to its text: hide it, raise or lower it, strike it out, part it into lines and pages."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import tinycss2
from cssselect import HTMLTranslator, Selector, SelectorError
from cssselect import parse as parse_selectors
from lxml import etree

_DECLARATION = re.compile(r"(?<![\w-])([\w-]++)\s*+:\s*+([^;]+)")
_LENGTH = re.compile(r"([+-]?)(?:\d*\.)?\d+(?:px|pt|em|ex|rem|%|in|cm|mm)?")
_ZERO = re.compile(r"0+(?:\.0+)?(?:px|pt|em|rem|%)?")
_MEDIUM = re.compile(r"(?:only\s+)?(?P<medium>all|screen|print|speech|tty|handheld|projection|tv)\b", re.IGNORECASE)
_FEATURE = re.compile(r"\(\s*(?P<name>[\w-]{1,40})\s*(?::\s*(?P<value>[\d.]{1,8})(?P<unit>px|em|rem)?\s*)?[^()]{0,40}\)")
_WINDOW_PX, _LETTER_PX = 1280, 16
_READ = frozenset(
    {
        "display", "visibility", "font-size", "vertical-align", "position", "top", "bottom", "text-decoration", "mso-hide",
        "text-decoration-line", "white-space", "page-break-before", "page-break-after", "break-before", "break-after",
    }
)  # fmt: skip
_MOST_RULES = 300
_MOST_CSS = 2_000_000
_LONGEST_SELECTORS = 2_000
_NEW_PAGE = {"always", "page", "left", "right", "recto", "verso"}


@dataclass(frozen=True)
class Style:
    """What declarations say of an element; ``display`` is "" where they do not say.

    ``shifted`` elements are raised only if they are also set small: their alignment alone does not say so.
    """

    display: str = ""
    hidden: bool = False
    raised: bool = False
    shifted: bool = False
    lowered: bool = False
    struck: bool = False
    lines: bool | None = None
    page_before: bool = False
    page_after: bool = False


UNSTYLED = Style()


@lru_cache(maxsize=20_000)
def style_of(declarations: str) -> Style:
    """Return what the declarations of a style attribute do to text."""
    found = {name.lower(): value.strip().lower().removesuffix("!important").strip() for name, value in _declared(declarations)}
    if not found.keys() & _READ:
        return UNSTYLED
    align, space, size = found.get("vertical-align", ""), found.get("white-space", ""), found.get("font-size", "")
    moved = _moved(found) if found.get("position") == "relative" else ""
    length = _LENGTH.fullmatch(align) if not _ZERO.fullmatch(align) else None
    hidden = found.get("display") == "none" or found.get("visibility") in ("hidden", "collapse") or found.get("mso-hide") == "all"
    return Style(
        display=found.get("display", ""),
        hidden=hidden or bool(_ZERO.fullmatch(size)),
        raised=align == "super" or moved == "up" or bool(length and length.group(1) != "-"),
        shifted=align in ("top", "text-top") and bool(size),
        lowered=align == "sub" or moved == "down" or bool(length and length.group(1) == "-"),
        struck="line-through" in found.get("text-decoration", "") + found.get("text-decoration-line", ""),
        lines=space.startswith("pre") or space == "break-spaces" if space else None,
        page_before=bool({found.get("page-break-before"), found.get("break-before")} & _NEW_PAGE),
        page_after=bool({found.get("page-break-after"), found.get("break-after")} & _NEW_PAGE),
    )


def _declared(declarations: str) -> Iterator[tuple[str, str]]:
    for match in _DECLARATION.finditer(declarations):
        yield match.group(1), match.group(2)


def _moved(found: dict[str, str]) -> str:
    """Return whether a relative position moves an element up or down."""
    for side, up in (("top", "-"), ("bottom", "")):
        match = _LENGTH.fullmatch(found.get(side, ""))
        if match and not _ZERO.fullmatch(found[side]):
            return "up" if match.group(1) == up else "down"
    return ""


def sheet_styles(root: etree._Element) -> dict[etree._Element, str]:
    """Return what the stylesheets of a document declare for its elements, of the properties that are read; the last word wins."""
    css = "\n".join(one.text or "" for one in root.iter("style") if _applies(one.get("media") or ""))
    if not css.strip() or len(css) > _MOST_CSS:
        return {}
    found: dict[etree._Element, str] = {}
    translator = HTMLTranslator()
    try:
        rules = sorted(_rules(css), key=lambda rule: rule[0])[:_MOST_RULES]
    except RecursionError:  # nested deeper than any sheet that means something
        return {}
    for _, selector, declarations in rules:
        try:
            elements = root.xpath(translator.selector_to_xpath(selector))
        except (SelectorError, etree.XPathError):
            continue
        for element in elements:
            found[element] = f"{found.get(element, '')};{declarations}"
    return found


def _applies(media: str) -> bool:
    """Say whether rules for these media are those of a usual window on a screen."""
    return not media.strip() or any(_fits(query) for query in media.split(","))


def _fits(query: str) -> bool:
    medium = _MEDIUM.match(query.strip())
    if query.strip().lower().startswith("not") or (medium and medium["medium"].lower() not in ("all", "screen")):
        return False
    return all(_has(feature) for feature in _FEATURE.finditer(query))


def _has(feature: re.Match[str]) -> bool:
    """Say whether a usual window has a feature; of those that are no width it has none."""
    name, value = feature["name"].lower(), feature["value"]
    if name not in ("min-width", "max-width") or value is None or value.count(".") > 1 or not value.strip("."):
        return False
    pixels = float(value) * (1 if feature["unit"] == "px" else _LETTER_PX)
    return pixels <= _WINDOW_PX if name == "min-width" else pixels >= _WINDOW_PX


def _rules(css: str) -> Iterator[tuple[tuple[int, int, int], Selector, str]]:
    """Yield (specificity, selector, declarations) of the rules that matter."""
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    for rule in rules:
        if rule.type == "at-rule" and rule.lower_at_keyword == "media" and rule.content is not None:
            if _applies(tinycss2.serialize(rule.prelude)):
                yield from _rules(tinycss2.serialize(rule.content))
        elif rule.type == "qualified-rule":
            yield from _rule(rule)


def _rule(rule: tinycss2.ast.QualifiedRule) -> Iterator[tuple[tuple[int, int, int], Selector, str]]:
    declared = tinycss2.parse_declaration_list(rule.content, skip_comments=True, skip_whitespace=True)
    wanted = [
        f"{one.lower_name}:{tinycss2.serialize(one.value)}"
        for one in declared
        if one.type == "declaration" and one.lower_name in _READ
    ]
    selectors_text = tinycss2.serialize(rule.prelude)
    if not wanted or len(selectors_text) > _LONGEST_SELECTORS:
        return
    try:
        selectors = parse_selectors(selectors_text)
    except SelectorError:
        return
    for selector in selectors:
        if selector.pseudo_element is None:
            yield selector.specificity(), selector, ";".join(wanted)
