"""What sort of answer a question wants: a reason, words instead of a figure, people, what a company does, a comparison."""

import re

_REASONS = re.compile(r"\bwhy\b|\bdrove\b|\bdriv(?:e|en|ers?)\b|\breasons?\b|\bcaus(?:e|ed|es)\b|\bexplain\b", re.IGNORECASE)
_PEOPLE = re.compile(
    r"(?:^|[.?!,;:]|\band|\bknow|\bme)\s*who(?:se|m)?\b|\b(?:ceo|cfo|coo|cto|chief \w+ officer|chair(?:man|woman|person)?)\b"
    r"|\bboard of directors\b",
    re.IGNORECASE,
)
_BUSINESS = re.compile(
    r"\bwhat does .{1,60} do\b|\bbusiness model\b|\bwhat (?:is|are) .{1,40}'s business(?:es)?\b|\babout the company\b"
    r"|\b(?:what|which) (?:\w+ )?(?:business|industry|industries|sectors?)\b(?! (?:segment|unit))"
    r"|\b(?:main|major|core|key|primary|principal) (?:products?|services|business(?:es)?|brands?)\b",
    re.IGNORECASE,
)
_AGENDA = re.compile(r"\bagenda\b", re.IGNORECASE)
_WORDS = re.compile(
    r"\brisks\b|\brisk factors?\b|\bstrateg\w+|\blegal\b|\blawsuits?\b|\blitigations?\b|\bagenda\b|\bdescribe\b"
    r"|\bcompetitors?\b|\bcompetition\b|\bauditors?\b|\bgovernance\b|\bpolic(?:y|ies)\b|\bnature\b|\bpurpose\b|\bmission\b",
    re.IGNORECASE,
)
_FIGURE = re.compile(
    r"\bhow (?:much|many|high|large|big)\b|\bamounts?\b|\bratio\b|\bpercent\w*|%|\baverage\b|\bnumber of\b|\bper share\b|\brates?\b"
    r"|\bvotes?\b|\b(?:pay|paid|salary|salaries|compensation|remuneration|fees?|expenses?|costs?|provisions?)\b",
    re.IGNORECASE,
)
_WHICH_COMPANY = re.compile(
    r"\bwhich (?:of (?:the|these|all) )?(?:\w+ )?(?:company|companies|firms?|groups?|business(?:es)?) (?!segment|unit)"
    r"|\b(?:compare|rank) (?:all )?(?:the )?companies\b|\bwho (?:had|has|made|earned|reported) the (?:highest|lowest|largest|most|least)\b",
    re.IGNORECASE,
)


def asks_for_reasons(question: str) -> bool:
    """Say whether a question is for a cause."""
    return bool(_REASONS.search(question))


def asks_for_words(question: str) -> bool:
    """Say whether a question is answered by sentences or names, not by a figure."""
    told = asks_for_people(question) or asks_for_business(question) or bool(_WORDS.search(question))
    return told and not (asks_for_reasons(question) or asks_which_company(question) or _FIGURE.search(question))


def asks_for_people(question: str) -> bool:
    """Say whether a question is for persons."""
    return bool(_PEOPLE.search(question))


def asks_for_business(question: str) -> bool:
    """Say whether a question is for what a company does."""
    return bool(_BUSINESS.search(question))


def asks_for_agenda(question: str) -> bool:
    """Say whether a question is for what a report was made for."""
    return bool(_AGENDA.search(question))


def asks_which_company(question: str) -> bool:
    """Say whether a question compares companies without naming them."""
    return bool(_WHICH_COMPANY.search(question))
