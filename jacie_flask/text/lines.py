"""How page text is tidied before anything is read from it: plain spaces, and words that stand one a line joined again."""

from collections.abc import Sequence

_LONE_RUN = 4
_LONE_SHARE = 0.3
_HEAD = 15


def spaced(page: str) -> str:
    """Return a page with plain single spaces and without empty lines at its ends."""
    return "\n".join(_lines(page)).strip("\n")


def tidy(page: str) -> str:
    """Return a page as ``spaced`` does, and with lines joined that a layout tore into words."""
    lines = _lines(page)
    lone = [bool(line) and " " not in line and line[0].isalpha() for line in lines]
    if sum(lone) >= 20 and sum(lone) >= _LONE_SHARE * len(lines):
        lines = _joined(lines)
    elif sum(lone[:_HEAD]) >= 3:
        lines = _joined(lines[:_HEAD]) + lines[_HEAD:]
    return "\n".join(lines).strip("\n")


def _lines(page: str) -> list[str]:
    text = page.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").replace("\ufffe", "-")
    return [" ".join(line.split()) for line in text.split("\n")]


def _joined(lines: Sequence[str]) -> list[str]:
    """Join runs of lines that hold one word each; a run ends where a sentence, a title or a row of figures does."""
    joined: list[str] = []
    run: list[str] = []
    for line in (*lines, ""):
        if line and " " not in line and not line[-1].isdigit():
            run.append(line)
            if len(run) < _LONE_RUN * 5 and line[-1] not in ".:;":
                continue
            line = ""
        if len(run) >= 2:
            joined.append(" ".join(run))
        else:
            joined.extend(run)
        run = []
        if line:
            joined.append(line)
    return joined
