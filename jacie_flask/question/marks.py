"""A question marked up: which tokens name companies, periods, wishes, measures, operators, statements, and which are only manner."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from jacie_flask.question.periods import Period, periods
from jacie_flask.question.plan import Wishes
from jacie_flask.question.spelling import corrected
from jacie_flask.question.tokens import Token, tokenize
from jacie_flask.question.vocabulary import Trie, vocabulary
from jacie_flask.question.wishes import wishes

_MEANINGFUL = frozenset("%$€£¥₦₹+*/×÷=<>≥≤≠~^@#")
_BLOT = "█"
_MOST_PERIODS = 40
"""Further ones stay unexplained."""


@dataclass(frozen=True)
class NamedCompany:
    """A company as a text names it: its name in the catalog, and from where to where it is written."""

    company: str
    start: int
    end: int


NameFinder = Callable[[str], Sequence[NamedCompany]]


@dataclass(frozen=True, eq=False)
class Mark:
    """Tokens ``first`` to ``last`` (excluded) with what they mean, by kind. No meaning: a word or sign that is not known."""

    first: int
    last: int
    meanings: dict[str, str]
    period: Period | None = None
    company: str = ""

    def has(self, *kinds: str) -> bool:
        """Say whether the tokens have one of these meanings."""
        return any(kind in self.meanings for kind in kinds)

    @property
    def measure(self) -> bool:
        """Whether the tokens name a line item or a formula."""
        return "concept" in self.meanings or "formula" in self.meanings

    @property
    def points(self) -> bool:
        """Whether the tokens name a statement."""
        return any(kind.startswith("statement") for kind in self.meanings)

    @property
    def operators(self) -> list[str]:
        """The operators that the tokens may ask for."""
        return [kind.partition(":")[2] for kind in self.meanings if kind.startswith("operator:")]


@dataclass
class Marked:
    """A text with its tokens, its marks in order, its wishes, which tokens are explained so far, and other names of companies."""

    text: str
    tokens: tuple[Token, ...]
    marks: list[Mark]
    wishes: Wishes
    explained: set[int] = field(default_factory=set)
    aliases: list[str] = field(default_factory=list)

    def explain(self, *marks: Mark) -> None:
        """Note that the tokens of marks are explained."""
        for mark in marks:
            self.explained.update(range(mark.first, mark.last))

    def sign(self, mark: Mark) -> bool:
        """Say whether a mark is a punctuation mark, which has no content."""
        token = self.tokens[mark.first]
        return mark.last == mark.first + 1 and not token.word and token.text not in _MEANINGFUL

    def settled(self, mark: Mark) -> bool:
        """Say whether a mark was explained as an instruction, a definition or a name: words of a measure are none of these."""
        return mark.first in self.explained and not mark.measure

    def words(self, first: int, last: int) -> str:
        """Return the text from one token to another (excluded)."""
        return self.text[self.tokens[first].start : self.tokens[last - 1].end] if first < last else ""

    def open_marks(self) -> list[Mark]:
        """Return the marks of which no token is explained yet."""
        return [mark for mark in self.marks if mark.first not in self.explained]


def marked(text: str, find_names: NameFinder) -> Marked:
    """Mark up a text."""
    names = find_names(text)
    tokens = corrected(tokenize(text), [(name.start, name.end) for name in names])
    fixed: list[tuple[int, int, Mark]] = []
    for name in names:
        _fix(fixed, tokens, name.start, name.end, company=name.company)
    rest = _without_names(text, names)
    wish, written = wishes(rest)
    for start, end in written:
        _fix(fixed, tokens, start, end, kind="wish")
    for period in periods(rest)[:_MOST_PERIODS]:
        _fix(fixed, tokens, period.start, period.end, period=period)
    return Marked(text, tokens, phrases(tokens, vocabulary().asking, 0, len(tokens), [mark for _, _, mark in fixed]), wish)


def _without_names(text: str, names: Sequence[NamedCompany]) -> str:
    """Return a text of the same length in which names are blotted out: "3M" is no number of months."""
    for name in names:
        text = text[: name.start] + _BLOT * (name.end - name.start) + text[name.end :]
    return text


def _fix(
    fixed: list[tuple[int, int, Mark]],
    tokens: Sequence[Token],
    start: int,
    end: int,
    *,
    kind: str = "",
    company: str = "",
    period: Period | None = None,
) -> None:
    """Add a mark for a range of the text, unless it overlaps an earlier one."""
    if any(start < other_end and other_start < end for other_start, other_end, _ in fixed):
        return
    inside = [position for position, token in enumerate(tokens) if token.start < end and token.end > start]
    if inside:
        meaning = kind or ("company" if company else "period")
        fixed.append((start, end, Mark(inside[0], inside[-1] + 1, {meaning: meaning}, period, company)))


def phrases(tokens: Sequence[Token], trie: Trie, first: int, last: int, fixed: Sequence[Mark] = ()) -> list[Mark]:
    """Mark tokens ``first`` to ``last`` by the longest phrases of a trie, around marks that are fixed."""
    by_first = {mark.first: mark for mark in fixed}
    limits = sorted(by_first)
    found: list[Mark] = []
    position = first
    while position < last:
        if position in by_first:
            found.append(by_first[position])
            position = by_first[position].last
            continue
        stop = next((limit for limit in limits if limit > position), last)
        end, meanings = trie.longest(tokens, position, min(stop, last))
        found.append(Mark(position, max(end, position + 1), meanings))
        position = max(end, position + 1)
    return found
