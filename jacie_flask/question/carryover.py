"""What a follow-up leaves unsaid: company, period and topic, taken from the questions before it."""

import re
from collections.abc import Sequence

from jacie_flask.events import Turn
from jacie_flask.question.companies import CompanyNames, strangers
from jacie_flask.text.lexicon import INSTRUCTION_WORDS, without_instructions
from jacie_flask.text.periods import period_spans, periods
from jacie_flask.text.terms import STOP_WORDS, word_set

_BEFORE = re.compile(
    r"\b(?:the )?(?:(?:year|quarter|period) (?:before|earlier|prior)|(?:previous|prior|preceding) (?:fiscal )?(?:year|quarter|period)|last year|one year earlier)\b",
    re.I,
)
_AFTER = re.compile(
    r"\b(?:the )?(?:(?:year|quarter|period) (?:after|later)|(?:next|following|subsequent) (?:fiscal )?(?:year|quarter|period))\b",
    re.I,
)
_COUNTS = {"two": 2, "three": 3, "four": 4, "five": 5}
_YEARS_AWAY = re.compile(
    rf"\b(?P<count>{'|'.join(_COUNTS)}|[2-9]) (?:fiscal )?years (?:(?P<back>before|earlier|prior|ago)|after|later)(?: that)?\b",
    re.I,
)
_FULL_YEAR = re.compile(r"\b(?:full|whole|entire) (?:fiscal |financial )?year\b", re.I)
_QUARTER_WORD = re.compile(r"\bquarter\b", re.I)
_OPENING = re.compile(
    r"^\W*(?:and|but|so|or|also|then|now|ok(?:ay)?|what about|how about|and what about|same (?:question )?for|compared? (?:to|with)|versus|vs)\b",
    re.I,
)
_POINTING = re.compile(r"\b(?:it|its|they|their|them|that|this|those|these|there|same|the company|he|she)\b", re.I)
_EMPTY = word_set(
    """
    what about how same question compare compared versus vs previous prior before after next following last earlier later then
    now ok okay please show
    """
)
_YEAR = re.compile(r"(?:19[89]|20[0-4])\d")


def resolve(query: str, history: Sequence[Turn], names: CompanyNames) -> str:
    """Return the question as it would be asked without a conversation before it.

    Folds over the user's turns, so that a follow-up to a follow-up still finds its company, period and topic.
    """
    standing = ""
    for text in (*[turn.content for turn in history if turn.role == "user"][-8:], query):
        standing = _continued(text[:4000], standing, names)
    return standing if standing else query


def _continued(text: str, before: str, names: CompanyNames) -> str:
    """Return one question with what it takes over from the question before."""
    if not before:
        return text
    mentions = names.mentions(text)
    named = bool(mentions) or bool(strangers(text, mentions))
    dated = bool(periods(text).years or periods(text).quarters or periods(text).days)
    shift = _shift(text)
    if not dated and _FULL_YEAR.search(text):
        before = _without_quarters(before)
    topic = _topic(text, names)
    if not topic:
        return _swapped(text, before, names, shift)
    leaning = bool(_OPENING.search(text) or _POINTING.search(text)) or len(topic) <= 4
    if (named and dated) or (not leaning and (named or dated)):
        return text
    return _completed(text, before, names, named, dated, shift)


def _shift(text: str) -> int:
    """Return by how many periods a question moves on from the one before."""
    if away := _YEARS_AWAY.search(text):
        count = _COUNTS.get(away["count"].lower()) or int(away["count"])
        return -count if away["back"] else count
    return -1 if _BEFORE.search(text) else 1 if _AFTER.search(text) else 0


def _without_quarters(text: str) -> str:
    """Return a text whose periods are whole years."""
    for start, end in reversed(period_spans(text)):
        asked = periods(text[start:end])
        if asked.quarters:
            text = text[:start] + " and ".join(map(str, asked.years)) + text[end:]
    return re.sub(r"\b(?:in|for|of)\s+(?:the\s+)?(?=(?:in|for|of)\b)|[ \t]{2,}", " ", text)


def _topic(text: str, names: CompanyNames) -> list[str]:
    """Return the words of a question that say what it is about, besides company, period and manner."""
    taken = names.spans(text, names.mentions(text)) + period_spans(text)
    for pattern in (_BEFORE, _AFTER, _YEARS_AWAY, _FULL_YEAR):
        taken += [match.span() for match in pattern.finditer(text)]
    words = []
    for match in re.finditer(r"[A-Za-z][\w&-]*", without_instructions(text)):
        word = match.group().lower()
        if word in STOP_WORDS or word in INSTRUCTION_WORDS or word in _EMPTY:
            continue
        if not any(start <= match.start() < end for start, end in taken):
            words.append(word)
    alone = strangers(text, names.mentions(text))
    return [word for word in words if word not in {name.lower() for name in alone}]


def _swapped(text: str, before: str, names: CompanyNames, shift: int) -> str:
    """Ask the question before again, with the company or the period of this one in place of its own."""
    mentions = names.mentions(text)
    new_names = [mention.written for mention in mentions] or strangers(text, mentions)
    question = before
    if new_names:
        question = _replaced(question, names.spans(question, names.mentions(question)), " and ".join(new_names))
    new_periods = [text[start:end] for start, end in period_spans(text)]
    if new_periods:
        question = _replaced(question, period_spans(question), " and ".join(new_periods))
    elif shift:
        question = _shifted(question, shift, bool(_QUARTER_WORD.search(text)))
    return question


def _completed(text: str, before: str, names: CompanyNames, named: bool, dated: bool, shift: int) -> str:
    """Keep this question and add the company and the period that only the one before names."""
    added: list[str] = []
    if not named:
        added += dict.fromkeys(before[start:end] for start, end in names.spans(before, names.mentions(before)))
    if not dated:
        spans = [before[start:end] for start, end in period_spans(before)]
        added += [_shifted(span, shift, bool(_QUARTER_WORD.search(text))) for span in dict.fromkeys(spans)]
    return f"{text.rstrip()} ({', '.join(added)})" if added else text


def _replaced(text: str, spans: Sequence[tuple[int, int]], new: str) -> str:
    """Put ``new`` where the first span stands and cut the others; without any span, add it at the end."""
    if not spans:
        return f"{text.rstrip()} ({new})"
    for position, (start, end) in reversed(list(enumerate(spans))):
        text = text[:start] + (new if position == 0 else "") + text[end:]
    return re.sub(r"[ \t]{2,}", " ", text)


def _shifted(text: str, shift: int, quarters: bool) -> str:
    """Move the years of a text, or its quarter with the year at the turn."""
    if not shift:
        return text
    asked = periods(text)
    if quarters and len(asked.quarters) == 1:
        quarter = asked.quarters[0] + shift
        turned = -1 if quarter < 1 else 1 if quarter > 4 else 0
        text = re.sub(
            r"(?i)q[1-4]|(?:first|second|third|fourth)\s+(?:fiscal\s+)?quarter", f"Q{(quarter - 1) % 4 + 1}", text, count=1
        )
        shift = turned
    return _YEAR.sub(lambda match: str(int(match.group()) + shift), text)
