"""Small pieces of English: verbs that agree, capitals, and lists."""

from collections.abc import Sequence

_PLURAL_LOOKALIKES = ("ss", "us", "is")
_HEAD_ENDS = (" of ", " on ", " as ", " from ", " per ", " for ", " to ", " in ", " before ", " after ", " net of ", ",", " (")


def was(name: str) -> str:
    """Return "was" or "were", as the name's head noun needs it."""
    head = name
    for end in _HEAD_ENDS:
        head = head.partition(end)[0]
    head = head.removesuffix(" paid").removesuffix(" received").removesuffix(" declared")
    plural = head.endswith("s") and not head.endswith(_PLURAL_LOOKALIKES) and not head.lower().startswith("days")
    return "were" if plural else "was"


def opened(text: str) -> str:
    """Return a text with its first letter as a capital, abbreviations left as they are."""
    return text[:1].upper() + text[1:]


def listed(texts: Sequence[str]) -> str:
    """Return texts as a person lists them: "a, b and c"."""
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}" if texts else ""
