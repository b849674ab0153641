"""Everyday questions that no filing answers: greetings, thanks, what Jacie can do and which documents there are."""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jacie_flask.interfaces import CatalogDocument
from jacie_flask.text.phrasing import listed

_LONGEST = 90
_NAMED = 12
_ROWS = 40
_FIRST = ("documents", "companies", "abilities", "farewell", "thanks", "greeting")
"""Of several kinds in one message, the first of these is answered."""
_PARTS = re.compile(r"[,.!?;]")
_PUNCTUATION = re.compile(r"[^\w\s'’]")
_EXAMPLES = (
    "What was the revenue in the latest year?",
    "How did the gross margin change against the year before?",
    "Free cash flow for the last three years",
    "What are the main risks?",
)


def _phrases() -> tuple[dict[str, str], re.Pattern[str]]:
    """Read the data file: every phrase with its kind, and what matches the fillers around it."""
    data = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    fillers = data.pop("fillers")
    phrases = {_plain(phrase): kind for kind, listed_phrases in data.items() for phrase in listed_phrases}
    pattern = "|".join(re.escape(filler) for filler in sorted(fillers, key=len, reverse=True))
    return phrases, re.compile(rf"\b(?:{pattern})\b")


def _plain(text: str) -> str:
    return " ".join(_PUNCTUATION.sub(" ", text.lower().replace("’", "'").replace("'s", " is")).split())


_PHRASES, _FILLERS = _phrases()


def kind_of(query: str) -> str:
    """Return which everyday question this is: a key of everyday.toml, or "" for a question about filings."""
    if len(query) > _LONGEST:
        return ""
    whole = _known(query)
    parts = [_known(part) for part in _PARTS.split(query) if part.strip()]
    kinds = {whole} if whole else set(parts) if parts and all(parts) else {""}
    return next((kind for kind in _FIRST if kind in kinds), "")


def _known(text: str) -> str:
    """Return the kind of a text, its fillers left out, or "" where no phrase is like it."""
    plain = _plain(text)
    return _PHRASES.get(plain) or _PHRASES.get(" ".join(_FILLERS.sub(" ", plain).split()), "")


def reply(kind: str, documents: Sequence[CatalogDocument]) -> str:
    """Return the answer to an everyday question over the documents of the collection."""
    return _REPLIES[kind](documents)


def _greeting(documents: Sequence[CatalogDocument]) -> str:
    return f"Hello. Ask about {_holdings(documents)}" if documents else f"Hello. {_nothing()}"


def _thanks(_: Sequence[CatalogDocument]) -> str:
    return "You are welcome."


def _farewell(_: Sequence[CatalogDocument]) -> str:
    return "Goodbye."


def _abilities(documents: Sequence[CatalogDocument]) -> str:
    text = (
        "I answer questions about the filings in this collection. Figures are computed from the filings’ own tables, and each one "
        "is linked to its page: line items, margins and ratios, growth and averages over years, comparisons of companies. "
        "Other questions are answered with sentences of the filings. What is not sure is declined, with what is missing."
    )
    examples = "\n".join(f"- {example}" for example in _EXAMPLES)
    return f"{text}\n\nFor example:\n{examples}\n\n" + (f"Here are {_holdings(documents)}" if documents else _nothing())


def _documents(documents: Sequence[CatalogDocument]) -> str:
    if not documents:
        return _nothing()
    lines = ["| Document | Company | Period | Type |", "| --- | --- | --- | --- |"]
    ordered = sorted(documents, key=lambda one: (one.company.lower(), one.period, one.filename))
    for one in ordered[:_ROWS]:
        lines.append(f"| {' | '.join(_cell(text) for text in (one.filename, one.company, one.period, one.document_type))} |")
    more = f"\n\nand {len(ordered) - _ROWS} more." if len(ordered) > _ROWS else ""
    return f"The collection has {_count(documents)}:\n\n" + "\n".join(lines) + more


def _companies(documents: Sequence[CatalogDocument]) -> str:
    if not documents:
        return _nothing()
    years: dict[str, list[str]] = {}
    for one in documents:
        if one.company:
            years.setdefault(one.company, []).append(one.period)
    if not years:
        return f"The collection has {_count(documents)}; none of them names its company."
    lines = [
        f"- {company}: {', '.join(sorted(filter(None, set(years[company])))) or 'no period given'}" for company in sorted(years)
    ]
    more = f"\n- and {len(lines) - _ROWS} more" if len(lines) > _ROWS else ""
    return f"The collection has {_count(documents)} of {len(years)} companies:\n\n" + "\n".join(lines[:_ROWS]) + more


def _holdings(documents: Sequence[CatalogDocument]) -> str:
    companies = sorted({one.company for one in documents if one.company})
    named = listed(companies) if len(companies) <= _NAMED else f"{', '.join(companies[:_NAMED])} and others"
    return f"{_count(documents)}{f' of {named}' if named else ''}."


def _count(documents: Sequence[CatalogDocument]) -> str:
    return "1 document" if len(documents) == 1 else f"{len(documents)} documents"


def _nothing() -> str:
    return "There are no documents in the collection yet."


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


_REPLIES: Mapping[str, Callable[[Sequence[CatalogDocument]], str]] = {
    "greeting": _greeting,
    "thanks": _thanks,
    "farewell": _farewell,
    "abilities": _abilities,
    "documents": _documents,
    "companies": _companies,
}
