"""The quotes of a sentence, and whether a page holds one word for word."""

import re
import unicodedata

from jacie_flask.text.notemarks import removed
from jacie_flask.text.terms import tokens

QUOTE = re.compile(r"“([^“”]{3,2000})”|\"([^\"“”]{3,2000})\"|«([^«»]{3,2000})»|„([^„“”]{3,2000})[“”]")
_QUOTED_WORDS = 3
_SPACES = re.compile(r"\s+")
_BROKEN = re.compile(r"(?<=[a-zà-ÿ])[-\u00ad\u2010][^\S\n]*+\n\s*+(?=[a-zà-ÿ])")
_FOLDED = str.maketrans({
    "’": "'", "‘": "'", "‚": "'", "‛": "'", "“": "'", "”": "'", "„": "'", "«": "'", "»": "'", '"': "'", "–": "-", "—": "-", "‒": "-", "‑": "-",
    "‐": "-", "−": "-", "\u00ad": "", "\u200b": "", "\ufeff": "", "\u00a0": " ", "…": "...",
})  # fmt: skip


def quotes(claim: str) -> list[str]:
    """Return the quotes of a sentence that are long enough to be one: terms in inverted commas are not."""
    found = ["".join(match.groups("")) for match in QUOTE.finditer(claim)]
    return [quote for quote in found if len(tokens(quote)) >= _QUOTED_WORDS or any(map(str.isdigit, quote))]


def quoted(quote: str, page: str) -> bool:
    """Say whether a quote is on the page; parts around an ellipsis are there in their order."""
    return quoted_in(quote, plain(page))


def quoted_in(quote: str, held: str) -> bool:
    """Say whether a quote is on a page whose text is as ``plain`` returns it."""
    tight = held.replace(" ", "").replace("-", "")
    at = 0
    for part in re.split(r"\[?(?:\.\.\.|…)\]?", quote):
        wanted = plain(part).strip(" .,;:")
        if not wanted:
            continue
        at = _after(wanted, held, tight, at)
        if at < 0:
            return False
    return True


def _after(wanted: str, held: str, tight: str, at: int) -> int:
    """Return the place behind the wanted words in ``tight`` (no spaces, no hyphens), -1 where they are not, as whole words."""
    inside = re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", held)
    short = wanted.replace(" ", "").replace("-", "")
    if inside is None and len(short) < 12:
        return -1
    found = tight.find(short, at)
    if found < 0:
        return -1
    end = found + len(short)
    if inside is None and (tight[end : end + 1].isdigit() or (found and short[0].isdigit() and tight[found - 1].isdigit())):
        return -1
    return end


def plain(text: str) -> str:
    """Return a text as it is compared: one kind of quotes, dashes, letters and spaces, lines joined, no case."""
    joined = removed(_BROKEN.sub("", text.replace("\r", "")))
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", joined).translate(_FOLDED)).strip().casefold()
