"""Characters that a server has split over two chunks: halves of surrogate pairs and the bytes of UTF-8."""

import codecs
import re

_SURROGATE = re.compile("[\ud800-\udfff]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_BYTES = re.compile("[\udc80-\udcff]+")
_ALL_BYTES = "".join(map(chr, range(0xDC80, 0xDD00)))
_REPLACEMENT = "\ufffd"
_decoder = codecs.getincrementaldecoder("utf-8")


class Joiner:
    """Joins split characters; what never becomes one is U+FFFD.

    Bytes that were not UTF-8 are expected as U+DC80 to U+DCFF (PEP 383).
    """

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> str:
        """Return the text without a half character at its end, which waits for the next text."""
        if self._rest:
            text, self._rest = self._rest + text, ""
        if not _SURROGATE.search(text):
            return text
        cut = len(text) - _half(text)
        text, self._rest = text[:cut], text[cut:]
        return _joined(text)

    def end(self) -> str:
        """Return what still waits."""
        rest, self._rest = self._rest, ""
        return _joined(rest)


def _half(text: str) -> int:
    """Return how many characters at the end of ``text`` begin one that is not complete."""
    if text[-1:] and "\ud800" <= text[-1] <= "\udbff":
        return 1
    run = text[len(text.rstrip(_ALL_BYTES)) :]
    decoder = _decoder("replace")
    decoder.decode(run.encode("utf-8", "surrogateescape"))
    return len(decoder.getstate()[0])


def _joined(text: str) -> str:
    text = _PAIR.sub(lambda pair: pair.group().encode("utf-16", "surrogatepass").decode("utf-16"), text)
    text = _BYTES.sub(_decoded, text)
    text = _PAIR.sub(lambda pair: pair.group().encode("utf-16", "surrogatepass").decode("utf-16"), text)
    return _SURROGATE.sub(_REPLACEMENT, text)


def _decoded(found: re.Match[str]) -> str:
    data = found.group().encode("utf-8", "surrogateescape")
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")
