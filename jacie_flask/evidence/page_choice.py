"""Which pages of long documents a capable model reads: whole ones, with the neighbour that a statement runs on to."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from jacie_flask.interfaces import AnalysedDocument, ChatModel, Passage
from jacie_flask.text.labels import STATEMENTS

PAGE_CHARS = 12_000
MOST_PAGES = 16
_CHARS_PER_TOKEN = 2.7
_RESERVED = 6_000
_CONTINUED = re.compile(r"\bcont(?:inued|['’]d|\.)", re.IGNORECASE)
_HEAD = 400


def room(model: ChatModel, answer_tokens: int, spoken: int) -> int:
    """Return how many characters of pages fit the model's context beside ``spoken`` characters of conversation."""
    return int((model.context_tokens - answer_tokens) * _CHARS_PER_TOKEN) - _RESERVED - spoken


def whole_pages(passages: Sequence[Passage], documents: Mapping[str, AnalysedDocument], chars: int) -> list[Passage]:
    """Return the passages' pages whole, best first, each with its neighbours in reading order, within ``chars``.

    A page that does not fit whole stays the passage it was; what does not fit at all is left out, the first never.
    """
    chosen: dict[tuple[str, int], Passage] = {}
    left = chars
    for passage in passages:
        document = documents.get(passage.document_id)
        for page in _group(document, passage.page) if document else [passage.page]:
            key = (passage.document_id, page)
            if key in chosen or len(chosen) >= MOST_PAGES:
                continue
            one = _page(passage, document, page, [other for other in passages if (other.document_id, other.page) == key])
            if len(one.text) > left and page == passage.page:
                one = passage
            if len(one.text) <= left or not chosen:
                chosen[key] = one
                left -= len(one.text)
    return list(chosen.values())


def _page(passage: Passage, document: AnalysedDocument | None, page: int, ranked: Sequence[Passage]) -> Passage:
    one = ranked[0] if ranked else passage
    if document is None:
        return one
    whole = document.pages[page - 1]
    if ranked:
        return msgspec.structs.replace(one, text=whole[:PAGE_CHARS], whole=whole)
    score = passage.score * 0.99
    return msgspec.structs.replace(passage, page=page, score=score, text=whole[:PAGE_CHARS], whole=whole, snippet=whole[:300])


def _group(document: AnalysedDocument, page: int) -> list[int]:
    """Return the page with the one before and after it that belong together with it."""
    before = [page - 1] if page > 1 and runs_on(document, page - 1) else []
    return [*before, page, *([page + 1] if runs_on(document, page) else [])]


def runs_on(document: AnalysedDocument, page: int) -> bool:
    """Say whether what stands on a page goes on overleaf: the same statement, or a title that says "continued"."""
    if page >= len(document.pages):
        return False
    if _CONTINUED.search(document.pages[page][:_HEAD]):
        return True
    here, there = (set(document.labels.get(number, [])) & set(STATEMENTS) for number in (page, page + 1))
    return bool(here & there)
