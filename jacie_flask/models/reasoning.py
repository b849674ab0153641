"""Separates what a model thinks from what it answers, where both come as one text."""

import re

# Qwen, DeepSeek, QwQ and GLM; Anthropic-like models; Seed; Magistral; Kimi.
_TAG = re.compile(
    r"<(?P<close>/?)(?:seed:)?(?:think|thinking|thought)>|\[(?P<close_mistral>/?)THINK\]|◁(?P<close_kimi>/?)think▷", re.IGNORECASE
)
_BEGUN = re.compile(
    r"[<\[◁]/?(?:s(?:e(?:e(?:d:?)?)?)?|(?:seed:)?t(?:h(?:o(?:u(?:g(?:h(?:t)?)?)?)?|i(?:n(?:k(?:i(?:n(?:g)?)?)?)?)?)?)?)?",
    re.IGNORECASE,
)
_LONGEST_TAG = 16
_MOST_WITHHELD = 1_000_000


class Separator:
    """Takes the text of a model piece by piece and gives back what belongs to the answer.

    Some servers put the opening tag into the prompt, so that an answer shows its closing tag alone. ``untagged`` says that one was
    seen: all text before it was thought. ``withhold`` keeps back the text of a model that is known to do so, until its closing tag.
    """

    def __init__(self, *, withhold: bool = False) -> None:
        self.untagged = False
        self._withheld: list[str] | None = [] if withhold else None
        self._withheld_chars = 0
        self._thinking = self._closed = False
        self._tail = ""
        self._after_tag = False
        self._idle = not withhold

    @property
    def hiding(self) -> bool:
        """Whether text that comes now is, or may be, thought."""
        return self._thinking or self._withheld is not None

    def passes(self, text: str) -> bool:
        """Say whether ``feed`` would return the text as it is."""
        if not self._idle:
            return False
        if "[" in text and ("[T" in text or "[t" in text or "[/" in text or text.endswith("[")):
            return False
        return "<" not in text and "◁" not in text

    def feed(self, text: str) -> str:
        """Return what of the answer is known now."""
        text = self._tail + text
        shown: list[str] = []
        start = 0
        for tag in _TAG.finditer(text):
            self._show(text[start : tag.start()], shown)
            start = tag.end()
            self._turn(bool(tag["close"] or tag["close_mistral"] or tag["close_kimi"]), shown)
        rest = text[start:]
        cut = _open_tag(rest)
        self._tail = rest[cut:]
        self._show(rest[:cut], shown)
        self._idle = not (self._tail or self._thinking or self._after_tag) and self._withheld is None
        return "".join(shown)

    def end(self) -> str:
        """Return what was kept back and is no thought."""
        tail, self._tail = self._tail, ""
        shown: list[str] = []
        self._show(tail, shown)
        withheld, self._withheld = self._withheld or [], None
        return "".join((*withheld, *shown))

    def _turn(self, closing: bool, shown: list[str]) -> None:
        """Take note of a tag."""
        if closing and self._closed and not self._thinking:
            return
        if closing and not self._thinking:
            self.untagged = True
            shown.clear()
        elif self._withheld:
            shown += self._withheld
        self._withheld = None
        self._closed = self._closed or closing
        self._thinking = not closing
        self._after_tag = closing

    def _show(self, text: str, shown: list[str]) -> None:
        if self._thinking or not text:
            return
        if self._after_tag:
            text = text.lstrip()
            self._after_tag = not text
        if self._withheld is None:
            shown.append(text)
            return
        self._withheld.append(text)
        self._withheld_chars += len(text)
        if self._withheld_chars > _MOST_WITHHELD:
            shown += self._withheld
            self._withheld = None


def _open_tag(text: str) -> int:
    """Return where a tag may begin that is not complete, else the end of the text."""
    begin = max(text.rfind("<", -_LONGEST_TAG), text.rfind("[", -_LONGEST_TAG), text.rfind("◁", -_LONGEST_TAG))
    if begin < 0 or not _BEGUN.fullmatch(text, begin):
        return len(text)
    return begin
