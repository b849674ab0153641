"""Dates and times of spreadsheets: a serial number as its format shows it (ECMA-376 part 1, 18.17.4 and 18.8.31)."""

import datetime
from collections.abc import Sequence

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAY_MS = 86_400_000
_LAST_SERIAL = 2_958_466
_LEAP_SERIAL = 60
_EPOCH_1904 = 1_462
_BUDDHIST = 543

Piece = tuple[str, str]
"""The kind and the text of a token of a format."""


class _Moment:
    """A date and time of day; serial 60 is the 29th of February 1900, which spreadsheets count and calendars do not."""

    def __init__(self, milliseconds: int) -> None:
        self.day, rest = divmod(milliseconds, _DAY_MS)
        self.hour, rest = divmod(rest, 3_600_000)
        self.minute, rest = divmod(rest, 60_000)
        self.second, self.fraction = divmod(rest, 1_000)
        if self.day == _LEAP_SERIAL:
            self.year, self.month, self.date = 1900, 2, 29
        else:
            calendar = datetime.date(1899, 12, 30) + datetime.timedelta(days=self.day + (self.day < _LEAP_SERIAL))
            self.year, self.month, self.date = calendar.year, calendar.month, calendar.day
        self.weekday = (self.day + 5) % 7


def date_text(serial: float, pieces: Sequence[Piece], epoch_1904: bool) -> str:
    """Return a serial number of days as its pieces show it, "" where it is no date that a spreadsheet knows."""
    days = serial + (_EPOCH_1904 if epoch_1904 else 0)
    if not 0 <= days < _LAST_SERIAL:
        return ""
    decimals = max((len(text) - 1 for kind, text in pieces if kind == "second"), default=0)
    step = 10 ** max(0, 3 - decimals)
    milliseconds = int(days * _DAY_MS / step + 0.5) * step
    moment = _Moment(milliseconds)
    half = any(kind == "am" for kind, _ in pieces)
    minutes = _minutes(pieces)
    return "".join(_piece(kind, text, moment, milliseconds, half, at in minutes) for at, (kind, text) in enumerate(pieces))


def _minutes(pieces: Sequence[Piece]) -> set[int]:
    """Return the places where an m means minutes: behind hours, or before seconds."""
    timed = [(at, text[0].lower()) for at, (kind, text) in enumerate(pieces) if kind in ("date", "elapsed")]
    found = set()
    for place, (at, letter) in enumerate(timed):
        before = timed[place - 1][1] if place else ""
        after = timed[place + 1][1] if place + 1 < len(timed) else ""
        if letter == "m" and len(pieces[at][1]) < 3 and (before == "h" or after == "s"):
            found.add(at)
    return found


def _piece(kind: str, text: str, moment: _Moment, milliseconds: int, half: bool, is_minute: bool) -> str:
    if kind == "elapsed":
        size = {"h": 3_600_000, "m": 60_000, "s": 1_000}[text[0]]
        return f"{milliseconds // size:0{len(text)}d}"
    if kind == "am":
        letters = ("AM", "PM") if len(text) > 3 else ("A", "P")
        return letters[moment.hour >= 12]
    if kind == "second":
        return f".{moment.fraction:03d}"[: len(text)].ljust(len(text), "0")
    if kind != "date":
        return text if kind in ("literal", "mark", "digit") else ""
    letter, length = text[0].lower(), len(text)
    if letter == "h":
        hour = (moment.hour % 12 or 12) if half else moment.hour
        return f"{hour:0{min(length, 2)}d}"
    if letter == "s":
        return f"{moment.second:0{min(length, 2)}d}"
    if is_minute:
        return f"{moment.minute:0{min(length, 2)}d}"
    return _calendar(letter, length, moment)


def _calendar(letter: str, length: int, moment: _Moment) -> str:
    if letter == "y":
        return f"{moment.year % 100:02d}" if length < 3 else f"{moment.year}"
    if letter == "e":
        return f"{moment.year}"
    if letter == "b":
        return f"{(moment.year + _BUDDHIST) % 100:02d}" if length < 3 else f"{moment.year + _BUDDHIST}"
    if letter == "m":
        name = _MONTHS[moment.month - 1]
        return {1: f"{moment.month}", 2: f"{moment.month:02d}", 3: name[:3], 5: name[0]}.get(length, name)
    if letter == "d":
        name = _DAYS[moment.weekday]
        return {1: f"{moment.date}", 2: f"{moment.date:02d}", 3: name[:3]}.get(length, name)
    return ""
