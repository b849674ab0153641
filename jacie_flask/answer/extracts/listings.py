"""Lists that answer a question: points under a heading, sentences that enumerate, events of a kind, and the items of a current report."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from jacie_flask.answer.extracts.statements import Statement, paragraphs, split_sentences
from jacie_flask.text.wordforms import Concept, word_data, word_form, word_forms

_ENUMERATES = re.compile(
    r"\b(?:includ(?:e|es|ing)|consists? of|comprises?|compris(?:ed|ing)|are|namely|such as|following)\b|:\s", re.IGNORECASE
)
_SEPARATORS = re.compile(r"[,;•]\s|\band\b")
_FEWEST_PARTS = 2
_NEAR = 60
_LONGEST_POINT = 260
_HEADLINE = re.compile(
    r"\b(?:could|may|might|depend\w*|subject to|face|fail\w*|adverse\w*|risks?|harm|unable|affect)\b", re.IGNORECASE
)
_LONGEST_HEADLINE = 340
_ITEM = re.compile(r"^\s*item\s+(\d\.\d\d)\.?\s+(.{4,240})$", re.IGNORECASE)
_SUBJECT = re.compile(
    r"(?:^|[,.;]\s)\s*(?:we|the company|the group|the registrant)(?:\s(?:also|has|have|had))?\s$", re.IGNORECASE
)
_WORDS = re.compile(r"[\w-]+")
_MOST_BEFORE = 3
_NAMES = re.compile(r"\s(?:[A-Z]|the\s[A-Z]|as follows|:)")
_EXHIBITS = "9.01"


@dataclass(frozen=True)
class Listing:
    """A list that answers: what leads it in ("" for nothing), and its points with the number of the page of each."""

    lead: str
    points: tuple[tuple[str, int], ...]


def points_under(
    concepts: Sequence[Concept], pages: Sequence[tuple[int, Sequence[Statement]]], most_words: int = 12
) -> Listing | None:
    """Return the points under the first heading or lead-in that has all concepts; None where no list of two or more has.

    The list follows its heading after a few sentences at most; ``most_words`` are what heading or lead-in may have beside the concepts.
    """
    for number, found in pages:
        for title, opening, items in _lists(found):
            forms = word_forms(title)
            extra = len(forms.split()) - sum(len(concept.words.split()) for concept in concepts)
            if len(items) >= _FEWEST_PARTS and extra <= most_words and all(concept.within(forms) for concept in concepts):
                return Listing(opening, tuple((shortened(item.text), number) for item in items))
    return None


def _lists(found: Sequence[Statement]) -> Iterator[tuple[str, str, list[Statement]]]:
    """Yield (title, opening, items) of each list of a page, by its lead-in or else by its heading."""
    before: dict[str, int] = {}
    groups: dict[tuple[str, str], list[Statement]] = {}
    for one in found:
        if one.item:
            groups.setdefault((one.heading, one.lead), []).append(one)
        elif (one.heading, "") not in groups:
            before[one.heading] = before.get(one.heading, 0) + 1
    for (heading, lead), items in groups.items():
        if lead:
            yield lead, lead, items
        if before.get(heading, 0) <= _MOST_BEFORE:
            yield heading, lead or f"{heading}:", items


def headlines(pages: Sequence[tuple[int, str]]) -> Listing | None:
    """Return the headlines of risks: paragraphs of one sentence about what could happen, with text below; None for fewer than two."""
    points: dict[str, int] = {}
    for number, text in pages:
        blocks = paragraphs(text)
        for block, following in pairwise(blocks):
            if _is_headline(block) and len(following) > len(block):
                points.setdefault(block, number)
    return Listing("", tuple(points.items())) if len(points) >= _FEWEST_PARTS else None


def _is_headline(block: str) -> bool:
    return (
        20 < len(block) <= _LONGEST_HEADLINE
        and block[0].isupper()
        and block.endswith(".")
        and len(split_sentences(block)) == 1
        and bool(_HEADLINE.search(block))
    )


def enumerates(concepts: Sequence[Concept], text: str) -> bool:
    """Say whether a sentence enumerates the last concept: its plural comes right before the verb, and two or more parts after it."""
    match = _ENUMERATES.search(text)
    while match:
        before, after = text[max(0, match.start() - _NEAR) : match.start()], text[match.end() :]
        forms = word_forms(before)
        last = (_WORDS.findall(before) or [""])[-1]
        ends = last.endswith("s") and any(forms.endswith(f" {phrase} ") for phrase in concepts[-1].phrases)
        plainly = match.group().lower() != "are" or bool(_NAMES.match(after))
        if ends and plainly and len(_SEPARATORS.findall(after)) >= _FEWEST_PARTS:
            return True
        match = _ENUMERATES.search(text, match.end())
    return False


def tells_event(text: str, phrases: Sequence[str], names: Sequence[str]) -> bool:
    """Say whether the company is the subject of one of the phrases in a sentence."""
    for phrase in phrases:
        place = text.find(phrase)
        if (place > 0 and _SUBJECT.search(text[:place])) or any(
            text[:place].rstrip().endswith(name) for name in names if place > 0
        ):
            return True
    return False


def event_phrases(concept: Concept) -> Sequence[str]:
    """Return the phrases that filings write of an event that a question calls by a noun; none for other words."""
    names: dict[str, Sequence[str]] = {word_form(noun): phrases for noun, phrases in word_data()["events"].items()}
    return names.get(concept.words, ())


def reported_items(pages: Sequence[tuple[int, str]]) -> Iterator[tuple[str, str, int]]:
    """Yield (title, first sentence, page) of each item of a current report, exhibits left out."""
    for number, text in pages:
        lines = text.splitlines()
        for place, line in enumerate(lines):
            match = _ITEM.match(line)
            if not match or match.group(1) == _EXHIBITS:
                continue
            title, rest = match.group(2).strip(), lines[place + 1 : place + 30]
            while rest and not title.endswith(".") and len(line) > _NEAR and rest[0][:1].isupper() and len(rest[0]) < _NEAR:
                title = f"{title} {rest.pop(0).strip()}"
            sentences = split_sentences(" ".join(part.strip() for part in rest))
            first = next((sentence for sentence in sentences if len(sentence) > _NEAR and sentence.endswith(".")), "")
            if first:
                yield f"Item {match.group(1)} {title.rstrip('.')}", first, number


def shortened(text: str) -> str:
    """Return the first sentences of a point, as many as are short; always one, with the words that head it."""
    kept = ""
    for sentence in split_sentences(text):
        if kept and len(kept) + len(sentence) > _LONGEST_POINT and len(kept.split()) > 6:
            break
        kept = f"{kept} {sentence}".strip()
    return kept
