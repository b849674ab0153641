"""Counts the steps of a backtracking matcher, so that a test sees how the cost of a pattern grows without a clock.

The matcher follows Python's parse tree of a pattern, tries alternatives in the order of ``re`` and counts every character that it looks at.
"""

import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import groupby, product
from re import _compiler, _constants, _parser  # type: ignore[attr-defined]
from typing import Any

_BOUNDED = 500
_CLAMP = 8
_LIMIT = 150_000
_SINGLE = (_constants.LITERAL, _constants.NOT_LITERAL, _constants.IN, _constants.ANY)
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)
CLASSES = tuple("aAé0_-.,;:!?'\"’“()[]{}<>/\\&%$€|*+=#@~^`• \n\t\r\xa0\x00一")
SHORT, LONG, WORST = 64, 256, 6.5
"""Lengths of the two runs, and the highest growth of steps between them: a linear pattern grows by 4, a quadratic one by 16."""
_FEW = 2
"""Steps for each character of the short run that show a linear pattern: a quadratic one takes three or more there."""

Step = Callable[[int, Callable[[int], bool]], bool]


class TooManySteps(Exception):
    """The matcher went past its limit."""


class Matcher:
    """One pattern, ready to be run over texts; repeats of at most 500 count as 8 times at most, longer ones as endless."""

    def __init__(self, pattern: re.Pattern[Any], *, anchored: bool = False, whole: bool = False) -> None:
        self._anchored, self._whole = anchored, whole
        self.binary = isinstance(pattern.pattern, bytes)
        tree = _parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
        self._state, self.tree = tree.state, tree
        self._flags = pattern.flags
        self._text = ""
        self._tests: dict[tuple[str, int], Callable[[str], bool]] = {}
        self._groups: dict[int, tuple[int, int]] = {}
        self.steps = 0
        self.has_long_repeat = any(_long_repeats(list(tree)))
        self.matches: list[tuple[int, int]] = []
        self._begin = self._sequence(list(tree), self._flags)
        self._may_begin = self._opens(list(tree), self._flags)

    def search_all(self, text: str) -> int:
        """Return the steps of finding every match in ``text``, or of the match at its beginning where the pattern is anchored."""
        self._text, self.steps, self.matches, start = text, 0, [], 0
        if self._anchored:
            self._groups = {}
            self._begin(0, lambda at: at == len(text) or not self._whole)
            return self.steps
        while start <= len(text):
            self._groups = {}
            end: list[int] = []
            self._count()
            if self._may_begin(text[start : start + 1]) and self._begin(
                start, lambda at, end=end, start=start: not self._seen(start, at) and not end.append(at)
            ):  # type: ignore[misc]
                self.matches.append((start, end[0]))
                start = max(start, end[0])
            else:
                start += 1
        return self.steps

    def _seen(self, start: int, end: int) -> bool:
        """Say whether a match would be the empty one behind the last: ``re`` goes on looking then."""
        return start == end and bool(self.matches) and self.matches[-1] == (start, end)

    def _count(self) -> None:
        self.steps += 1
        if self.steps > _LIMIT:
            raise TooManySteps

    def accepts(self, node: Any, flags: int) -> Callable[[str], bool]:
        """Return whether one character matches the node, by the engine itself."""
        key = str(node), int(flags)
        if key not in self._tests:
            self._tests[key] = self._test(node, flags)
        return self._tests[key]

    def _test(self, node: Any, flags: int) -> Callable[[str], bool]:
        compiled = _compiler.compile(_parser.SubPattern(self._state, [node]), flags)

        @cache
        def accepted(char: str) -> bool:
            return compiled.fullmatch(char.encode("latin-1", "replace") if self.binary else char) is not None

        return accepted

    def _sequence(self, nodes: list[Any], flags: int) -> Step:
        steps: list[Step] = []
        for single, same in groupby(nodes, lambda node: node[0] in _SINGLE):
            found = [*same]
            steps += (
                [self._word([self.accepts(node, flags) for node in found])]
                if single
                else [self._node(node, flags) for node in found]
            )
        if len(steps) == 1:
            return steps[0]
        last = len(steps) - 1

        def run(at: int, then: Callable[[int], bool], number: int = 0) -> bool:
            if number >= last:
                return steps[last](at, then) if steps else then(at)
            return steps[number](at, lambda after: run(after, then, number + 1))

        return run

    def _node(self, node: Any, flags: int) -> Step:
        kind, value = node
        if kind in _REPEATS:
            return self._repeat(kind, *value, flags)
        if kind is _constants.SUBPATTERN:
            group, added, removed, inner = value
            return self._group(group, self._sequence(list(inner), flags & ~removed | added))
        if kind is _constants.BRANCH:
            return self._branch([(self._opens(list(one), flags), self._sequence(list(one), flags)) for one in value[1]])
        if kind is _constants.AT:
            return self._assertion(_compiler.compile(_parser.SubPattern(self._state, [node]), flags))
        if kind in (_constants.ASSERT, _constants.ASSERT_NOT):
            return self._look(value[0], value[1], kind is _constants.ASSERT, flags)
        if kind is _constants.ATOMIC_GROUP:
            return self._atomic(self._sequence(list(value), flags))
        if kind is _constants.GROUPREF:
            return self._again(value)
        raise NotImplementedError(str(kind))

    def _word(self, word: list[Callable[[str], bool]]) -> Step:
        """Match one character after the other."""

        def run(at: int, then: Callable[[int], bool]) -> bool:
            text = self._text
            for place, accepted in enumerate(word, at):
                self.steps += 1
                if place >= len(text) or not accepted(text[place]):
                    return False
            if self.steps > _LIMIT:
                raise TooManySteps
            return then(at + len(word))

        return run

    def _repeat(self, kind: Any, least: int, most: int, inner: Any, flags: int) -> Step:
        if most <= _BOUNDED:
            least, most = min(least, _CLAMP), min(most, _CLAMP)
        if len(inner) == 1 and inner[0][0] in _SINGLE:
            return self._single_repeat(kind, least, most, self.accepts(inner[0], flags))
        body = self._sequence(list(inner), flags)

        def greedy(at: int, then: Callable[[int], bool], done: int = 0) -> bool:
            self._count()
            if done < most and body(at, lambda after: (after > at or done < least) and greedy(after, then, done + 1)):
                return True
            return done >= least and then(at)

        def lazy(at: int, then: Callable[[int], bool], done: int = 0) -> bool:
            self._count()
            if done >= least and then(at):
                return True
            return done < most and body(at, lambda after: (after > at or done < least) and lazy(after, then, done + 1))

        if kind is _constants.POSSESSIVE_REPEAT:
            return self._atomic(greedy)
        return lazy if kind is _constants.MIN_REPEAT else greedy

    def _single_repeat(self, kind: Any, least: int, most: int, accepted: Callable[[str], bool]) -> Step:
        def run(at: int, then: Callable[[int], bool]) -> bool:
            end, text = at, self._text
            while end < len(text) and end - at < most and accepted(text[end]):
                end += 1
                self._count()
            if end - at < least:
                return False
            if kind is _constants.POSSESSIVE_REPEAT:
                return then(end)
            order = range(end, at + least - 1, -1) if kind is _constants.MAX_REPEAT else range(at + least, end + 1)
            return any(self._count() or then(one) for one in order)

        return run

    def _group(self, group: int | None, body: Step) -> Step:
        def run(at: int, then: Callable[[int], bool]) -> bool:
            before = self._groups.get(group or 0)

            def close(end: int) -> bool:
                if group:
                    self._groups[group] = at, end
                return then(end)

            if body(at, close):
                return True
            if group and before:
                self._groups[group] = before
            return False

        return run

    def _branch(self, ways: list[tuple[Callable[[str], bool], Step]]) -> Step:
        @cache
        def open_ways(char: str) -> list[Step]:
            return [way for opens, way in ways if opens(char)]

        def run(at: int, then: Callable[[int], bool]) -> bool:
            self._count()
            return any(self._count() or way(at, then) for way in open_ways(self._text[at : at + 1]))

        return run

    def _opens(self, nodes: list[Any], flags: int) -> Callable[[str], bool]:
        """Return whether a match can begin with a character ("" at the end); a way that cannot begin costs no more than one step."""
        first = self._first(nodes, flags)

        @cache
        def opens(char: str) -> bool:
            return first is None or (char != "" and any(accepted(char) for accepted in first))

        return opens

    def _first(self, nodes: list[Any], flags: int) -> list[Callable[[str], bool]] | None:
        """Return the tests for a match's first character, None where it may be empty or where looking at it is work of its own."""
        found: list[Callable[[str], bool]] = []
        for kind, value in nodes:
            if kind in _SINGLE:
                return [*found, self.accepts((kind, value), flags)]
            if kind is _constants.AT:
                continue
            if kind is _constants.GROUPREF or (kind in (_constants.ASSERT, _constants.ASSERT_NOT) and value[0] > 0):
                return None
            if kind in (_constants.ASSERT, _constants.ASSERT_NOT):
                continue
            optional = kind in _REPEATS and value[0] == 0
            ways = [self._first(inner, inner_flags) for inner, inner_flags in _inner(kind, value, flags)]
            if not all(way is not None for way in ways):
                return None
            found += [accepted for way in ways for accepted in way or ()]
            if not optional:
                return found
        return None

    def _assertion(self, compiled: re.Pattern[Any]) -> Step:
        def run(at: int, then: Callable[[int], bool]) -> bool:
            self._count()
            text = self._text.encode("latin-1", "replace") if self.binary else self._text
            return compiled.match(text, at) is not None and then(at)

        return run

    def _look(self, direction: int, inner: Any, wanted: bool, flags: int) -> Step:
        body, width = self._sequence(list(inner), flags), inner.getwidth()[0]

        def run(at: int, then: Callable[[int], bool]) -> bool:
            self._count()
            start = at if direction > 0 else at - width
            found = start >= 0 and body(start, lambda end: direction > 0 or end == at)
            return found == wanted and then(at)

        return run

    def _atomic(self, body: Step) -> Step:
        def run(at: int, then: Callable[[int], bool]) -> bool:
            end: list[int] = []
            return body(at, lambda after: bool(end.append(after)) or True) and then(end[0])

        return run

    def _again(self, group: int) -> Step:
        def run(at: int, then: Callable[[int], bool]) -> bool:
            start, end = self._groups.get(group, (0, -1))
            self._count()
            return end >= start and self._text.startswith(self._text[start:end], at) and then(at + end - start)

        return run


def growth(pattern: re.Pattern[Any], *, anchored: bool = False, whole: bool = False) -> tuple[float, str]:
    """Return how much the steps grow between runs of 64 and 256 for the worst of all texts, and what that text repeats."""
    sys.setrecursionlimit(20_000)
    matcher = Matcher(pattern, anchored=anchored, whole=whole)
    return max((_grown(matcher, *text), repr(text)) for text in _texts(matcher))


def _grown(matcher: Matcher, prefix: str, pump: str, suffix: str) -> float:
    rounds = max(SHORT // len(pump), 4)
    short = prefix + pump * rounds + suffix
    try:
        steps = matcher.search_all(short)
        if steps * WORST > _LIMIT:
            return float("inf")
        if steps <= _FEW * len(short) or not matcher.has_long_repeat:
            return LONG / SHORT
        return matcher.search_all(prefix + pump * (rounds * LONG // SHORT) + suffix) / max(steps, 8 * SHORT)
    except TooManySteps:
        return float("inf")


def _texts(matcher: Matcher) -> Iterator[tuple[str, str, str]]:
    """Yield (prefix, what is repeated, suffix): runs of each class and of pairs of them, alone and behind what leads to a repeat."""
    signs = _alphabet(matcher)
    pumps = [*signs, *("".join(pair) for pair in product(signs, repeat=2) if pair[0] != pair[1])]
    yield from (("", pump, "\x00") for pump in dict.fromkeys(pumps))
    for prefix, body in set(_leads(matcher, list(matcher.tree), "", matcher._flags)):
        for pump in {body, *signs} - {""}:
            yield prefix, pump, "\x00"
            yield "", prefix + pump, "\x00"
        for first, second in product({body} - {""}, signs):
            yield prefix, first + second, "\x00"


def _alphabet(matcher: Matcher) -> list[str]:
    """Return one character of each group of those classes that the pattern cannot tell apart."""
    tests = [matcher.accepts(node, flags) for node, flags in _singles(list(matcher.tree), matcher._flags)]
    signs: dict[tuple[bool, ...], str] = {}
    for char in CLASSES if not matcher.binary else [one for one in CLASSES if ord(one) < 256]:
        kind = (char.isalnum() or char == "_", char == "\n", *(test(char) for test in tests))
        signs.setdefault(kind, char)
    return list(signs.values())


def _singles(nodes: list[Any], flags: int) -> Iterator[tuple[Any, int]]:
    for node in nodes:
        kind, value = node
        if kind in _SINGLE:
            yield node, flags
        for inner, inner_flags in _inner(kind, value, flags):
            yield from _singles(inner, inner_flags)


def _long_repeats(nodes: list[Any]) -> Iterator[bool]:
    """Yield, for each node, whether it repeats without a small bound: a pattern without such a node takes bounded time at each place."""
    for kind, value in nodes:
        yield kind in _REPEATS and value[1] > _BOUNDED
        for inner, _ in _inner(kind, value, 0):
            yield from _long_repeats(inner)


def _inner(kind: Any, value: Any, flags: int) -> list[tuple[list[Any], int]]:
    if kind in _REPEATS:
        return [(list(value[2]), flags)]
    if kind is _constants.SUBPATTERN:
        return [(list(value[3]), flags & ~value[2] | value[1])]
    if kind is _constants.BRANCH:
        return [(list(one), flags) for one in value[1]]
    if kind in (_constants.ASSERT, _constants.ASSERT_NOT):
        return [(list(value[1]), flags)]
    return [(list(value), flags)] if kind is _constants.ATOMIC_GROUP else []


def _leads(matcher: Matcher, nodes: list[Any], prefix: str, flags: int) -> Iterator[tuple[str, str]]:
    """Yield, for each long repeat, a text that leads to it and one round of it."""
    for kind, value in nodes:
        for inner, inner_flags in _inner(kind, value, flags):
            if kind in _REPEATS and value[1] > _BOUNDED:
                yield prefix, _sample(matcher, inner, inner_flags)
            if kind is not _constants.ASSERT_NOT:
                yield from _leads(matcher, inner, prefix, inner_flags)
        prefix += _sample(matcher, [(kind, value)], flags)


def _sample(matcher: Matcher, nodes: list[Any], flags: int) -> str:
    """Return a text that the nodes match, as far as their assertions let it be seen from here."""
    text = ""
    for kind, value in nodes:
        if kind in _SINGLE:
            accepted = matcher.accepts((kind, value), flags)
            literal = chr(value) if kind is _constants.LITERAL else ""
            text += literal or next(filter(accepted, [*CLASSES, *map(chr, range(256))][: 300 if not matcher.binary else 60]), "")
        elif kind is _constants.BRANCH:
            text += _sample(matcher, list(value[1][0]), flags)
        elif kind in _REPEATS:
            text += _sample(matcher, list(value[2]), flags) * min(max(value[0], 1), _CLAMP)
        elif kind is not _constants.ASSERT_NOT:
            text += "".join(_sample(matcher, inner, inner_flags) for inner, inner_flags in _inner(kind, value, flags)[:1])
    return text
