"""Collects every regular expression of the package: those that modules hold, and those that are written where they are used."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import jacie_flask

_CALLS = {"compile", "match", "search", "sub", "subn", "split", "findall", "finditer", "fullmatch"}
_SAMPLE = "word"


@dataclass(frozen=True)
class Use:
    """A pattern, where it stands, and whether it is tried at one place of a text only (``match``, ``fullmatch``) or at each."""

    place: str
    pattern: re.Pattern[Any]
    anchored: bool
    whole: bool


@cache
def patterns() -> tuple[Use, ...]:
    """Return every pattern of the package once, with the file and line, or the module and name, of one place where it stands."""
    modules = list(_modules())
    methods = _methods(modules)
    found: list[Use] = []
    for module in modules:
        for name, value in vars(module).items():
            used = methods.get(_known_as(name, module), {"search"})
            found += [Use(f"{module.__name__}.{name}", one, *_kind(used)) for one in _held(value)] if name[:2] != "__" else []
        found += _inline(module)
    found.sort(key=lambda use: (use.anchored, use.whole))  # the use that costs most comes first
    return tuple({(use.pattern.pattern, use.pattern.flags): use for use in reversed(found)}.values())


def _kind(methods: set[str]) -> tuple[bool, bool]:
    return methods <= {"match", "fullmatch"}, methods <= {"fullmatch"}


def _methods(modules: list[ModuleType]) -> dict[str, set[str]]:
    """Return, for each name, how it is used: the attributes that are taken of it, ``search`` where it is passed on."""
    found: dict[str, set[str]] = {}
    for module in modules:
        tree = ast.parse(Path(str(module.__file__)).read_text())
        taken = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, (ast.Name, ast.Attribute)):
                name = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
                found.setdefault(_known_as(name, module), set()).add(node.attr)
                taken.add(node.value)
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node not in taken:
                found.setdefault(_known_as(node.id, module), set()).add("search")
    return found


def _known_as(name: str, module: ModuleType) -> str:
    """Return a name as it is counted: a private one is another one in each module."""
    return f"{module.__name__}.{name}" if name.startswith("_") else name


def _modules() -> Iterator[ModuleType]:
    for info in pkgutil.walk_packages(jacie_flask.__path__, "jacie_flask."):
        if not info.name.endswith("__main__"):
            yield importlib.import_module(info.name)


def _held(value: object) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        yield from _held([getattr(value, field.name) for field in fields(value)])
    elif isinstance(value, dict):
        yield from _held(list(value.items()))
    elif isinstance(value, (tuple, list, set, frozenset)):
        for one in value:
            yield from _held(one)


def _inline(module: ModuleType) -> Iterator[Use]:
    """Yield the patterns of calls such as ``re.sub(...)``; what is put into one at run time is a sample word."""
    path = Path(str(module.__file__))
    tree = ast.parse(path.read_text())
    within = {inner for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_re_call(node) and node.args:
            text = _text(node.args[0], module)
            if text is not None:
                place = f"{path.relative_to(Path(jacie_flask.__path__[0]).parent)}:{node.lineno}:{node.col_offset}"
                method = node.func.attr  # type: ignore[attr-defined]  # _is_re_call
                if method != "compile" or node in within:
                    yield Use(place, re.compile(text, _flags(node, module)), *_kind({method}))


def _is_re_call(node: ast.Call) -> bool:
    call = node.func
    return isinstance(call, ast.Attribute) and isinstance(call.value, ast.Name) and call.value.id == "re" and call.attr in _CALLS


def _text(node: ast.expr, module: ModuleType) -> str | bytes | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else _value(one, module) for one in node.values)
    value = _evaluated(node, module)
    return value if isinstance(value, (str, bytes)) else None


def _value(node: ast.expr, module: ModuleType) -> str:
    value = _evaluated(node.value, module) if isinstance(node, ast.FormattedValue) else None
    return value if isinstance(value, str) else _SAMPLE


def _flags(node: ast.Call, module: ModuleType) -> int:
    """Return the flags of a call: by name, or in the place that the function has for them."""
    place = {"compile": 1, "match": 2, "search": 2, "fullmatch": 2, "findall": 2, "finditer": 2}.get(node.func.attr)  # type: ignore[attr-defined]
    given = [one.value for one in node.keywords if one.arg == "flags"]
    if place is not None and len(node.args) > place:
        given.append(node.args[place])
    return int(_evaluated(given[0], module) or 0) if given else 0


def _evaluated(node: ast.expr, module: ModuleType) -> Any:
    try:
        return eval(compile(ast.Expression(node), "<pattern>", "eval"), dict(vars(module)))  # our own source
    except (NameError, AttributeError, TypeError, ValueError):  # it needs what only the function has
        return None
