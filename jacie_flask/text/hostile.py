"""Text of strangers made harmless: without characters that hide or disguise, on one line, or unable to imitate a prompt's own marks."""

import re

# As static/js/plain-text.js: controls but tab and newline, fillers, marks of direction (Unicode TR 9), what has no width, and tags.
_DISGUISES = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
_JOINERS = re.compile("(?:(?<=^)|(?<=[\x00-\x7f]))[\u200c\u200d]+")  # Persian and emoji need them, Latin letters never
_SPECIAL = re.compile(
    r"<(?=\s*[|｜])"  # <|im_start|>, <|eot_id|>
    r"|<(?=\s*+(?:/\s*+)?(?:s|think|system|user|assistant|start_of_turn|end_of_turn|excerpts[\w-]*|tool_\w+)\b)"
    r"|(?<=<)<(?=/?SYS>)"
    r"|\[(?=\s*+(?:/\s*+)?INST\s*\])",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"^([^\S\n]*)\[(\d{1,3})\]", re.MULTILINE)


def plain(text: str) -> str:
    """Return a text without the characters that nobody sees and those that turn others around."""
    shown = _DISGUISES.sub("", text)
    return _JOINERS.sub("", shown) if "\u200c" in shown or "\u200d" in shown else shown


def one_line(text: str, longest: int) -> str:
    """Return a name as plain words on one line of at most ``longest`` characters."""
    words = plain(" ".join(text.split()))
    return words if len(words) <= longest else words[: longest - 1] + "…"


def unmarked(text: str) -> str:
    """Return a text in which nothing is a chat template's special token: a server would begin another speaker's turn there."""
    shown = plain(text)
    return _SPECIAL.sub(lambda match: match.group() + " ", shown) if "<" in shown or "[" in shown else shown


def unnumbered(text: str) -> str:
    """Return a text in which no line begins as a numbered excerpt does."""
    return _NUMBERED.sub(r"\1(\2)", text)
