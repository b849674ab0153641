"""Expressions over line items: their values, the parser that formulas and spelt-out definitions share, and their dimensions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Span:
    """A period that a question names. ``kind``: "year", "quarter", "half", "months" (``months`` to date), "latest", "trailing", "date".

    ``year`` is the fiscal year (or the calendar year where the question says so), ``number`` the quarter or half within it,
    ``end`` an ISO date where the question gives one. "latest" is the newest period there is, or with ``number`` as many years
    before it; "trailing" are the newest ``months``.
    """

    kind: str
    year: int = 0
    number: int = 0
    months: int = 12
    end: str = ""


@dataclass(frozen=True)
class Item:
    """A line item: a concept's id, or the question's own words for a row (``phrase``) where no concept is meant.

    ``span`` fixes its period where the definition does ("FY2018 COGS"); None means the period that the plan computes for. The
    words of a ``phrase`` are explained by a row only: each of its content words must stand in the row's label or its headings.
    ``written`` is how the question names a concept: a row of just that name wins over another row of the concept.
    """

    concept: str = ""
    phrase: str = ""
    span: Span | None = None
    written: str = field(default="", compare=False)


@dataclass(frozen=True)
class Number:
    """A constant of a formula, such as 365."""

    value: float


@dataclass(frozen=True)
class Call:
    """An operation: "+", "-", "*", "/", "neg", "average" and "change" (of one argument over two periods), "max", "min", "abs".

    ``spans`` are the two periods of average or change where the definition names them; () means the period before and the period.
    """

    operator: str
    arguments: "tuple[Expression, ...]"
    spans: tuple[Span, ...] = ()


Expression = Item | Number | Call

FUNCTIONS = frozenset({"average", "change", "max", "min", "abs"})


class UnreadExpressionError(ValueError):
    """An expression that does not follow the grammar, or that adds what cannot be added; the text says what is wrong."""


@dataclass(frozen=True)
class Lexeme:
    """A symbol of an expression. ``kind``: "item" (``value`` is its expression), "operator", "function", "list" or "spans".

    "list" opens a sum, ratio or difference of two or more items joined by "and" or "to"; "spans" are the periods of what stands
    before them. Brackets, commas and joiners are operators.
    """

    kind: str
    text: str = ""
    value: "Expression | None" = None
    spans: tuple[Span, ...] = ()


USUAL = {"+": 1, "-": 1, "*": 2, "/": 2}
"""Multiplication before addition."""

SUMS_FIRST = {"+": 2, "-": 2, "*": 1, "/": 1}
"""As spoken: "A less B divided by C" divides the difference."""


def parse(lexemes: Sequence[Lexeme], dimension: Callable[[Item], "Dimension | None"]) -> Expression:
    """Read an expression in the one way that adds like to like: as written, else as spoken; raise UnreadExpressionError."""
    failure: UnreadExpressionError | None = None
    for powers in (USUAL, SUMS_FIRST):
        expression = _Parser(lexemes, powers).whole()
        try:
            dimension_of(expression, dimension)
        except UnreadExpressionError as error:
            failure = failure or error
        else:
            return expression
    raise failure or UnreadExpressionError("nothing to read")


class _Parser:
    """A precedence climber over lexemes."""

    def __init__(self, lexemes: Sequence[Lexeme], powers: Mapping[str, int]) -> None:
        self._lexemes = lexemes
        self._powers = powers
        self._position = 0

    def whole(self) -> Expression:
        """Read all lexemes as one expression."""
        expression = self._binary(1)
        if (rest := self._peek()) is not None:
            raise UnreadExpressionError(f"{rest.text or rest.kind!r} was not expected")
        return expression

    def _peek(self) -> Lexeme | None:
        return self._lexemes[self._position] if self._position < len(self._lexemes) else None

    def _take(self, *texts: str) -> bool:
        """Step over the next lexeme if it is one of these operators."""
        lexeme = self._peek()
        if lexeme is not None and lexeme.kind == "operator" and lexeme.text in texts:
            self._position += 1
            return True
        return False

    def _binary(self, least: int) -> Expression:
        left = self._unary()
        while (lexeme := self._peek()) is not None and lexeme.kind == "operator":
            power = self._powers.get(lexeme.text, 0)
            if power < least:
                break
            self._position += 1
            left = Call(lexeme.text, (left, self._binary(power + 1)))
        return left

    def _unary(self) -> Expression:
        if self._take("-"):
            return Call("neg", (self._unary(),))
        lexeme = self._peek()
        if lexeme is None:
            raise UnreadExpressionError("it ends too early")
        self._position += 1
        if lexeme.kind == "function":
            return self._function(lexeme.text)
        if lexeme.kind == "list":
            return self._list(lexeme.text)
        if lexeme.kind == "item" and lexeme.value is not None:
            return self._dated(lexeme.value)
        if lexeme.kind == "operator" and lexeme.text == "(":
            inner = self._binary(1)
            if not self._take(")"):
                raise UnreadExpressionError("a bracket is not closed")
            return self._dated(inner)
        raise UnreadExpressionError(f"{lexeme.text or lexeme.kind!r} was not expected")

    def _dated(self, expression: Expression) -> Expression:
        """Give an item the period that follows it."""
        lexeme = self._peek()
        if lexeme is None or lexeme.kind != "spans" or len(lexeme.spans) != 1:
            return expression
        self._position += 1
        return at(expression, lexeme.spans[0])

    def _function(self, name: str) -> Expression:
        if name in {"max", "min"}:
            return Call(name, self._arguments())
        argument = self._unary()
        lexeme = self._peek()
        spans: tuple[Span, ...] = ()
        if lexeme is not None and lexeme.kind == "spans":
            self._position += 1
            spans = lexeme.spans
            if len(spans) < 2:
                raise UnreadExpressionError(f"the {name} wants two periods")
        return Call(name, (argument,), spans)

    def _arguments(self) -> tuple[Expression, ...]:
        """Read "(A, B)"."""
        if not self._take("("):
            raise UnreadExpressionError("a bracket is missing")
        arguments = [self._binary(1)]
        while self._take(","):
            arguments.append(self._binary(1))
        if not self._take(")"):
            raise UnreadExpressionError("a bracket is not closed")
        return tuple(arguments)

    def _list(self, name: str) -> Expression:
        """Read "sum of A, B and C", "ratio of A to B" or "difference between A and B"."""
        parts = [self._unary()]
        while self._take("and", ",", "to"):
            self._take("and")
            parts.append(self._unary())
        if len(parts) < 2 or (name != "+" and len(parts) > 2):
            raise UnreadExpressionError("a sum, ratio or difference wants at least two parts")
        expression = parts[0]
        for part in parts[1:]:
            expression = Call(name, (expression, part))
        return expression


def at(expression: Expression, span: Span) -> Expression:
    """Return an expression whose undated items are of one period."""
    if isinstance(expression, Item):
        return expression if expression.span else replace(expression, span=span)
    if isinstance(expression, Call):
        return replace(expression, arguments=tuple(at(argument, span) for argument in expression.arguments))
    return expression


def items(expression: Expression) -> Iterator[Item]:
    """Yield the line items of an expression, from left to right."""
    if isinstance(expression, Item):
        yield expression
    elif isinstance(expression, Call):
        for argument in expression.arguments:
            yield from items(argument)


Dimension = tuple[int, int]
"""Powers of money and of shares: (1, 0) is an amount, (1, -1) an amount per share, (0, 0) a plain number."""

AMOUNT: Dimension = (1, 0)
PLAIN: Dimension = (0, 0)


def dimension_of(expression: Expression, dimension: Callable[[Item], Dimension | None]) -> Dimension | None:
    """Return the dimension of an expression, None where an item's is not known; raise UnreadExpressionError for unlike terms."""
    if isinstance(expression, Number):
        return PLAIN
    if isinstance(expression, Item):
        return dimension(expression)
    parts = [dimension_of(argument, dimension) for argument in expression.arguments]
    known = [part for part in parts if part is not None]
    if expression.operator in {"*", "/"}:
        if len(known) < len(parts):
            return None
        sign = 1 if expression.operator == "*" else -1
        return (known[0][0] + sign * known[1][0], known[0][1] + sign * known[1][1])
    if len(set(known)) > 1:
        raise UnreadExpressionError("it adds amounts to plain numbers")
    return known[0] if known else None
