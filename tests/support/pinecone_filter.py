"""Pinecone's filter language over metadata: $eq, $ne, $in, $nin, $exists, $gt, $gte, $lt, $lte, $and, $or."""

from collections.abc import Callable, Iterator
from typing import Any


def prepared(where: Any) -> Any:
    """Return a filter whose long lists are sets, which many records are looked up in."""
    if not isinstance(where, dict):
        return where
    return {
        name: set(value)
        if name in ("$in", "$nin")
        else [prepared(one) for one in value]
        if name in ("$and", "$or")
        else prepared(value)
        for name, value in where.items()
    }


def matches(metadata: dict[str, Any], where: dict[str, Any]) -> bool:
    """Say whether metadata passes a filter of Pinecone's language."""
    for name, condition in where.items():
        if name == "$and":
            passed = all(matches(metadata, one) for one in condition)
        elif name == "$or":
            passed = any(matches(metadata, one) for one in condition)
        else:
            held = metadata.get(name)
            conditions = condition if isinstance(condition, dict) else {"$eq": condition}
            passed = all(COMPARE[operator](held, wanted) for operator, wanted in conditions.items())
        if not passed:
            return False
    return True


def _listed(held: Any) -> list[Any]:
    return held if isinstance(held, list) else [held]


def _ordered(test: Callable[[float, float], bool]) -> Callable[[Any, Any], bool]:
    return lambda held, wanted: isinstance(held, int | float) and not isinstance(held, bool) and test(held, wanted)


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda held, wanted: wanted in _listed(held),
    "$ne": lambda held, wanted: wanted not in _listed(held),
    "$in": lambda held, wanted: any(one in wanted for one in _listed(held)),
    "$nin": lambda held, wanted: not any(one in wanted for one in _listed(held)),
    "$exists": lambda held, wanted: (held is not None) == wanted,
    "$gt": _ordered(lambda held, wanted: held > wanted),
    "$gte": _ordered(lambda held, wanted: held >= wanted),
    "$lt": _ordered(lambda held, wanted: held < wanted),
    "$lte": _ordered(lambda held, wanted: held <= wanted),
}


def words_of(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of the metadata's short strings, which filters look for."""
    for name, value in (record.get("metadata") or {}).items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str) and len(one) < 100:
                yield name, one
