"""Which kind of report a document is, and which kind a question asks for."""

import re

ANNUAL, QUARTERLY, CURRENT, EARNINGS, PROXY, INTERIM, OTHER = (
    "annual report", "quarterly report", "current report", "earnings release", "proxy statement", "interim report", "document",
)  # fmt: skip
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (QUARTERLY, re.compile(r"10-?\s?q|quarterly report", re.I)),
    (ANNUAL, re.compile(r"10-?\s?k|20-?\s?f|40-?\s?f|annual|integrated report|universal registration", re.I)),
    (CURRENT, re.compile(r"(?<!\d)[86]-?\s?k(?![a-z])|current report", re.I)),
    (PROXY, re.compile(r"proxy|def\s?14a|notice of", re.I)),
    (EARNINGS, re.compile(r"earnings|press release|results", re.I)),
    (INTERIM, re.compile(r"interim|half[- ]?year|h[12]\b", re.I)),
)
_CUES: tuple[tuple[str, re.Pattern[str], float], ...] = (
    (ANNUAL, re.compile(r"\b(?:10-?\s?k|20-?f|annual (?:report|filing))\b", re.I), 6.0),
    (QUARTERLY, re.compile(r"\b(?:10-?\s?q|quarterly (?:report|filing))\b", re.I), 6.0),
    (CURRENT, re.compile(r"\b8-?\s?k\b|\bcurrent report\b", re.I), 8.0),
    (EARNINGS, re.compile(r"\bearnings (?:release|announcement|report|call|press)|press release|\bresults (?:release|announcement)", re.I), 6.0),
    (PROXY, re.compile(r"\bproxy\b|annual (?:general )?meeting|executive compensation|\bagm\b", re.I), 4.0),
    (INTERIM, re.compile(r"\binterim (?:report|results)|half[- ]year", re.I), 6.0),
    (EARNINGS, re.compile(r"non-?\s?gaap|adjusted\b|constant currency|\bguidance\b|\boutlook\b|exclud\w{1,12} .{0,60}(?:fx|currenc|foreign exchange|one-off)", re.I), 3.0),
    (CURRENT, re.compile(r"nominees?\b|\bvot(?:es?|ed|ing)\b|\bagenda\b|\bappoint\w*|\bresign\w*|\bnew (?:ceo|cfo|chief|director|president)|step(?:s|ped|ping)? down", re.I), 4.0),
)  # fmt: skip


def kind_of(text: str) -> str:
    """Return the kind that a document type or a file name stands for; empty when it says nothing."""
    return next((name for name, pattern in _KINDS if pattern.search(text)), "")


def kind_cues(question: str) -> dict[str, float]:
    """Return the kinds of report that a question speaks of, each with its points."""
    cues: dict[str, float] = {}
    for kind, pattern, points in _CUES:
        if pattern.search(question):
            cues[kind] = max(points, cues.get(kind, 0.0))
    return cues
