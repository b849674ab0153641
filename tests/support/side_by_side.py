"""Tests that mostly wait, run side by side: the first of a module that is asked for starts all that are wanted."""

import functools
import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest

AT_ONCE = 8


class SideBySide:
    """The waiting tests of one module; ``resources`` maps names of their parameters to what makes them."""

    def __init__(self, **resources: Callable[[], AbstractContextManager[Any]]) -> None:
        self._resources = resources
        self._functions: list[Callable[..., None]] = []

    def __call__(self, function: Callable[..., None]) -> Callable[..., None]:
        """Take a test function; pytest gets one that waits for its outcome."""
        self._functions.append(function)

        @functools.wraps(function)
        def test(side_by_side: dict[str, "Future[None]"]) -> None:
            side_by_side[function.__name__].result()

        del test.__wrapped__  # type: ignore[attr-defined]  # pytest would ask for the parameters of the original
        return test

    def run(self, request: pytest.FixtureRequest) -> Iterator[dict[str, "Future[None]"]]:
        """Start those that this session wants; the body of the module's fixture ``side_by_side``."""
        wanted = {item.name for item in request.session.items if item.path == request.path}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield {one.__name__: pool.submit(self._run, one) for one in self._functions if one.__name__ in wanted}

    def _run(self, function: Callable[..., None]) -> None:
        with ExitStack() as stack:
            names = inspect.signature(function).parameters
            function(**{name: stack.enter_context(self._resources[name]()) for name in names})
