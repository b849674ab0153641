"""Tells the files with unit tests, which ``make test FAST=1`` runs, from those that start processes or servers."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
WHOLE_SYSTEM = frozenset({"bench", "browser", "deploy", "docs", "doctor", "fuzz", "soak", "supply", "system"})
"""Folders of ``tests/`` whose tests are about a running Jacie, its documentation or its delivery."""
PROCESSES = frozenset({"subprocess", "multiprocessing", "playwright", "socketserver", "moto"})
"""Packages that a file imports to start a process, a server or a browser."""


def is_unit_test_file(path: Path, tests: Path = TESTS) -> bool:
    """Return whether a test file starts nothing: neither it nor the parts of ``tests/support`` that it uses import what would."""
    if path.relative_to(tests).parts[0] in WHOLE_SYSTEM:
        return False
    seen: set[Path] = set()
    waiting = [path]
    while waiting:
        source = waiting.pop()
        if source in seen:
            continue
        seen.add(source)
        for name in _imported(source):
            if name.partition(".")[0] in PROCESSES:
                return False
            waiting += _support_files(name, tests)
    return True


def _support_files(name: str, tests: Path) -> list[Path]:
    """Return the file of a module of ``tests/``; ``from tests.support import jacie`` names it as ``tests.support.jacie``."""
    parts = name.split(".")
    if parts[0] != "tests":
        return []
    files = [tests.joinpath(*parts[1:end]).with_suffix(".py") for end in range(2, len(parts) + 1)]
    return [file for file in files if file.exists()]


def _imported(path: Path) -> Iterator[str]:
    """Yield the full names that a file imports, and what it passes to ``importorskip``; the fixture ``browser`` is playwright."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "importorskip":
            yield from (str(argument.value) for argument in node.args if isinstance(argument, ast.Constant))
        elif isinstance(node, ast.arg) and node.arg == "browser":
            yield "playwright"
