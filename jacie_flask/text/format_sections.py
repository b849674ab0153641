"""The sections of a spreadsheet's number format (ECMA-376 part 1, 18.8.31), and which of them shows a value."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_(?P<wide>.)|\*(?P<fill>.)|\[(?P<bracket>[^\]]{0,99})\]|(?P<general>General)'
    r"|(?P<am>AM/PM|A/P)|(?P<exponent>E[+-])|(?P<second>\.0+(?=(?:[^0#?.]|$)))|(?P<date>y+|m+|d+|h+|s+|e+|b{2,4}|g+)"
    r"|(?P<digit>[0#?])|(?P<mark>[.,%/@])|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"\s*(<=|>=|<>|<|>|=)\s*(-?(?:\d+(?:\.\d*)?|\.\d+)(?:E[+-]?\d+)?)\s*", re.IGNORECASE)
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
_CURRENCY = re.compile(r"\$([^-]*)(?:-.*)?")
_COMPARE = {
    "<": lambda value, limit: value < limit, "<=": lambda value, limit: value <= limit, ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit, "=": lambda value, limit: value == limit, "<>": lambda value, limit: value != limit,
}  # fmt: skip
_TOGETHER = re.compile(r"[x%]*(?P<digits>(?:#[#,]*(?:0,*)?|0,*)(?:\.0+,*)?|\.0+,*)[x%]*")
_LONGEST_FORMAT = 1_000


@dataclass(frozen=True)
class Token:
    """A piece of a format: ``kind`` is literal, digit, mark, date, elapsed, second, am, exponent or general."""

    kind: str
    text: str


@dataclass(frozen=True)
class Section:
    """One of a format's sections: its pieces, and the condition under which it is used ("" for none)."""

    tokens: tuple[Token, ...]
    operator: str = ""
    limit: float = 0.0

    @cached_property
    def takes_text(self) -> bool:
        """Whether it says how text is shown."""
        return any(token.kind == "mark" and token.text == "@" for token in self.tokens)

    @cached_property
    def form(self) -> str:
        """How it shows a number: as date, general, scientific, fraction, fixed or words."""
        kinds = {token.kind for token in self.tokens}
        if kinds & {"date", "elapsed", "am"}:
            return "date"
        if "general" in kinds or self.takes_text:
            return "general"
        if "exponent" in kinds:
            return "scientific"
        return "fraction" if _is_fraction(self.tokens) else "fixed" if "digit" in kinds else "words"

    @cached_property
    def layout(self) -> "Layout | None":
        """Where the digits stand, None where text stands between them or places are optional."""
        return _layout(self.tokens)

    def holds(self, value: float) -> bool:
        """Say whether the condition holds."""
        return bool(_COMPARE[self.operator](value, self.limit))

    @property
    def negatives_only(self) -> bool:
        """Whether only negative numbers meet the condition, so that it shows them without a sign of its own."""
        return (self.limit <= 0 and self.operator == "<") or (self.limit < 0 and self.operator in ("<=", "="))


@dataclass(frozen=True)
class Layout:
    """A number whose digits stand together: text around them, zeros before and decimals behind the point, and its factor."""

    before: str
    after: str
    zeros: int
    decimals: int
    grouped: bool
    percents: int
    thousands: int


def _layout(tokens: Sequence[Token]) -> Layout | None:
    text = "".join(token.text if token.kind in ("digit", "mark") else "x" for token in tokens)
    found = _TOGETHER.fullmatch(text)
    if found is None or (text.count("%") and "%" in found["digits"]):
        return None
    start, end = found.span("digits")
    whole, _, decimals = found["digits"].partition(".")
    return Layout(
        before="".join(token.text for token in tokens[:start]),
        after="".join(token.text for token in tokens[end:]),
        zeros=whole.count("0"),
        decimals=decimals.count("0"),
        grouped="," in whole.rstrip(","),
        percents=text.count("%"),
        thousands=len(whole) - len(whole.rstrip(",")) + decimals.count(","),
    )


@lru_cache(maxsize=5_000)
def sections_of(code: str) -> tuple[Section, ...]:
    """Return the sections of a format, at most four."""
    sections: list[list[Token]] = [[]]
    conditions: list[tuple[str, float]] = [("", 0.0)]
    for match in _TOKEN.finditer(code[:_LONGEST_FORMAT]):
        if match.group() == ";":
            sections.append([])
            conditions.append(("", 0.0))
        elif (bracket := match["bracket"]) is not None and (found := _CONDITION.fullmatch(bracket)):
            conditions[-1] = found.group(1), float(found.group(2))
        elif token := _token(match):
            sections[-1].append(token)
    return tuple(
        Section(tuple(_dated(tokens)), *condition) for tokens, condition in list(zip(sections, conditions, strict=True))[:4]
    )


def _token(match: re.Match[str]) -> Token | None:
    kind = str(match.lastgroup)
    text = match[kind]
    if kind == "bracket":
        if _ELAPSED.fullmatch(text):
            return Token("elapsed", text.lower())
        currency = _CURRENCY.fullmatch(text)
        return Token("literal", currency.group(1)) if currency else None
    if kind in ("wide", "fill"):
        return Token("literal", " ")
    if kind in ("quoted", "escaped", "other"):
        return Token("literal", text)
    return Token(kind, text)


def _dated(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens of a section; outside dates letters are literals, and the tail of seconds is a decimal fraction."""
    if any(token.kind in ("elapsed", "am") or (token.kind == "date" and token.text[0] in "ymdhsYMDHS") for token in tokens):
        return [Token("literal", t.text) if (t.kind == "mark" and t.text in "/,") or t.kind == "exponent" else t for t in tokens]
    plain: list[Token] = []
    for token in tokens:
        if token.kind == "second":
            plain += [Token("mark", "."), *(Token("digit", digit) for digit in token.text[1:])]
        else:
            plain.append(Token("literal", token.text) if token.kind == "date" else token)
    return plain


def chosen(value: float, sections: Sequence[Section]) -> tuple[Section, float]:
    """Return the section for a number, and the number with the sign that is left to be shown."""
    numeric = [*sections[:3]]
    if len(numeric) > 1 and len(sections) < 4 and numeric[-1].takes_text:
        numeric.pop()
    if any(section.operator for section in numeric[:2]):
        return _conditional(value, numeric)
    if len(numeric) == 1:
        return numeric[0], value
    if value < 0:
        return numeric[1], -value
    return numeric[2] if value == 0 and len(numeric) > 2 else numeric[0], value


def _conditional(value: float, numeric: Sequence[Section]) -> tuple[Section, float]:
    first = numeric[0]
    implied = Section((), ">" if len(numeric) > 2 else ">=", 0.0)
    if first.holds(value) if first.operator else implied.holds(value):
        return first, -value if first.negatives_only and value < 0 else value
    if len(numeric) == 1:
        return Section((Token("general", "General"),)), value
    second = numeric[1]
    if len(numeric) == 2 and not second.operator:
        rest_is_negative = first.operator in (">", ">=") and first.limit <= 0
        return second, abs(value) if rest_is_negative else value
    if second.holds(value) if second.operator else value < 0:
        return second, -value if (second.negatives_only or not second.operator) and value < 0 else value
    return (numeric[2] if len(numeric) > 2 else Section((Token("general", "General"),))), value


def _is_fraction(tokens: Sequence[Token]) -> bool:
    slash = next((at for at, token in enumerate(tokens) if token == Token("mark", "/")), -1)
    return slash > 0 and any(token.kind == "digit" for token in tokens[:slash]) and len(tokens) > slash + 1
