"""Number formats of spreadsheets (ECMA-376 part 1, 18.8.30 and 18.8.31): a stored value as the text that a cell shows.

A format has up to four sections for positive, negative, zero and text, or sections with conditions. The fixed number is
rounded half away from zero from its 15 significant digits, as spreadsheets do.
"""

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import floor, log10

from jacie_flask.text.date_formats import date_text
from jacie_flask.text.format_sections import Layout, Section, Token, chosen, sections_of

BUILT_IN = {
    0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: '"$"#,##0_);("$"#,##0)', 6: '"$"#,##0_);[Red]("$"#,##0)',
    7: '"$"#,##0.00_);("$"#,##0.00)', 8: '"$"#,##0.00_);[Red]("$"#,##0.00)', 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?",
    13: "# ??/??", 14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm",
    21: "h:mm:ss", 22: "yyyy-mm-dd h:mm", 37: "#,##0_);(#,##0)", 38: "#,##0_);[Red](#,##0)", 39: "#,##0.00_);(#,##0.00)",
    40: "#,##0.00_);[Red](#,##0.00)", 41: '_(* #,##0_);_(* (#,##0);_(* "-"_);_(@_)',
    42: '_("$"* #,##0_);_("$"* (#,##0);_("$"* "-"_);_(@_)', 43: '_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)',
    44: '_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)', 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
    **dict.fromkeys((*range(27, 37), *range(50, 59)), "yyyy-mm-dd"),
}  # fmt: skip
"""The formats that files name by number only; those that follow the reader's own settings (14, 22) show ISO dates."""

_LARGEST_GENERAL = 1e11
_SMALLEST_GENERAL = 1e-4
_GENERAL_WIDTH = 11
_MOST_DECIMALS = 30
_EXACT = 1e15


def shown(value: float | str, code: str, *, epoch_1904: bool = False) -> str:
    """Return a value as a cell of this format shows it, on one line with single spaces; dates count from 1900 or from 1904."""
    sections = sections_of(code)
    if isinstance(value, str):
        text = _text(value, sections)
    else:
        section, number = chosen(float(value), sections)
        text = _number(number, section, epoch_1904)
    return " ".join(text.split())


def _text(value: str, sections: Sequence[Section]) -> str:
    """Return text by the section for text: the fourth, or the last that has a place for it."""
    section = sections[-1] if len(sections) == 4 or sections[-1].takes_text else None
    if section is None:
        return value
    return "".join(
        value if token == Token("mark", "@") else token.text for token in section.tokens if token.kind in ("mark", "literal")
    )


def _number(value: float, section: Section, epoch_1904: bool) -> str:
    tokens, form = section.tokens, section.form
    if form == "date":
        return date_text(value, [(token.kind, token.text) for token in tokens], epoch_1904) or _general(value)
    if form == "general":
        number = _general(abs(value))
        whole = "".join(number if token.kind == "general" or token.text == "@" else token.text for token in tokens)
    elif form == "scientific":
        whole = _scientific(abs(value), tokens)
    elif form == "fraction":
        whole = _fraction(abs(value), tokens)
    elif form == "fixed":
        layout = section.layout
        whole = _laid_out(abs(value), layout) if layout else _fixed(abs(value), tokens)
    else:
        whole = "".join(token.text for token in tokens if token.kind == "literal" or token.text == "%")
    return f"-{whole}" if value < 0 else whole


def _general(value: float) -> str:
    """Return a number in at most eleven characters, as cells show it that have no format."""
    size = abs(value)
    if size and not _SMALLEST_GENERAL <= size < _LARGEST_GENERAL:
        small = f"{_rounded(value, 12):f}".rstrip("0") if size < 1 else ""
        if small and len(small.lstrip("-")) <= _GENERAL_WIDTH and float(small) == value:
            return small
        mantissa, _, exponent = f"{value:.5E}".partition("E")
        return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}E{exponent}"
    decimals = 9 - max(0, floor(log10(size))) if size else 0
    text = f"{_rounded(value, max(0, decimals)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _rounded(value: float, decimals: int) -> Decimal:
    return Decimal(f"{value:.15g}").quantize(Decimal(1).scaleb(-min(decimals, _MOST_DECIMALS)), ROUND_HALF_UP)


def _fixed(value: float, tokens: Sequence[Token]) -> str:
    places = [at for at, token in enumerate(tokens) if token.kind == "digit"]
    point = next((at for at, token in enumerate(tokens) if token == Token("mark", ".")), len(tokens))
    before, after = [at for at in places if at < point], [at for at in places if at > point]
    commas = [at for at, token in enumerate(tokens) if token == Token("mark", ",")]
    grouped = any(before and before[0] < at < before[-1] for at in commas)
    scaling = sum(_scales(at, point, before, after) for at in commas)
    percents = sum(token == Token("mark", "%") for token in tokens)
    rounded = _rounded(value * 100.0**percents / 1000.0**scaling, len(after))
    whole, _, decimals = f"{rounded:f}".partition(".")
    texts = {at: "" if token == Token("mark", ",") else token.text for at, token in enumerate(tokens)}
    texts |= _whole_digits("" if whole == "0" else whole, before, tokens, grouped)
    texts |= _decimal_digits(decimals, after, tokens)
    if not before and whole != "0":
        texts[point] = f"{whole}{texts.get(point, '')}"
    return "".join(texts[at] for at in sorted(texts))


def _laid_out(value: float, layout: Layout) -> str:
    if layout.percents or layout.thousands:
        value = value * 100.0**layout.percents / 1000.0**layout.thousands
    if not layout.decimals and value < _EXACT and value.is_integer():
        digits = f"{int(value):,}" if layout.grouped else f"{int(value)}"
    else:
        rounded = _rounded(value, layout.decimals)
        digits = f"{rounded:,f}" if layout.grouped else f"{rounded:f}"
    if digits[0] == "0" and not layout.zeros:
        digits = digits[1:]
    return f"{layout.before}{digits}{layout.after}"


def _scales(at: int, point: int, before: Sequence[int], after: Sequence[int]) -> bool:
    """Say whether a comma divides by a thousand: it stands behind the last digit before the point, or behind all digits."""
    last = before[-1] if before and at < point else after[-1] if after else before[-1] if before else -1
    return at > last >= 0


def _whole_digits(digits: str, places: Sequence[int], tokens: Sequence[Token], grouped: bool) -> dict[int, str]:
    """Return what stands in each place before the point; the first one takes all digits that are left."""
    texts: dict[int, str] = {}
    count = 0
    zeros = [at for at in places if tokens[at].text == "0"]
    for at in reversed(places):
        if digits:
            digit, digits = digits[-1], digits[:-1]
        elif zeros and at >= zeros[0]:
            digit = "0"
        else:
            texts[at] = " " if tokens[at].text == "?" else ""
            continue
        texts[at] = digit + ("," if grouped and count and count % 3 == 0 else "")
        count += 1
    if places and digits:
        for digit in reversed(digits):
            texts[places[0]] = digit + ("," if grouped and count % 3 == 0 else "") + texts[places[0]]
            count += 1
    return texts


def _decimal_digits(digits: str, places: Sequence[int], tokens: Sequence[Token]) -> dict[int, str]:
    """Return what stands in each place behind the point; optional places at the end show no zeros."""
    texts: dict[int, str] = {}
    optional = True
    for at, digit in zip(reversed(places), reversed(digits.ljust(len(places), "0")), strict=False):
        optional = optional and digit == "0" and tokens[at].text != "0"
        texts[at] = ("" if tokens[at].text == "#" else " ") if optional else digit
    return texts


def _scientific(value: float, tokens: Sequence[Token]) -> str:
    at = next(at for at, token in enumerate(tokens) if token.kind == "exponent")
    point = next((i for i, token in enumerate(tokens[:at]) if token == Token("mark", ".")), at)
    width = max(1, sum(token.kind == "digit" for token in tokens[:point]))
    decimals = sum(token.kind == "digit" for token in tokens[point:at])
    exponent = floor(log10(value)) if value else 0
    exponent -= exponent % width if width > 1 else 0
    mantissa = _rounded(value / 10.0**exponent, decimals)
    if mantissa >= Decimal(10) ** width:
        exponent += width
        mantissa = _rounded(value / 10.0**exponent, decimals)
    sign = "-" if exponent < 0 else "+" if tokens[at].text.endswith("+") else ""
    power = _fixed(abs(exponent), [token for token in tokens[at + 1 :] if token.kind != "mark"])
    return f"{_fixed(float(mantissa), tokens[:at])}E{sign}{power}"


def _fraction(value: float, tokens: Sequence[Token]) -> str:
    slash = next(at for at, token in enumerate(tokens) if token == Token("mark", "/"))
    over = slash
    while over and tokens[over - 1].kind == "digit":
        over -= 1
    end = slash + 1
    while end < len(tokens) and (tokens[end].kind == "digit" or tokens[end].text.isdigit()):
        end += 1
    under = "".join(token.text for token in tokens[slash + 1 : end])
    mixed = any(token.kind == "digit" for token in tokens[:over])
    whole, rest = divmod(Fraction(f"{value:.15g}"), 1) if mixed else (0, Fraction(f"{value:.15g}"))
    if any(digit in "123456789" for digit in under):
        denominator = int(re.sub(r"\D", "0", under))
        numerator = floor(rest * denominator + Fraction(1, 2))
    else:
        best = rest.limit_denominator(10 ** min(len(under), 6) - 1) if under else rest.limit_denominator(9)
        numerator, denominator = best.numerator, best.denominator
    if mixed and numerator == denominator:
        whole, numerator = whole + 1, 0
    head = _fixed(float(whole), tokens[:over]) if mixed else "".join(token.text for token in tokens[:over])
    tail = "".join(token.text for token in tokens[end:] if token.kind == "literal")
    if mixed and not numerator:
        return f"{head if head.strip() else '0'}{tail}"
    return f"{head}{numerator}/{denominator}{tail}"
