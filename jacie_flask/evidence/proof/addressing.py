"""Whether a statement addresses what the question asks for: its period, duration, company or part, total, per share."""

import re
from collections.abc import Sequence

from jacie_flask.evidence.proof.checking import Finding
from jacie_flask.evidence.proof.claims import Claim, Place, read_claim
from jacie_flask.evidence.proof.labels import qualifiers, words_of_label
from jacie_flask.question.plan import Call, Expression, Item, Measure, Plan

_PER_SHARE = re.compile(r"\bper (?:\w+ )?share\b|\bEPS\b", re.IGNORECASE)
_UNITS = frozenset({"money", "per_share", "shares", "percent"})


def addressed(text: str, findings: Sequence[Finding], company: str, plan: Plan | None) -> tuple[str, str]:
    """Return "yes", "no" or "unknown", and for "no" what the statement is of instead; ``company`` is that of the cited page."""
    if plan is None or not plan.complete or not findings:
        return "unknown", ""
    claim = read_claim(text, company)
    places = [finding.place for finding in findings if finding.place is not None]
    for reason in (
        _of_another_company(plan, company),
        _of_another_period(plan, claim, places),
        _of_another_duration(plan, claim, places),
        _of_another_unit(plan, claim, places),
        _of_a_part(plan, places),
    ):
        if reason:
            return "no", reason
    proved = all(finding.proved for finding in findings)
    return ("yes", "") if proved and _names_measure(plan, claim, places) else ("unknown", "")


def _of_another_company(plan: Plan, company: str) -> str:
    if plan.companies and company and company not in plan.companies:
        return f"it is of {company}, not of {plan.companies[0]}"
    return ""


def _of_another_period(plan: Plan, claim: Claim, places: Sequence[Place]) -> str:
    wanted = {span.year for span in plan.spans if span.year}
    if not wanted or plan.operator in ("average", "cagr", "sum", "drivers", "consistent", "which_year"):
        return ""
    stated = set(claim.years)
    seen = stated or {year for place in places for year in place.years}
    if seen and not seen & wanted:
        return f"it is of {min(seen)}, not of {', '.join(map(str, sorted(wanted)))}"
    return ""


def _of_another_duration(plan: Plan, claim: Claim, places: Sequence[Place]) -> str:
    months = {_months(span.kind, span.months) for span in plan.spans if span.kind in ("year", "quarter", "half", "months")}
    stated = {claim.months} if claim.months else {place.column.months for place in places if place.column.months > 0}
    if len(months) == 1 and stated and not stated & months:
        return f"it is of {min(stated)} months, not of {months.pop()}"
    quarters = {span.number for span in plan.spans if span.kind == "quarter"}
    if quarters and claim.quarter and claim.quarter not in quarters:
        return f"it is of quarter {claim.quarter}, not of {min(quarters)}"
    return ""


def _months(kind: str, months: int) -> int:
    return {"quarter": 3, "half": 6, "year": 12}.get(kind, months)


def _of_another_unit(plan: Plan, claim: Claim, places: Sequence[Place]) -> str:
    wanted = {measure.unit for measure in plan.measures}
    if plan.operator not in ("value", "compare") or not wanted or not wanted <= _UNITS:
        return ""
    per_share = bool(_PER_SHARE.search(claim.text)) or any(place.unit.unit == "per_share" for place in places)
    if per_share and "per_share" not in wanted:
        return "it is an amount per share, not a total"
    if not per_share and wanted == {"per_share"} and any(place.unit.unit == "money" for place in places):
        return "it is a total, not an amount per share"
    return ""


def _of_a_part(plan: Plan, places: Sequence[Place]) -> str:
    """Say that every figure is of a part of the company where the question asks for the whole, or for another part."""
    if plan.group or not places or not plan.measures:
        return ""
    asked = words_of_label(" ".join(_phrases(plan.measures)))
    for place in places:
        heading = words_of_label(place.column.heading) - {"total", "consolidated", "group"}
        part = heading or (qualifiers(place.unit) & words_of_label("segment") and qualifiers(place.unit))
        if not part or part & asked:
            return ""
    names = places[0].column.heading or " ".join(places[0].unit.headings[-1:])
    return f"it is of a part of the company ({names})" if names else ""


def _names_measure(plan: Plan, claim: Claim, places: Sequence[Place]) -> bool:
    """Say whether the statement is about one of the measures that are asked for."""
    concepts = {item.concept for measure in plan.measures for item in _items(measure.expression) if item.concept}
    formulas = {measure.formula_id for measure in plan.measures if measure.formula_id}
    if concepts & ({*claim.concepts} | {place.unit.concept for place in places}) or formulas & {*claim.formulas}:
        return True
    phrases = [words_of_label(phrase) for phrase in _phrases(plan.measures)]
    return any(words and words <= claim.words for words in phrases)


def _phrases(measures: Sequence[Measure]) -> list[str]:
    return [text for measure in measures for text in (measure.name, *(item.phrase for item in _items(measure.expression)))]


def _items(expression: Expression) -> list[Item]:
    if isinstance(expression, Item):
        return [expression]
    if isinstance(expression, Call):
        return [item for argument in expression.arguments for item in _items(argument)]
    return []
