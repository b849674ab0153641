"""Rows and sentences of the pages, which fit a question best, and what each of them holds."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from jacie_flask.chat.asking import asks_for_reasons
from jacie_flask.chat.citations import Evidence, sentences
from jacie_flask.text import figures
from jacie_flask.text.lexicon import without_statements
from jacie_flask.text.terms import is_number, term_counts, term_ids

_ADDED = 0.6  # words that pages use for what was asked count less here: a row that has the asked word itself comes first
_QUOTE_CHARS = 360
_HEADING_CHARS, _HEADINGS_CHARS = 70, 140
_PAGE_NUMBER = re.compile(r"(?<=[^\W\d_])[ \t]*\r?\n[ \t]*\d{1,3}\Z")  # below words: below figures it may be one of them
_YEARS = re.compile(r"(?:(?:19|20)\d\d ?)+")
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_HEADING = re.compile(
    r"\b(?:19|20)\d\d\b\D{1,24}\b(?:19|20)\d\d\b|\b(?:millions|thousands|billions)\b"
    rf"|^(?=.*\b(?:ended|{_MONTHS})\b)"
    rf"(?:(?:for|the|and|as|of|at|three|six|nine|twelve|months?|years?|quarters?|ended|{_MONTHS}|\d{{1,4}})\b\W*)+$",
    re.IGNORECASE,
)
_QUARTER = re.compile(r"quarter|(?<![a-z])q[1-4](?!\d)|\bthree months\b", re.IGNORECASE)
_HALF = re.compile(r"\b(?:six|nine) months\b|\bhalf\b|\bh[12]\b", re.IGNORECASE)
_WHOLE_YEAR = re.compile(r"\btwelve months\b|\byears? ended\b", re.IGNORECASE)
_OTHER_SPAN = 0.6
_SPEAKS, _WORDS_ENOUGH = 0.25, 4.0  # of the weight of its words a unit must hold so much, of at most so many
_PROFIT = re.compile(r"\b(?:profit|income|earnings|loss)\b", re.IGNORECASE)
_NOT_NET = re.compile(r"\bgross\b|\boperating\b|\bcomprehensive\b|\bbefore\b.{0,20}\btax|\bpre-?tax", re.IGNORECASE)
_OTHER_PROFIT, _OTHER_YEARS = 0.7, 0.95
_CENTS = re.compile(r"\d[.,]\d")
_WORD = re.compile(r"[^\W\d_]{2,}")
_CELL = re.compile(r"[($€£¥+\-–−]*\d[\d,.]*%?\)?,?|[($€£¥)%–—−-]+|pp|R")
_BRACKET = re.compile(r"[()]")
_SPACES = re.compile(r"\s+")
_WHEN = frozenset(term_ids("year quarter month period end ended beginning"))
_CAUSE = re.compile(
    r"\bbecause\b|\bdue to\b|\bdriven\b|\bmainly\b|\bprimarily\b|\breflect|\bas a result\b|\bowing to\b", re.IGNORECASE
)


@dataclass(frozen=True)
class _Asked:
    """What a question wants of a unit: weighted terms, all its words, a cause, a "quarter" or a "year", the years, the net profit."""

    weights: Mapping[int, float] = field(default_factory=dict)
    words: frozenset[int] = frozenset()
    causal: bool = False
    span: str = ""
    years: frozenset[int] = frozenset()
    net: bool = False


@dataclass(frozen=True)
class Unit:
    """A row of a table under the heading of its columns, or a sentence of prose, and how well it fits the question."""

    text: str
    heading: str
    item: Evidence
    amounts: list[figures.Figure]
    terms: frozenset[int]
    score: float

    def quote(self, *, named: bool = False) -> str:
        """Return the unit as a quote with its source, with the name of its company where several are ``named``."""
        text = self.text.replace("“", "'").replace("”", "'")
        source = self.item.source
        name = f"{source.company} {source.period}: ".lstrip() if named and source.company else ""
        columns = "; ".join(filter(None, map(str.strip, _BRACKET.split(self.heading))))
        return " ".join(filter(None, (f"{name}“{text[:_QUOTE_CHARS]}”", f"({columns})" if columns else "", f"[{source.n}]")))

    def share(self, claim: str) -> float:
        """Return which share of a sentence's terms the unit has."""
        words = term_counts(claim)
        return sum(word in self.terms for word in words) / max(1, len(words))

    def holds(self, amounts: Sequence[figures.Figure], years: Sequence[int]) -> bool:
        """Say whether the unit has every amount as it is, in the column of the one year that is spoken of.

        An amount in brackets is negative there, and a sentence drops the sign: it does not count.
        """
        held = self.amounts
        columns = years_in(self.heading)
        if len(years) == 1 and years[0] in columns and len(held) >= len(columns):
            held = _column(held, columns.index(years[0]), len(columns))
        return all(figures.stands_in(amount, held) and f"({amount.text})" not in self.text for amount in amounts)


def rank_units(question: str, terms: Mapping[int, float], evidence: Sequence[Evidence]) -> list[Unit]:
    """Return rows and sentences that speak of what was asked, best first; earlier pages win between equals.

    A question for reasons prefers sentences that give one; any other is answered by units that hold an amount.
    """
    weights = {term: weight if weight >= 1.0 else _ADDED * weight for term, weight in _of_rows(question, terms).items()}
    words = frozenset(term_counts(question)) | frozenset(terms)
    needed = _SPEAKS * min(_WORDS_ENOUGH, _weight(weights, weights, least=1.0))
    asked = _Asked(
        weights,
        words,
        asks_for_reasons(question),
        _span(question, bool(years_in(question))),
        frozenset(years_in(question)),
        _asks_for_net(question),
    )
    found = []
    for rank, item in enumerate(evidence):
        for text, heading in units(item.text):
            unit = _unit(text, heading, item, rank, asked)
            if unit.score > 0 and (unit.amounts or asked.causal) and _weight(weights, unit.terms) >= needed:
                found.append(unit)
    return sorted(found, key=lambda unit: -unit.score)


def _weight(weights: Mapping[int, float], held: Collection[int], least: float = 0.0) -> float:
    """Return the weight of the words that are held, years and other numbers left out."""
    return sum(weight for term, weight in weights.items() if weight >= least and term in held and not is_number(term))


def _of_rows(question: str, terms: Mapping[int, float]) -> Mapping[int, float]:
    """Return the terms without the name of the statement to look in, which no row of it has; a name alone stays."""
    rest, named = without_statements(question)
    where = term_counts(named).keys() - term_counts(rest).keys()
    of_rows = {term: weight for term, weight in terms.items() if term not in where}
    return of_rows if any(not is_number(term) for term in of_rows) else terms


def overview_units(evidence: Sequence[Evidence], most: int) -> list[Unit]:
    """Return the rows of the first ``most`` pages in their own order, the first of each page before the second of any."""
    pages: dict[str, list[Unit]] = {}
    for item in evidence:
        rows = [_unit(text, heading, item, 0, _Asked()) for text, heading in units(item.text) if is_row(text)]
        rows = [unit for unit in rows if unit.amounts]
        if len(rows) > 1:
            pages.setdefault(item.source.company or item.source.document_id, rows)
    chosen = list(pages.values())[:most]
    return [page[place] for place in range(max(map(len, chosen), default=0)) for page in chosen if place < len(page)]


def _unit(text: str, heading: str, item: Evidence, rank: int, asked: _Asked) -> Unit:
    score = line_score(text, asked.weights) / (1 + 0.15 * rank)
    row = is_row(text)
    if row:
        score *= 0.5 + 0.5 * _label_asked_for(text, asked.words)
        score *= _OTHER_PROFIT if asked.net and _NOT_NET.search(text) else 1.0
        score *= _OTHER_SPAN if {asked.span, _span(heading, False)} == {"quarter", "year"} else 1.0
    elif asked.years and not asked.causal and not asked.years & set(years_in(text) or asked.years):
        score *= _OTHER_YEARS
    if asked.causal:
        score *= 1.8 if _CAUSE.search(text) else 0.6
    return Unit(text, heading if row else "", item, amounts_in(text), frozenset(term_counts(text)), score)


def _asks_for_net(question: str) -> bool:
    """Say whether a question is for a profit that is not said to be that of operations, gross or before tax."""
    return bool(_PROFIT.search(question)) and not _NOT_NET.search(question)


def _span(text: str, of_a_year: bool) -> str:
    """Return "quarter" or "year", whichever alone a text speaks of, else ""; it may name a year that it is ``of``."""
    if _HALF.search(text):
        return ""
    quarter, year = bool(_QUARTER.search(text)), bool(_WHOLE_YEAR.search(text))
    if quarter != year:
        return "quarter" if quarter else "year"
    return "year" if of_a_year and not quarter else ""


def _column(held: list[figures.Figure], index: int, columns: int) -> list[figures.Figure]:
    """Return a row's amounts under one of its columns: several stand there when each year has columns of its own."""
    each, rest = divmod(len(held), columns)
    return held[index * each : (index + 1) * each] if each > 2 and not rest else held[index : index + 1]


def _label_asked_for(row: str, asked: frozenset[int]) -> float:
    """Return the share of a row's words that the question has: "gross profit" is not the profit that was asked for."""
    words = [term for term in term_counts(row) if not is_number(term) and term not in _WHEN]
    return sum(word in asked for word in words) / max(1, len(words))


def units(text: str) -> Iterator[tuple[str, str]]:
    """Yield (row, heading of its columns) for a page's tables and (sentence, "") for its prose, put together from its lines."""
    prose: list[str] = []
    heading, above = "", False
    for line in [*_PAGE_NUMBER.sub("", text.rstrip()).splitlines(), ""]:
        folded = _SPACES.sub(" ", line).strip()
        heads = names_columns(folded) or (above and bool(_YEARS.fullmatch(folded)))
        if heads or is_row(folded) or not folded:
            yield from ((sentence, "") for sentence in _sentences_of(prose))
            prose = []
            if heads:
                heading = f"{heading} {folded}"[:_HEADINGS_CHARS] if above else folded
            elif folded:
                yield folded, heading
        else:
            prose.append(folded)
        above = heads


def names_columns(line: str) -> bool:
    """Say whether a line is the heading of a table's columns."""
    return len(line) <= _HEADING_CHARS and bool(_HEADING.search(line)) and not _CENTS.search(line)


def _sentences_of(lines: list[str]) -> Iterator[str]:
    for sentence in sentences(" ".join(lines)):
        if len(sentence.strip()) > 1:
            yield sentence.strip()


def is_row(line: str) -> bool:
    """Say whether a line is a row of a table: a short label with nothing but figures after it."""
    tokens = line.split()
    label = len(tokens)
    while label and _CELL.fullmatch(tokens[label - 1]):
        label -= 1
    held = tokens[:label]
    return 0 < label < len(tokens) and len(held) <= 14 and bool(_WORD.search(" ".join(held))) and held[-1][-1] not in ".;"


def line_score(line: str, terms: Mapping[int, float]) -> float:
    """Return how much a line shares with weighted terms; long lines count a little less."""
    words = term_counts(line)
    shared = sum(weight for term, weight in terms.items() if term in words)
    return float(shared / (4 + len(words)) ** 0.5)


def amounts_in(text: str) -> list[figures.Figure]:
    """Return the figures of a text that are amounts."""
    return [figure for figure in figures.find(text) if _amount(figure)]


def years_in(text: str) -> list[int]:
    """Return the calendar and fiscal years that a text names, each once."""
    return list(dict.fromkeys(figures.years(text)))


def _amount(figure: figures.Figure) -> bool:
    """Days, notes and list numbers are no amounts."""
    return not figure.year and (figure.percent or figure.scale > 0 or figure.decimals > 0 or figure.value >= 100)
