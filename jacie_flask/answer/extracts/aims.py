"""What kind of statement would answer a question: a reason, a person, a list, what a company does, yes or no, a figure, an event."""

import re

ACTIVITY, AGENDA, AMOUNT, LIST, OTHER, PERSON, REASON, TIME, YES_NO = (
    "activity", "agenda", "amount", "list", "other", "person", "reason", "time", "yes or no",
)  # fmt: skip

_OPENING = re.compile(
    r"^(?:(?:in|for|as of|at|during|looking at|considering|based on|according to)\b[^,?]{0,80},\s*)", re.IGNORECASE
)
_REASON = re.compile(
    r"\b(?:why|what (?:has |have )?(?:dr[oi]ve[sn]?|caused|led to|explains|is driving)|which factors|reasons? (?:for|behind|why)"
    r"|(?:what|which) (?:were|was|are|is) (?:the )?(?:main |key |primary )?(?:drivers?|reasons?|causes?)|driven by what|what contributed)\b",
    re.IGNORECASE,
)
_ACTIVITY = re.compile(
    r"^(?:what (?:does|do) [^?]{0,60}\bdo\b(?! (?:with|about|for|to|in|when|if))"
    r"|(?:what|which) (?:kind of |type of |sort of )?(?:industry|industries|sectors?|business|company|line of business)\b"
    r"(?! (?:segment|unit|risk|combination)))",
    re.IGNORECASE,
)
_IS = re.compile(r"^what (?:is|are)\b", re.IGNORECASE)
_BUSINESS = (" business", " businesses", " business about")
_AGENDA = re.compile(
    r"\b(?:agenda|what (?:was|is|did)\b[^?]{0,60}\b(?:announced?|disclosed?|about)\b|what (?:event|events|happened))",
    re.IGNORECASE,
)
_CURRENT_REPORT = re.compile(r"\b[86]-?\s?k\b|\bcurrent report\b", re.IGNORECASE)
_AMOUNT = re.compile(
    r"\bhow (?:much|many|high|large|big|long)\b|\bwhat (?:percent\w*|share|amount|number|proportion)\b", re.IGNORECASE
)
_YES_NO = re.compile(r"^(?:is|are|was|were|does|do|did|has|have|had|can|will)\b", re.IGNORECASE)
_LIST = re.compile(
    r"^(?:list|name|what (?:are|were)|(?:which|what) (?!was|is|has|does|did)[\w-]+s\b|(?:which|what) [\w-]+ [\w-]+s\b)",
    re.IGNORECASE,
)
_PERSON = re.compile(r"^(?:who\b|what is the name of)", re.IGNORECASE)
_TIME = re.compile(r"^when\b|\b(?:on|in) (?:which|what) (?:date|day|year)\b", re.IGNORECASE)


def aim_of(question: str) -> str:
    """Return the kind of statement that would answer a question."""
    text = _OPENING.sub("", question.strip())
    if _AGENDA.search(text) and _CURRENT_REPORT.search(text):
        return AGENDA
    if _IS.match(text) and text.lower().rstrip("?. ").endswith(_BUSINESS):
        return ACTIVITY
    kinds = (
        (PERSON, _PERSON.match), (REASON, _REASON.search), (ACTIVITY, _ACTIVITY.match), (AMOUNT, _AMOUNT.search),
        (TIME, _TIME.search), (YES_NO, _YES_NO.match), (LIST, _LIST.match),
    )  # fmt: skip
    return next((kind for kind, matches in kinds if matches(text)), OTHER)
