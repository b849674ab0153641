"""Definitions that stand in for concepts which no statement of a filing states."""

import tomllib
from functools import cache
from pathlib import Path

from jacie_flask.facts.expressions import Expression
from jacie_flask.facts.formulas import formulas, read

_PATH = Path(__file__).with_suffix(".toml")


@cache
def _definitions() -> dict[str, Expression]:
    """Read derivations.toml; formulas that have the name of a concept belong to them."""
    stated = tomllib.loads(_PATH.read_text(encoding="utf-8"))
    named = {name: formula.expression for name, formula in formulas().items()}
    return {**named, **{concept: read(text, {}) for concept, text in stated.items()}}


def definition_of(concept: str) -> Expression | None:
    """Return what a concept is computed from where it is not stated, None where there is no such definition."""
    return _definitions().get(concept)
