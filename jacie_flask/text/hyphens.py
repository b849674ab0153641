"""Words that a hyphen divides between two lines, joined again; hyphens that belong to a word stay."""

import re
from collections.abc import Callable, Sequence
from functools import cache

from jacie_flask.text.terms import word_set

_LONGEST_WORD = 60
_SOFT = "\x02\u00ad\ufffe"
_WORD = r"[^\W\d_]+"
_DIVIDED = re.compile(
    rf"[{_SOFT}\-\u2010](?:(?<=[{_SOFT}])\s*|(?<=[-\u2010])[^\S\n]*\n[^\S\n]*)(?P<tail>{_WORD})(?P<close>[^\s\w]*[^\S\n]?)"
)
_LEFT = re.compile(f"[{_SOFT}]")
_AT_END = re.compile(r"-[^\S\n]*\n")
_KEEP = word_set(
    "non self ex all quasi cross well ill long short mid year half high low medium full part third two three four five ten"
)


def joined(pages: Sequence[str]) -> list[str]:
    """Return the pages with the words whole that a hyphen divides at the end of a line.

    How the document writes a word elsewhere decides whether its hyphen stays.
    """
    divided = [_has_hyphens(page) for page in pages]
    known = cache(lambda: "\n".join(pages).casefold())
    keeps_hyphen = cache(lambda head, tail: _keeps_hyphen(head, tail, known()))
    return [_joined(page, keeps_hyphen) if has else page for page, has in zip(pages, divided, strict=True)]


def _has_hyphens(page: str) -> bool:
    return any(hyphen in page for hyphen in (*_SOFT, "\u2010")) or _AT_END.search(page) is not None


def _joined(page: str, keeps_hyphen: Callable[[str, str], bool]) -> str:
    def whole(match: re.Match[str]) -> str:
        head = _last_word(page[max(0, match.start() - _LONGEST_WORD) : match.start()])
        tail, close, at_end = match["tail"], match["close"], "\n" in match.group()
        if not head or not tail[0].islower():
            return match.group()
        hyphen = "-" if keeps_hyphen(head.casefold(), tail.casefold()) else ""
        return f"{hyphen}{tail}{close.rstrip()}\n" if at_end and close[-1:].isspace() else f"{hyphen}{tail}{close}"

    return _LEFT.sub("-", _DIVIDED.sub(whole, page))


def _last_word(text: str) -> str:
    """Return the letters that end a text."""
    start = len(text)
    while start and text[start - 1].isalpha():
        start -= 1
    return text[start:]


def _keeps_hyphen(head: str, tail: str, known: str) -> bool:
    """Say whether a divided word, in lower case, has a hyphen of its own: as ``known`` text writes it, or as English does."""
    hyphenated, whole = f"{head}-{tail}", f"{head}{tail}"
    if hyphenated in known:
        return known.count(hyphenated) > known.count(whole)
    if whole in known:
        return False
    return head in _KEEP or (min(len(head), len(tail)) > 2 and _is_word(head, known) and _is_word(tail, known))


def _is_word(word: str, known: str) -> bool:
    return f" {word} " in known
