"""Which companies a question speaks of, by names generated from the catalog: aliases, abbreviations and near spellings."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import Indel

from jacie_flask.text.lexicon import ACRONYMS, INSTRUCTION_WORDS, METRIC_POINTERS
from jacie_flask.text.terms import STOP_WORDS, word_set

_WORD = re.compile(r"[^\W_]+(?:&[^\W_]+)*")
_LEGAL = word_set(
    """
    inc incorporated corp corporation co company companies plc ltd limited llc lp nv sa ag se gmbh the and of group holdings
    holding international
    """
)
_GENERIC = word_set(
    """
    american general national united first international global bank financial capital health energy us north south east west
    new best home public royal standard southern northern western eastern pacific atlantic central federal industrial
    industries systems technologies technology services resources materials foods food beauty motors airlines group partners
    brands media digital data foot block square target gap visa apple shell key ally unity match snap zoom chase life
    insurance water power electric gas oil steel air lines express mills stores retail solutions products advanced applied
    universal union trust realty properties care consumer medical pharma pharmaceuticals labs laboratories devices instruments
    networks software entertainment communications interactive platforms sciences scientific dynamics works body bath big five
    dollar general estate old dominion state street city republic waste
    """
)
_FILE_NOISE = re.compile(
    r"(?:19|20)\d\d.*$|\b(?:10-?[kq]|8-?k|20-?f|annual|report|earnings|results|q[1-4]|fy\d*|final|form)\b.*$", re.I
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|[\W_]+")
_PROPER = re.compile(r"(?<![“\"'(])\b([A-Z][A-Z&]{0,60}[a-z][A-Za-z&]*|[A-Z]{3,5})(?:['’]s)?\b")
_CAPITALS = re.compile(r"(?<![\w&])[A-Z][A-Za-z&.]{0,3}[A-Z&](?![\w&])")
_FUZZY, _FUZZY_IN_LOWER_CASE, _SHORTENED = 0.84, 0.88, 0.96


_COMMON_PROPER = word_set(
    """
    january february march april may june july august september october november december fiscal gaap non-gaap usd ceo board
    directors company item form note notes america americas europe asia china india japan germany france britain kingdom
    states united canada mexico it let today company brazil russia ukraine africa latin pacific middle east north south west english i federal
    reserve treasury board annual report chief executive officer chairman president covid covid-19 brexit libor sofr emea apac
    """
)
_NO_NAME = ACRONYMS | INSTRUCTION_WORDS | STOP_WORDS | _COMMON_PROPER
_LINE_ITEMS = frozenset(" ".join(pointer.words for pointer in METRIC_POINTERS).split())
_BEFORE_NAME = re.compile(r"\b(?:for|of|at|by|does|did|is|was|has|about|with|than|and|vs\.?)\s+$")


@dataclass(frozen=True)
class Mention:
    """A company that a question names: the catalog's name, where in the text, how surely (0-1), by what, and whether that is misspelt."""

    company: str
    start: int
    end: int
    strength: float
    written: str
    misspelt: bool = False


class CompanyNames:
    """The names under which the companies of one catalog may be asked for."""

    def __init__(self, companies: Mapping[str, Sequence[str]]) -> None:
        """Generate the names of each company from its own and its known aliases."""
        self.companies = tuple(companies)
        self._names: dict[str, dict[str, float]] = {}
        firsts = Counter(word for words in map(_words, companies) for word in set(words))
        for company, aliases in companies.items():
            for name in (company, *aliases):
                for written, strength in _aliases(name, firsts).items():
                    known = self._names.setdefault(written, {})
                    known[company] = max(known.get(company, 0.0), strength)
        self._add_shortened(companies)
        self._longest = max((len(name.split()) for name in self._names), default=1)
        self._by_letter: dict[str, list[str]] = {}
        self._whole_by_letter: dict[str, list[str]] = {}
        for name, known in self._names.items():
            if len(name) >= 5:
                self._whole_by_letter.setdefault(name[0], []).append(name)
            if len(name) >= 5 and name.isalpha() and max(known.values()) >= 0.9 and name not in _GENERIC:
                self._by_letter.setdefault(name[0], []).append(name)
        self._squashed = {company: "".join(_words(company)) for company in companies}
        self._initials = {company: _initials(company) for company in companies}

    def _add_shortened(self, companies: Iterable[str]) -> None:
        """Let a whole name stand for the longer names that begin with it as well."""
        names = {company: _words(company) for company in companies}
        whole = {" ".join(words) for words in names.values()}
        for company, words in names.items():
            for size in range(1, len(words)):
                shorter = " ".join(words[:size])
                if shorter in whole:
                    self._names[shorter].setdefault(company, _SHORTENED)

    def mentions(self, text: str) -> list[Mention]:
        """Return the companies that a text names, each once, in the order of the text."""
        words = [(match.group().lower(), match.start(), match.end()) for match in _WORD.finditer(text)]
        found = self._exact(text, words)
        if not found:
            found = self._abbreviated(text) or self._near(text, words) or self._near_in_lower_case(text, words)
        best: dict[str, Mention] = {}
        for mention in found:
            held = best.get(mention.company)
            if held is None or mention.strength > held.strength:
                best[mention.company] = mention
        return sorted(best.values(), key=lambda mention: mention.start)

    def spans(self, text: str, mentions: Sequence[Mention]) -> list[tuple[int, int]]:
        """Return every place where the mentioned companies stand in a text."""
        wanted = {mention.company for mention in mentions}
        words = [(match.group().lower(), match.start(), match.end()) for match in _WORD.finditer(text)]
        found = [mention for mention in self._exact(text, words) if mention.company in wanted]
        return sorted({(mention.start, mention.end) for mention in (*found, *mentions)})

    def _exact(self, text: str, words: Sequence[tuple[str, int, int]]) -> list[Mention]:
        """Match runs of words with generated names, longest first and without overlaps."""
        found: list[Mention] = []
        position = 0
        while position < len(words):
            for size in range(min(self._longest, len(words) - position), 0, -1):
                run = words[position : position + size]
                start, end = run[0][1], run[-1][2]
                known = self._names.get(" ".join(word for word, _, _ in run))
                if known is None and size > 1:
                    known = self._names.get("".join(word for word, _, _ in run))
                if known and (len(run[0][0]) > 1 or size > 1) and _written_as_name(text[start:end], max(known.values())):
                    top = max(known.values())
                    found += [Mention(name, start, end, s, text[start:end]) for name, s in known.items() if s >= top - 0.05]
                    position += size - 1
                    break
            position += 1
        return found

    def _abbreviated(self, text: str) -> list[Mention]:
        """Match short words in capitals: a company's initials, or letters that run through its name from the first one on."""
        found: list[Mention] = []
        for match in _CAPITALS.finditer(text):
            written = match.group()
            letters = re.sub(r"[&.]|(?<=[A-Z])n(?=[A-Z])", "", written).lower()
            if written.lower() in ACRONYMS or letters in ACRONYMS or sum(map(str.isupper, written)) < 2:
                continue
            holders = [company for company, initials in self._initials.items() if letters in initials]
            if not holders and len(letters) >= 3:
                holders = [company for company, whole in self._squashed.items() if _runs_through(letters, whole)]
                holders = [one for one in holders if self._squashed[one].startswith(letters)] or holders
            if 0 < len(holders) <= 3:
                found += [Mention(one, match.start(), match.end(), 0.75, written) for one in holders]
        return found

    def _near(self, text: str, words: Sequence[tuple[str, int, int]]) -> list[Mention]:
        """Match misspelt names: one or two words that differ from a whole name in a letter or two."""
        found: list[Mention] = []
        for size in (2, 1):
            for position in range(len(words) - size + 1):
                run = words[position : position + size]
                written = " ".join(word for word, _, _ in run)
                if len(written) < 5 or all(word in STOP_WORDS or word in INSTRUCTION_WORDS for word, _, _ in run):
                    continue
                candidates = self._whole_by_letter.get(written[0], ())
                if candidates and _written_as_name(text[run[0][1] : run[-1][2]], 0.8):
                    for name, _ in _alike(written, candidates, _FUZZY):
                        found += self._misspelt(name, text, run[0][1], run[-1][2])
        return found

    def _near_in_lower_case(self, text: str, words: Sequence[tuple[str, int, int]]) -> list[Mention]:
        """Match the one word that comes nearest to a name, by a letter or two inside it: what ends otherwise is another word."""
        likeness: dict[tuple[int, int, str], float] = {}
        for written, start, end in words:
            if len(written) < 5 or not written.isalpha() or written in _NO_NAME or written in _GENERIC or written in _LINE_ITEMS:
                continue
            for name, ratio in _alike(written, self._by_letter.get(written[0], ()), _FUZZY_IN_LOWER_CASE):
                if not name.startswith(written) and not written.startswith(name):
                    likeness[start, end, name] = ratio
        if not likeness:
            return []
        start, end, name = max(likeness, key=lambda place: likeness[place])
        return self._misspelt(name, text, start, end)

    def _misspelt(self, name: str, text: str, start: int, end: int) -> list[Mention]:
        """Return a mention of each company of a name that is written differently."""
        written = text[start:end]
        other = "".join(_words(written)).rstrip("s") != "".join(_words(name)).rstrip("s")
        return [Mention(company, start, end, 0.7 * s, written, other) for company, s in self._names[name].items()]


def strangers(text: str, mentions: Sequence[Mention]) -> list[str]:
    """Return words that look like names of companies but belong to none of the mentioned ones."""
    taken = [(mention.start, mention.end) for mention in mentions]
    found: list[str] = []
    for match in _PROPER.finditer(text):
        word = match.group(1).lower()
        if word in _NO_NAME or any(start <= match.start() < end for start, end in taken):
            continue
        if match.group().endswith(("'s", "’s")) or _BEFORE_NAME.search(text[: match.start()]):
            found.append(match.group(1))
    return list(dict.fromkeys(found))


def company_in_filename(filename: str) -> str:
    """Return what a file name says of the company, before its year, quarter or kind; a name without these is a title."""
    stem = re.sub(r"[_\-.]+", " ", re.sub(r"\.[A-Za-z0-9]{2,5}$", "", filename))
    name, cuts = _FILE_NOISE.subn("", stem)
    name = name.strip() if cuts else ""
    return name if re.search(r"[A-Za-z]{2}|[A-Za-z]\d|\d[A-Za-z]", name) else ""


@lru_cache(maxsize=20_000)
def _words(name: str) -> tuple[str, ...]:
    """Return the words of a name, lower case, without its legal form."""
    words = tuple(word.lower() for word in _WORD.findall(name.replace("'", "").replace("’", "")))
    shorter = tuple(word for word in words if word not in _LEGAL)
    return shorter or words


def _initials(name: str) -> set[str]:
    """Return the first letters of a name's words, with and without its small words and legal form."""
    whole = [word.lower() for word in _WORD.findall(name)]
    parts = [part.lower() for part in _CAMEL.split(name) if part]
    found = {"".join(word[0] for word in words) for words in (_words(name), whole, parts) if len(words) > 1}
    return {initials for initials in found if len(initials) > 1}


def _aliases(name: str, firsts: Counter[str]) -> dict[str, float]:
    """Return the ways to write one name, lower case, each with how surely it means this company."""
    whole = [word.lower() for word in _WORD.findall(name)]
    words = _words(name)
    if not words:
        return {}
    made = {" ".join(whole): 1.0, " ".join(words): 1.0, "".join(words): 1.0}
    possessive = [word for word in words if word != "s"]
    made[" ".join(possessive)] = 1.0
    parts = [part.lower() for part in _CAMEL.split(name) if part and part.lower() not in _LEGAL]
    if len(parts) > 1 or len(words) > 1:
        initials = "".join(part[0] for part in (words if len(words) > 1 else parts))
        if len(initials) >= 3 and initials not in ACRONYMS:
            made.setdefault(initials, 0.9)
        if words[0] not in _GENERIC and len(words[0]) >= 4 and firsts[words[0]] == 1 and words[0] not in STOP_WORDS:
            made.setdefault(words[0], 0.9)
        for word in words[1:]:
            if word not in _GENERIC and len(word) >= 5 and firsts[word] == 1:
                made.setdefault(word, 0.85)
        syllables = [part[:2] for part in words[:2]]
        if len(words) > 1 and len("".join(syllables)) == 4:
            made.setdefault("".join(syllables), 0.8)
        for size in range(2, len(words)):
            made.setdefault(" ".join(words[:size]), 0.95)
    return {written: strength for written, strength in made.items() if len(written) > 1 and written not in ACRONYMS}


def _written_as_name(written: str, strength: float) -> bool:
    """Say whether a run of words stands there as a name: common words only count when they are capitalised."""
    word = written.lower()
    if word in _GENERIC or word in STOP_WORDS or word in INSTRUCTION_WORDS or strength < 0.9:
        return written[:1].isupper() or written[:1].isdigit()
    return True


def _alike(written: str, names: Sequence[str], least: float) -> list[tuple[str, float]]:
    """Return the names that differ from a word by at most two letters in length, and their likeness of at least ``least``."""
    near = [name for name in names if abs(len(name) - len(written)) <= 2]
    found = process.extract(written, near, scorer=Indel.normalized_similarity, score_cutoff=least, limit=None)
    return sorted(((name, ratio) for name, ratio, _ in found), key=lambda pair: near.index(pair[0]))


def _runs_through(letters: str, whole: str) -> bool:
    """Say whether letters occur in this order in a name, from its first letter on."""
    if not whole or letters[0] != whole[0]:
        return False
    place = 0
    for letter in letters:
        place = whole.find(letter, place) + 1
        if place == 0:
            return False
    return True
