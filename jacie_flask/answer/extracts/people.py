"""People with their office: who has one according to the pages, from lists of officers, signatures and sentences."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from jacie_flask.text.terms import word_set
from jacie_flask.text.wordforms import word_data

_BEFORE = 110
_NAME_WORD = re.compile(r"[A-Z][\w'’-]*\.?|van|von|de|der|den|ter|da|di|la|le|du|bin|al|el")
_PARTICLES = frozenset(["van", "von", "de", "der", "den", "ter", "da", "di", "la", "le", "du", "bin", "al", "el"])
_TITLES = word_set(
    """
    and our the as is was executive senior vice president chief chairman chairwoman chair director founder co-founder interim global group company's company’s
    name title officer board of member elected appointed named currently serves serving financial operating & – —
    """
)
_AGE = re.compile(r"\(?\d{2}\)?")
_PAST = re.compile(
    r"\b(?:former|formerly|previously|previous|served|retired|until|prior|then|succeed\w*|resign\w*|predecessor)\b", re.IGNORECASE
)
_ELSEWHERE = re.compile(
    r"(?:\s+(?:and\s+[\w ]{0,20})?of\s+(?!the\s+(?i:company|board|group|registrant))|,\s+(?!effective|executive|and|director|principal|chair|who|the|our|president)[A-Z])"
)
_NEXT_COLUMN = re.compile(r"[ \t]+(?:Chief|President|Director|Executive Vice|Senior Vice|Chairman)\b")
"""Two people side by side: which office is whose cannot be told."""
_NO_NAME = frozenset(
    [
        "the",
        "our",
        "company",
        "board",
        "inc",
        "corp",
        "corporation",
        "ltd",
        "plc",
        "chief",
        "executive",
        "officer",
        "officers",
        "director",
        "directors",
        "president",
        "vice",
        "senior",
        "chair",
        "chairman",
        "signature",
        "title",
        "name",
        "position",
        "principal",
        "date",
        "form",
        "annual",
        "report",
        "by",
        "its",
        "registrant",
        "pursuant",
        "compensation",
        "committee",
        "agreement",
        "plan",
        "section",
        "exhibit",
        "and",
        "information",
        "independent",
        "non",
        "ceo",
        "cfo",
        "certification",
        "letter",
        "shareholders",
        "dear",
        "statement",
        "item",
        "part",
        "financial",
        "operating",
        "general",
        "our",
        "we",
        "new",
        "role",
        "age",
        "current",
        "held",
        "since",
        "january",
        "february",
        "march",
        "april",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ]
)


_FIRM = re.compile(r"/s/[ \t]*([A-Z][^\n/]{2,60}?(?:LLP|L\.L\.P\.|LLC|AG|GmbH|Limited|Ltd|S\.A\.|N\.V\.|P\.C\.))")
_AUDIT = re.compile(r"\b(?:auditor|public accounting firm|audit)", re.IGNORECASE)


def auditor_of(pages: Sequence[tuple[int, str, int]]) -> tuple[str, int] | None:
    """Return the firm that signed the auditor's report of the newest year, and the number of the page."""
    for number, text, _ in sorted(pages, key=lambda page: -page[2]):
        if _AUDIT.search(text) and (match := _FIRM.search(text)):
            return " ".join(match[1].split()), number
    return None


def role_of(question: str) -> str:
    """Return the office that a question names, as roles of wordforms.toml call it; "" where it names none or more than the office."""
    lower = question.lower()
    for role, spellings in word_data()["roles"].items():
        if any(re.search(rf"\b{re.escape(spelling)}\b", lower) for spelling in spellings):
            return str(role)
    return ""


def holder_of(role: str, pages: Sequence[tuple[int, str, int]]) -> tuple[str, int] | None:
    """Return who has an office and the number of the page that says so; None where the pages name nobody, or two people as often.

    ``pages`` are (number, text, year); those of the newest year decide: an office may have changed since the others.
    """
    spellings = word_data()["roles"][role]
    by_year: dict[int, list[tuple[str, int]]] = {}
    for number, text, year in pages:
        by_year.setdefault(year, []).extend((name, number) for name in _holders(text, spellings))
    newest = max(by_year, default=0)
    counted = Counter(_key(name) for name, _ in by_year.get(newest, ())).most_common(2)
    if not counted or (len(counted) > 1 and counted[0][1] == counted[1][1]):
        return None
    best = [(name, number) for name, number in by_year[newest] if _key(name) == counted[0][0]]
    return max(best, key=lambda one: len(one[0]))[0], best[0][1]


def _key(name: str) -> str:
    """Return what is the same in the spellings of a name: its first letter and its last word."""
    return f"{name[0]} {name.split()[-1]}".lower()


def _holders(text: str, spellings: Sequence[str]) -> Iterator[str]:
    """Yield the name before each mention of an office."""
    pattern = re.compile("|".join(rf"\b{re.escape(one)}\b" for one in sorted(spellings, key=len, reverse=True)), re.IGNORECASE)
    for match in pattern.finditer(text):
        if _ELSEWHERE.match(text[match.end() : match.end() + 40]) or _NEXT_COLUMN.match(text, match.end()):
            continue
        before = text[max(0, match.start() - _BEFORE) : match.start()]
        name = _name_at_end(before)
        if name:
            yield name


def _name_at_end(text: str) -> str:
    """Return the name that ends a text, titles behind it left out; "" where there is none, or where it is said of the past."""
    lines = [line.split() for line in text.split("\n")]
    said: list[str] = []
    while lines and (not lines[-1] or _is_title(lines[-1][-1])):
        said += [lines[-1].pop()] if lines[-1] else []
        if not lines[-1]:
            lines.pop()
    if not lines or _PAST.search(" ".join(said)):
        return ""
    rest = lines[-1][:-1] if _AGE.fullmatch(lines[-1][-1].strip(",")) else lines[-1]
    words: list[str] = []
    for word in reversed(rest[-5:]):
        plain = word.strip(",()")
        if not _NAME_WORD.fullmatch(plain) or plain.lower().strip(".") in _NO_NAME or (words and word.endswith(",")):
            break
        words.insert(0, plain)
    while words and words[0] in _PARTICLES:
        words.pop(0)
    if len(words) == 5 < len(rest):
        return ""
    if not 2 <= len(words) <= 5 or len(words[-1].strip(".")) < 2 or _PAST.search(" ".join(rest[-8:])):
        return ""
    name = " ".join(words)
    return name.title() if name.isupper() else name


def _is_title(word: str) -> bool:
    return word.lower().strip(",(") in _TITLES or not word.strip(",(")
