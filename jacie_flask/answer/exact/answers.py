"""The exact answer: a complete plan computed over the books of its companies, or the reason why there is none."""

from collections.abc import Callable, Mapping, Sequence

from jacie_flask.answer.exact.absences import absent_line
from jacie_flask.answer.exact.draft import Draft
from jacie_flask.answer.exact.drivers import drivers
from jacie_flask.answer.exact.extremes import extreme, members
from jacie_flask.answer.exact.figures import Company, Request
from jacie_flask.answer.exact.filed_years import filed_years
from jacie_flask.answer.exact.highlights import highlights
from jacie_flask.answer.exact.operators import OPERATORS
from jacie_flask.computation.lookup import BookLookup
from jacie_flask.computation.operands import Missing, Period
from jacie_flask.facts.book import Book
from jacie_flask.question.plan import Plan, Span
from jacie_flask.text.phrasing import listed

Operator = Callable[[Request], Draft]

_NAMED = 5
_FEWEST_COMPARED = 2
_OPERATORS: Mapping[str, Operator] = {
    **OPERATORS,
    "largest": extreme,
    "smallest": extreme,
    "members": members,
    "drivers": drivers,
    "highlights": highlights,
}


def compute_answer(plan: Plan, books: Mapping[str, Book]) -> Draft:
    """Return the answer that a plan gives over the books of its companies, by name; raise Missing with what is not there."""
    if not plan.complete:
        raise Missing(incomplete(plan))
    if not books:
        raise Missing("no company is named that has filings here")
    operator = _OPERATORS.get(plan.operator)
    if operator is None:
        raise Missing("no rule answers this kind of question")
    for alias in plan.aliases:
        for name, book in books.items():
            if book.names_part(alias):
                raise Missing(f"whether “{alias}” is another name of {name} or a part of it is not clear")
    if len(books) > 1:
        return _of_several(plan, books, operator)
    request = _request(plan, books)
    try:
        return operator(request)
    except Missing:
        draft = absent_line(request) or _of_filed_years(plan, books, operator)
        if draft is None:
            raise
        return draft


def _of_several(plan: Plan, books: Mapping[str, Book], operator: Operator) -> Draft:
    """Answer for several companies. Where all there are are meant, those that lack the figure are left out and named."""
    try:
        return operator(_request(plan, books))
    except Missing as missing:
        lacking = _lacking(plan, books)
        having = {name: book for name, book in books.items() if name not in lacking}
        if not lacking:
            raise
        if plan.companies or len(having) < _FEWEST_COMPARED:
            name, reason = next(iter(lacking.items()))
            raise Missing(f"{reason} ({name})") from missing
    draft = operator(_request(plan, having))
    for name, reason in lacking.items():
        draft.say(f"{name} is left out: {reason}.")
    return draft


def _lacking(plan: Plan, books: Mapping[str, Book]) -> dict[str, str]:
    """Return the companies that do not state the figures of a plan, each with the reason."""
    lacking = {}
    for name, book in books.items():
        try:
            OPERATORS["value"](_request(plan, {name: book}))
        except Missing as missing:
            lacking[name] = missing.reason
    return lacking


def _request(plan: Plan, books: Mapping[str, Book]) -> Request:
    newest = {name: _newest(book) for name, book in books.items()}
    companies = [Company(name, BookLookup(book, _home(plan, newest[name]), plan.statement)) for name, book in books.items()]
    return Request(plan, companies, newest)


def _of_filed_years(plan: Plan, books: Mapping[str, Book], operator: Operator) -> Draft | None:
    """Return the answer for the fiscal years that the collection files under the years asked for, None where there are none."""
    found = filed_years(plan, books)
    if found is None:
        return None
    try:
        draft = operator(_request(found[0], books))
    except Missing:
        return None
    draft.say(found[1])
    return draft


def incomplete(plan: Plan) -> str:
    """Say what of a question is not understood."""
    if plan.reason:
        return plan.reason
    if plan.unexplained:
        words = listed([f"“{word}”" for word in plan.unexplained[:_NAMED]])
        return f"no figure was computed, because {words} {'is' if len(plan.unexplained) == 1 else 'are'} not understood"
    return "the question names no figure that could be computed"


def _newest(book: Book) -> Period:
    """Return the newest period that a company's filings report on."""
    filing = book.filings[-1][0]
    return Period(filing.year, filing.quarter)


def _home(plan: Plan, newest: Period) -> Period | None:
    """Return the period whose filing is preferred: the latest one that the question names."""
    spans = [span for span in (*plan.spans, *_defined(plan)) if span.year]
    if not spans:
        return newest if any(span.kind == "latest" for span in plan.spans) else None
    last = max(spans, key=lambda span: (span.year, _quarter(span) or 4))
    return Period(last.year, _quarter(last))


def _quarter(span: Span) -> int:
    return span.number if span.kind == "quarter" else 2 * span.number if span.kind == "half" else 0


def _defined(plan: Plan) -> Sequence[Span]:
    """Return the periods that the measures' own definitions name."""
    found: list[Span] = []

    def walk(node: object) -> None:
        span = getattr(node, "span", None)
        found.extend([span] if isinstance(span, Span) else [])
        found.extend(getattr(node, "spans", ()))
        for argument in getattr(node, "arguments", ()):
            walk(argument)

    for measure in plan.measures:
        walk(measure.expression)
    return found
