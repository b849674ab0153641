"""Note marks: raised numbers and letters that refer to a note, kept apart from the figure or word at which they stand.

Readers of documents write raised text in Unicode superscripts ("96⁴"), so that a page keeps what it shows; whatever reads
figures or words leaves the marks out and keeps exponents ("m²").
"""

import re
from collections.abc import Callable

_PLAIN = "0123456789+-=()abcdefghijklmnoprstuvwxyz"
_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ"
_SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎"
_RAISE = str.maketrans(_PLAIN + "−–[]", _SUPERSCRIPTS + "⁻⁻⁽⁾")
_LOWER = str.maketrans(_PLAIN[:15] + "−", _SUBSCRIPTS + "₋")
_SETTLE = str.maketrans(_SUPERSCRIPTS, _PLAIN)
_SIGNS = "*†‡§¶#^"
_ORDINAL = re.compile(r"(?:st|nd|rd|th|er|ère|ème|eme|nde)\b", re.IGNORECASE)
_TRADEMARKS = {"tm": "™", "(tm)": "™", "sm": "℠", "(sm)": "℠", "(r)": "®", "®": "®", "©": "©", "™": "™", "℠": "℠"}
_ONE_MARK = rf"[(\[]?(?:\d{{1,3}}|[ivx]{{1,5}}|[a-z]{{1,2}}|[{_SIGNS}]{{1,4}}|\d{{1,2}}[a-z])[)\]]?"
_MARKS = re.compile(rf"{_ONE_MARK}(?:(?:\s?[,;&/–-]\s?|\s(?:and|und|et|y)\s|\s|(?<=[)\]])){_ONE_MARK}){{0,7}}", re.IGNORECASE)
_AND = re.compile(r"\s(?:and|und|et|y)\s", re.IGNORECASE)
_EXPONENT = re.compile(r"[+−–-]?\d{1,3}|\d{0,2}[+−–-]")
_SHARE = re.compile(r"(?P<over>\d{1,2})\s?[/⁄]\s?(?P<under>2|3|4|5|6|8|10|16|32|64)")
_NOTE_NAME = re.compile(r"^[(\[]?\s*(?:see\s+)?(?:foot)?notes?\s*", re.IGNORECASE)
_THOUSANDS = re.compile(r"\d,\d{3}")
_SUP = f"[{_SUPERSCRIPTS}]"
_BEHIND = rf"(?<=[\d)%])[{_SIGNS}]{{1,4}}(?=\s|$)"
_SIGNS_BEHIND = re.compile(rf"[{_SIGNS}](?<=[\d)%][{_SIGNS}])[{_SIGNS}]{{0,3}}(?=\s|$)")  # _BEHIND, found by its signs: faster
_ANY_RAISED = re.compile(_SUP)
_RUN = re.compile(
    rf"(?P<power>(?<![^\W\d_])(?:[kcdmhnµμ]?m|ft|in|yd|mi|[Rrx])[²³](?!{_SUP})|[×x·*]\s?10{_SUP}+|[A-Za-zµμ]⁻{_SUP}+)"
    rf"|{_SUP}[{_SUPERSCRIPTS},;&/{_SIGNS}]*(?<![,;&/])|{_BEHIND}"
)
_ANY = re.compile(f"[{_SUPERSCRIPTS}{_SIGNS}]")
_FRACTION = re.compile(r"(?P<whole>\d?)(?P<over>[⁰¹²³⁴-⁹]{1,2})\s?[/⁄]\s?(?P<under>[₀-₉]{1,2}|\d{1,2})(?!\d)")
_FIGURES = str.maketrans(_SUPERSCRIPTS[:10] + _SUBSCRIPTS[:10], "0123456789" * 2)


def raised(text: str, before: str = "") -> str:
    """Return raised text in the form that follows ``before`` on a page.

    Marks and exponents become superscripts; ordinals and trademarks join the word; what is neither stays apart as plain text.
    """
    words = " ".join(text.split())
    if not words:
        return text and " "
    if before[-1:].isdigit() and _ORDINAL.fullmatch(words):
        return words
    if words.lower() in _TRADEMARKS and not before[-1:].isdigit():
        return _TRADEMARKS[words.lower()]
    share = _SHARE.fullmatch(words)
    if share and int(share["over"]) < int(share["under"]):
        return f"{' ' if before[-1:].isdigit() else ''}{share['over']}/{share['under']}"
    mark = _NOTE_NAME.sub("", words).removesuffix(")") if _NOTE_NAME.match(words) else words
    if (_MARKS.fullmatch(mark) and not _THOUSANDS.search(mark)) or _EXPONENT.fullmatch(mark):
        mark = _AND.sub(",", mark)
        return re.sub(r"\s+", "" if re.search(r"[,;&/–-]", mark) else ",", mark.lower()).translate(_RAISE)
    if _ANY.search(words) and not re.sub(rf"[{_SUPERSCRIPTS}{_SIGNS},;\s]", "", words):
        return words
    return f" {words} " if before and not before[-1].isspace() else f"{words} "


def lowered(text: str, before: str = "") -> str:
    """Return lowered text: digits as subscripts (CO₂), anything else as it is."""
    words = text.strip()
    return words.translate(_LOWER) if words and before[-1:].strip() and re.fullmatch(r"[\d+−-]{1,3}", words) else text


def fractions(text: str) -> str:
    """Return a text in which a raised number over a lowered one is a fraction: "6⁷/₈" becomes "6 7/8"."""
    return _FRACTION.sub(_fraction, text) if "/" in text or "⁄" in text else text


def _fraction(match: re.Match[str]) -> str:
    whole = f"{match['whole']} " if match["whole"] else ""
    return f"{whole}{match['over'].translate(_FIGURES)}/{match['under'].translate(_FIGURES)}"


def blanked(text: str) -> str:
    """Return a text of the same length with spaces in the place of note marks; exponents of units stay."""
    return _replaced(text, lambda match: " " * len(match.group()))


def removed(text: str) -> str:
    """Return a text without its note marks."""
    return _replaced(text, lambda match: "")


def _replaced(text: str, replacement: Callable[[re.Match[str]], str]) -> str:
    """Put something in the place of each mark; most texts have none, and that costs little."""
    if not text.isascii() and _ANY_RAISED.search(text):
        return _RUN.sub(lambda match: match.group() if match["power"] else replacement(match), text)
    return _SIGNS_BEHIND.sub(replacement, text) if any(sign in text for sign in _SIGNS) else text


def parted(text: str) -> tuple[str, list[str]]:
    """Return a text without its note marks, and the marks as plain characters: ("96", ["4"])."""
    if not _ANY.search(text):
        return text, []
    marks = [match.group() for match in _RUN.finditer(text) if not match["power"]]
    named = [part for mark in marks for part in re.split(r"[,;&/()]", mark.translate(_SETTLE)) if part]
    return " ".join(removed(text).split()), named


def is_mark(text: str) -> bool:
    """Say whether a text is nothing but note marks."""
    return bool(text) and not blanked(text).strip() and bool(_ANY.search(text))
