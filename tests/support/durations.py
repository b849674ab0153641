"""Find comparisons with measured times in the source of tests: their outcome depends on the speed of the machine."""

import ast
import textwrap
from collections.abc import Iterator

_CLOCKS = {"monotonic", "perf_counter", "time", "process_time", "thread_time"}
_CLOCKS |= {f"{name}_ns" for name in _CLOCKS}
_ARITHMETIC = {"abs", "float", "int", "list", "max", "min", "round", "sorted", "sum", "tuple"}
_PERMITTED_MARK = "pytest.mark.soak"
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def duration_comparisons(source: str, attributes: frozenset[str] = frozenset()) -> list[int]:
    """Return the lines of Python ``source`` where ``<``, ``<=``, ``>`` or ``>=`` has a measured time on either side.

    A time is measured where a clock is read, where a name, attribute or field was assigned from such a value, where arithmetic or
    ``statistics`` is applied to one, and where a function of the module returns one. Programs in string constants are included;
    conditions of ``while`` and tests marked ``soak`` are not. ``attributes`` are names of measured ones from other modules.
    """
    if not any(word in source for word in _CLOCKS | {f".{name}" for name in attributes}):
        return []
    tree = ast.parse(source)
    measured = _Measured(tree, attributes)
    lines = {node.lineno for node in _comparisons(tree) if any(map(measured.has, [node.left, *node.comparators]))}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "time." in node.value:
            lines |= {node.lineno + line - 1 for line in _lines_of_program(node.value)}
    return sorted(lines)


def measured_attributes(source: str) -> frozenset[str]:
    """Return the names of the attributes and fields to which a module assigns measured times."""
    return _Measured(ast.parse(source)).attributes


def _lines_of_program(text: str) -> list[int]:
    try:
        return duration_comparisons(textwrap.dedent(text))
    except SyntaxError:  # prose, or a template
        return []


def _comparisons(node: ast.AST) -> Iterator[ast.Compare]:
    """Yield the order comparisons below a node, without conditions of ``while`` and functions with a permitted mark."""
    if isinstance(node, _FUNCTIONS) and _is_permitted(node):
        return
    if isinstance(node, ast.Compare) and any(isinstance(operator, _ORDER) for operator in node.ops):
        yield node
    for name, value in ast.iter_fields(node):
        if isinstance(node, ast.While) and name == "test":
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _comparisons(child)


def _is_permitted(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(mark) == _PERMITTED_MARK for mark in function.decorator_list)


class _Measured:
    """The names, attributes and functions of a module whose values are measured times; learnt until a round adds none."""

    def __init__(self, tree: ast.Module, attributes: frozenset[str] = frozenset()) -> None:
        self.attributes = attributes
        self._names: set[tuple[int, str]] = set()  # with the outermost function that binds them, 0 for the module
        self._functions: set[str] = set()
        self._scopes = _scopes(tree)
        self._fields = {node.name: _fields_of(node) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        before = -1
        while before != (before := len(self._names) + len(self._functions) + len(self.attributes)):
            for node in ast.walk(tree):
                self._learn(node)

    def has(self, node: ast.AST | None) -> bool:
        """Return whether an expression is made of a measured time."""
        if isinstance(node, ast.Call):
            return self._is_measured_call(node)
        if isinstance(node, ast.Attribute):
            return node.attr in self.attributes
        if isinstance(node, ast.Name):
            return self._key(node) in self._names
        if isinstance(node, ast.Compare):
            return False  # it is examined itself
        return node is not None and any(self.has(child) for child in ast.iter_child_nodes(node))

    def _is_measured_call(self, call: ast.Call) -> bool:
        name = _name_of(call.func)
        if isinstance(call.func, ast.Attribute) and name in _CLOCKS and _name_of(call.func.value) == "time":
            return True
        if isinstance(call.func, ast.Name) and name in _CLOCKS - {"time"}:
            return True
        keeps_unit = name in _ARITHMETIC or ast.unparse(call.func).startswith("statistics.")
        return name in self._functions or (keeps_unit and any(map(self.has, call.args)))

    def _key(self, name: ast.Name) -> tuple[int, str]:
        return self._scopes.get(id(name), 0), name.id

    def _add(self, target: ast.expr) -> None:
        if isinstance(target, ast.Attribute):
            self.attributes |= {target.attr}
        elif isinstance(target, ast.Name):
            self._names.add(self._key(target))

    def _learn(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(target, node.value)
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)):
            self._assign(node.target, node.value)
        elif isinstance(node, (ast.For, ast.comprehension)):
            self._assign(node.target, node.iter)
        elif isinstance(node, ast.Call):
            self._learn_call(node)
        elif isinstance(node, _FUNCTIONS):
            values = [one.value for one in ast.walk(node) if isinstance(one, (ast.Return, ast.Yield))]
            self._functions |= {node.name} if any(map(self.has, values)) else set()

    def _learn_call(self, call: ast.Call) -> None:
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("append", "extend") and any(map(self.has, call.args)):
            self._add(call.func.value)
        for field, value in zip(self._fields.get(_name_of(call.func), []), call.args, strict=False):
            self.attributes |= {field} if self.has(value) else set()
        if _name_of(call.func) in self._fields:
            self.attributes |= {keyword.arg or "" for keyword in call.keywords if self.has(keyword.value)}

    def _assign(self, target: ast.expr, value: ast.expr | None) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for one, other in zip(target.elts, value.elts, strict=True):
                self._assign(one, other)
        elif isinstance(target, (ast.Tuple, ast.Starred)) and self.has(value):
            for one in target.elts if isinstance(target, ast.Tuple) else [target.value]:
                self._assign(one, value)
        elif self.has(value):
            self._add(target)


def _scopes(tree: ast.Module) -> dict[int, int]:
    """Return for each name inside a function that this function binds the outermost such function, both by ``id``."""
    scopes: dict[int, int] = {}
    for function in ast.walk(tree):  # outer nodes come first
        if isinstance(function, _FUNCTIONS):
            names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
            bound = {name.id for name in names if isinstance(name.ctx, ast.Store)}
            bound |= {one.arg for one in ast.walk(function) if isinstance(one, ast.arg)}
            for name in names:
                if name.id in bound:
                    scopes.setdefault(id(name), id(function))
    return scopes


def _fields_of(made: ast.ClassDef) -> list[str]:
    return [_name_of(node.target) for node in made.body if isinstance(node, ast.AnnAssign)]


def _name_of(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
