"""What a statement says of a question: a cause, a figure, a date, a definition, what a company does, yes or no, or nothing for certain."""

import re
from collections.abc import Sequence

from jacie_flask.text import figures
from jacie_flask.text.terms import word_set
from jacie_flask.text.wordforms import Concept, word_forms

CAUSE = re.compile(
    r"\b(?:because|due to|driven by|driven (?:primarily|mainly|largely) by|primarily driven|reflect(?:s|ed|ing)|as a result of|resulting from|"
    r"(?:the |a )?result of|owing to|attributable to|caused by|impacted by|affected by|led by|thanks to|offset by|related to (?:higher|lower))\b",
    re.IGNORECASE,
)
_UP = re.compile(r"\b(?:increas\w+|rose|risen|rise[sn]?|grew|grow\w*|higher|up|improv\w+|expan\w+|gain\w*)\b", re.IGNORECASE)
_DOWN = re.compile(
    r"\b(?:decreas\w+|fell|fall\w*|declin\w+|lower|down|drop\w*|reduc\w+|shr[au]nk|deteriorat\w+)\b", re.IGNORECASE
)
_COMPARED = re.compile(r"\b(?:than|that of|compared (?:with|to)|relative to)\s+(?:that of\s+)?(?:the\s+)?$", re.IGNORECASE)
_HEDGES = re.compile(
    r"\b(?:(?-i:may)|might|could|would|should|if|unless|whether|intend\w*|plan(?:s|ned)? to|aim\w*|seek\w*|potential\w*|possib\w+|no assurance|cannot assure|"
    r"there can be|anticipat\w+|believe\w*|hypothetical\w*)\b",
    re.IGNORECASE,
)
_FUTURE = re.compile(r"\b(?:expect\w*|will|going to|outlook|forecast\w*)\b", re.IGNORECASE)
_ASKS_FUTURE = re.compile(
    r"\b(?:expect\w*|will|plan\w*|intend\w*|guidance|outlook|forecast\w*|next|future|risks?|could|may|strateg\w+|aim|target)\b",
    re.IGNORECASE,
)
_NEGATION = re.compile(r"\b(?:no|not|none|never|neither|nor|without|n['’]t|cannot)\b", re.IGNORECASE)
_PLAIN_YES = re.compile(r"^(?:is|are|was|were|does|do|did|has|have|had)\b", re.IGNORECASE)
_DOUBTFUL = re.compile(
    r"\b(?:any|all|every|only|always|both|more than|less than|at least|enough|significant\w*|material\w*|substantial\w*)\b",
    re.IGNORECASE,
)
_BOILERPLATE = re.compile(
    r"\b(?:forward-looking|see note|refer to|see accompanying|incorporated (?:herein )?by reference|as described (?:in|under)|table of contents|set forth (?:in|under)"
    r"|pursuant to rule|xbrl|the following table|table below|exhibit \d)\b",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\b(?:January|February|March|April|May|June|July|August|September|October|November|December)\s+(?:\d{1,2},?\s+)?(?:19|20)\d\d\b|"
    r"\b\d{1,2}\s+(?:January|February|March|April|May|June|July|August|September|October|November|December)\b|\bin (?:fiscal )?(?:19|20)\d\d\b",
    re.IGNORECASE,
)
_IS = re.compile(
    r"^\W*(?:\w+\W+){0,6}?(?:is|are|was|were|means|refers|consists?|comprises?|includes?|totall?ed|amounted)\b", re.IGNORECASE
)
_EARLY = 45
_FEWEST_CONCEPTS = 2
_SPREAD = 40
_GLUED = re.compile(r"\b[A-Za-z]+-\d+\b")
_ACTS = r"(?:(?:On|In|During|As of|At|For)\b[^,]{{0,40}}(?:, \d{{4}})?,\s+)?(?:we|our (?:company|board of directors|board)|the (?:company|group|board of directors|board)|{names})(?!\w)"
_DENIAL = re.compile(
    r"\s+(?:(?:have|has|had|do|does|did|is|are|was|were)\s+(?:not|never)\b|never\b)(?!\s+only)(?![^.]{0,200}\b(?:except|other than|but|until|before)\b)",
    re.IGNORECASE,
)
_OF_ALL = re.compile(
    r"(?:The|Our|In|For|On|During|Total|Consolidated|Worldwide|Group|Net|Company|Fiscal|Overall|As|Reported|Q[1-4]|First|Second|Third|Fourth|Full)\b"
)
_CAPITALS = re.compile(r"\b[A-Z][\w-]*")
_MONTHS = word_set("jan feb mar apr may jun jul aug sep oct nov dec")
_COUNTED = 4
_MANY = re.compile(r"\bhow many ([\w-]+)(?: ([\w-]+))?", re.IGNORECASE)
_QUANTITY = re.compile(
    r"(?<![\w$€£¥.,-])(?<![A-Z]{3} )(?!(?:19|20)\d\d\b)(\d[\d,.]*(?: (?:thousand|million|billion))?) ([^,.;:()\d]{0,60})"
)
_NUMBER_OF = re.compile(r"\bnumber of\b[^.;]{0,60}\b(?:was|were|is|to|of|grew|rose|fell)\b[^.;]{0,20}$", re.IGNORECASE)
_SUBJECT = r"(?:(?:Today|Currently|Overall|Together|As a company),?\s+)?(?:we|our company|the company|the group|{names})(?!\w)"
_DOES = re.compile(
    r"(?:\s\w+){0,2}?\s(?:(?:is|are|operates?)\s(?:an?|the|one of)\s(?!party|subject|result|member)|(?:designs?|develops?|sells?|offers?|manufactur\w+|makes?"
    r"|produces?|builds?|markets?|operates?|provides?),?\s(?!similar|new|information|available|payments?|use|estimates?|assumptions?|certain|no)\w)",
    re.IGNORECASE,
)
_LEGAL_FORM = re.compile(
    r"\b(?:incorporated (?:in|under|on)|organized under|fictional|registrant|party to|subject to|committed to|exposed|defendant|plaintiff|also|shell company|well-known|"
    r"required|liable|responsible for|fiscal year|common stock|believe|confident|pleased|able to|reporting|accounting|auditor|court)\b",
    re.IGNORECASE,
)
_TRADE = re.compile(
    r"\b(?:is|are) (?:an?|the|one of)\b.{0,120}\b(?:leader|company|provider|retailer|manufacturer|producer|developer|bank|group|platform|operator|supplier|business|firm|maker)\b"
    r"|\b(?:sells?|designs?|develops?|manufactur\w+|produces?|makes?|offers?|provides?)\b",
    re.IGNORECASE,
)


_TITLE = re.compile(r"^[^:.;]{0,80}\b(?:19|20)\d\d[^:.;]{0,40}:\s+(?=[A-Z])")
"""A title in front of a sentence: "Fiscal Year 2019 Compared to Fiscal Year 2018: Net sales ..."."""
_OTHER_BASIS = re.compile(r"\b(?:adjusted|organic|core|comparable|underlying|non-gaap|normali[sz]ed|segment)\s+$", re.IGNORECASE)
_UNNAMED = re.compile(
    r"(?:The |This )?(?:overall |net )?(?:increase|decrease|change|decline|growth|improvement|reduction)s? (?:was|were|is|are|reflects?|reflected|resulted)\b",
    re.IGNORECASE,
)
_MOVES = re.compile(
    r"\b(?:open(?:s|ed|ing|ings)?|clos(?:e[sd]?|ing|ures?)|add(?:s|ed|ing)?|hir(?:e[sd]?|ing)|acquir(?:e[sd]?|ing)|relocat\w+|remodel\w*|convert\w*"
    r"|repurchas\w+|laid off|terminat\w+|issued?|sold|joined|left)\b",
    re.IGNORECASE,
)
_SUPERLATIVE = re.compile(
    r"\b(?:largest|biggest|highest|greatest|lowest|smallest|fewest|best|worst|strongest|weakest)\b",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"\([^()]{0,60}\)")
_IS_A = re.compile(r"\b(?:is|are) (?:an?|the|one of)\b", re.IGNORECASE)
_FIRST_WORDS = 5
_END = re.compile(r"[.!][\"'”’)]*$")
_SOON = 8


def as_cause(text: str, concepts: Sequence[Concept], names: Sequence[str] = ()) -> bool:
    """Say whether a sentence gives a cause of what is asked for: the concept comes before it, not in a comparison, with a movement."""
    text = _TITLE.sub("", text)
    match = CAUSE.search(text)
    if not match or not _gives_cause(text) or not (_UP.search(text) or _DOWN.search(text)):
        return False
    before = text[: match.start()]
    forms = word_forms(before)
    if not concepts or not all(concept.within(forms) for concept in concepts):
        return False
    places = _places(concepts[0], before)
    if any(_COMPARED.search(before[: place.start()]) for place in places):
        return False
    if any(_OTHER_BASIS.search(before[: place.start()]) for place in places):
        return any(_OTHER_BASIS.search(f"{concept.words} ") for concept in concepts)
    words = _CAPITALS.findall(before[: places[0].start()]) if places else []
    known = {part.lower() for name in names for part in name.split()}
    return all(_OF_ALL.match(word) or word.lower() in known or word[:3].lower() in _MONTHS for word in words)


def before_cause(text: str) -> str:
    """Return what a sentence says before the cause that it gives; all of it where it gives none."""
    cause = CAUSE.search(text)
    return text[: cause.start()] if cause else text


def moves(text: str) -> bool:
    """Say whether a text speaks of things that come or go rather than of how many there are: "opened 47 stores"."""
    return bool(_MOVES.search(text))


def lacks_superlative(question: str, text: str) -> bool:
    """Say whether the largest or smallest of several is asked for and a sentence names none."""
    return bool(_SUPERLATIVE.search(question)) and not _SUPERLATIVE.search(text)


def _gives_cause(text: str) -> bool:
    """Say whether a sentence has a cause beside what a movement was offset by."""
    return any(not match.group().lower().startswith("offset") for match in CAUSE.finditer(text))


def continues_heading(text: str) -> bool:
    """Say whether a sentence gives the cause of a movement that it does not name: that of the heading above it ("Increases were due to ...")."""
    return bool(_UNNAMED.match(text)) and _gives_cause(text)


def _places(concept: Concept, text: str) -> list[re.Match[str]]:
    """Return where words of a text begin that have the first word of a concept."""
    first = {phrase.split()[0] for phrase in concept.phrases}
    return [match for match in re.finditer(r"\w+", text) if word_forms(match.group()).strip() in first]


def contradicts(question: str, text: str) -> bool:
    """Say whether a sentence speaks of the other direction than the question: the first movement that it names decides."""
    up, down = bool(_UP.search(question)), bool(_DOWN.search(question))
    if up == down:
        return False
    first = min((match for match in (_UP.search(text), _DOWN.search(text)) if match), key=lambda one: one.start(), default=None)
    return bool(first and (_UP if down else _DOWN).fullmatch(first.group()))


def hedged(question: str, text: str) -> bool:
    """Say whether a statement is about what could be or will be where the question is about what is."""
    if _ASKS_FUTURE.search(question):
        return False
    return bool(_HEDGES.search(text)) or (bool(_FUTURE.search(text)) and not _NEGATION.search(text))


def settles(question: str, text: str, concepts: Sequence[Concept], names: Sequence[str] = ()) -> str:
    """Return "Yes: " or "No: " where a statement whose subject is the company says it outright, else ""."""
    if not _PLAIN_YES.match(question) or _DOUBTFUL.search(question) or _NEGATION.search(question) or _HEDGES.search(text):
        return ""
    subject = re.match(_ACTS.format(names=_alternatives(names)), text, re.IGNORECASE)
    if not subject or len(concepts) < _FEWEST_CONCEPTS or not compact(text, concepts):
        return ""
    clause = text[subject.end() :]
    denied = _DENIAL.match(clause)
    if denied:
        return "No: "
    return "" if _NEGATION.search(clause) or _FUTURE.search(text) else "Yes: "


def compact(text: str, concepts: Sequence[Concept]) -> bool:
    """Say whether all concepts are near each other in a text."""
    forms = word_forms(text)
    positions = [item.position(forms) for item in concepts if item.position(forms) >= 0]
    return not positions or max(positions) - min(positions) <= _SPREAD * len(concepts)


def counts(question: str, text: str, concepts: Sequence[Concept]) -> bool:
    """Say whether a sentence has the figure that is asked for: the number right before what is counted, or an amount."""
    many = _MANY.search(question)
    if not many:
        amounts = [one for one in figures.find(text) if not one.year]
        return bool(amounts)
    counted = next(
        (item for item in concepts if any(word_forms(many[1]).strip() in phrase.split() for phrase in item.phrases)), None
    )
    if counted is None:
        return False
    for match in _QUANTITY.finditer(_GLUED.sub(" ", text)):
        behind = f" {' '.join(word_forms(match[2]).split()[:_COUNTED])} "
        if counted.within(behind) or (
            _NUMBER_OF.search(text[: match.start()]) and counted.within(word_forms(text[: match.start()]))
        ):
            return True
    return False


def states_time(text: str) -> bool:
    """Say whether a sentence has a date."""
    return bool(_DATE.search(text))


def is_definition(text: str, concept: Concept) -> bool:
    """Say whether a sentence begins with a concept and says what it is."""
    position = concept.position(word_forms(text))
    return 0 <= position <= _EARLY and bool(_IS.match(text)) and not _NEGATION.match(text)


def describes(text: str, names: Sequence[str]) -> bool:
    """Say whether a sentence says what a company does: it is the subject, and its trade follows."""
    subject = re.match(_SUBJECT.format(names=_alternatives(names)), text, re.IGNORECASE)
    if not subject or _LEGAL_FORM.search(text) or _HEDGES.search(text) or _FUTURE.search(text):
        return False
    return bool(_DOES.match(text[subject.end() :])) and bool(_TRADE.search(text))


def acts(text: str, concepts: Sequence[Concept], names: Sequence[str]) -> bool:
    """Say whether a statement's subject is the company, which does soon what is asked about, or what is asked about itself."""
    subject = re.match(_ACTS.format(names=_alternatives(names)), text, re.IGNORECASE)
    if not subject:
        return any(concept.within(word_forms(" ".join(text.split()[:_FIRST_WORDS]))) for concept in concepts[:1])
    words: list[str] = []
    for word in text[subject.end() :].split()[:_SOON]:
        words.append(word)
        if any(concept.within(word_forms(" ".join(words))) for concept in concepts):
            return "to" not in words
    return False


def is_trade(text: str) -> bool:
    """Say whether a sentence says what a company is, rather than one of the things that it does."""
    return bool(_IS_A.search(text))


def _alternatives(names: Sequence[str]) -> str:
    """Return a pattern of names, the longest first."""
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True) if name) or "the company"


def is_whole(text: str) -> bool:
    """Say whether a text is a sentence from its beginning to its end, and no question or lead-in."""
    return not text[:1].islower() and bool(_END.search(text))


def is_boilerplate(text: str) -> bool:
    """Say whether a sentence only points elsewhere."""
    return bool(_BOILERPLATE.search(_ASIDE.sub("", text)))
