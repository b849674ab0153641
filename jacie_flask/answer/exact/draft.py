"""An answer while it is written: its sentences, the pages that they cite in order of first use, and its calculations."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from jacie_flask.computation.amounts import Amount
from jacie_flask.computation.evaluation import Computed
from jacie_flask.computation.operands import Operand


@dataclass(frozen=True)
class Calculation:
    """A figure of the answer that stands on no page: as written, its value, and how it was computed."""

    text: str
    amount: Amount
    computed: Computed
    formula: str


@dataclass
class Draft:
    """Sentences with markers; ``pages`` are (document id, page) in the order of their numbers, from 1."""

    sentences: list[str] = field(default_factory=list)
    pages: list[tuple[str, int]] = field(default_factory=list)
    quotes: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    calculations: list[Calculation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    """The lines of a statement whose changes the answer names: the filing may give reasons for these."""

    def say(self, sentence: str) -> None:
        """Add a sentence, a table or a list as a paragraph of its own."""
        if sentence:
            self.sentences.append(sentence)

    def marks(self, operands: Iterable[Operand]) -> str:
        """Return the markers of the operands' pages, such as " [1][2]"."""
        numbers = dict.fromkeys(self.number(operand) for operand in operands)
        return " " + "".join(f"[{number}]" for number in numbers) if numbers else ""

    def number(self, operand: Operand) -> int:
        """Return the number of an operand's page, giving it the next one at its first use."""
        page = operand.document_id, operand.page
        if page not in self.pages:
            self.pages.append(page)
        quotes = self.quotes.setdefault(page, [])
        if operand.quote and operand.quote not in quotes:
            quotes.append(operand.quote)
        if operand.differs and operand.differs not in self.notes:
            self.notes.append(operand.differs)
        return self.pages.index(page) + 1

    def calculate(self, amount: Amount, computed: Computed, *, text: str = "", formula: str = "") -> str:
        """Note a computed figure and return its text; ``text`` is how the answer writes it where a word gives its direction."""
        written = text or amount.text
        self.calculations.append(Calculation(written, amount, computed, formula or computed.formula))
        return written

    @property
    def text(self) -> str:
        """The answer."""
        return "\n\n".join(self.sentences)
