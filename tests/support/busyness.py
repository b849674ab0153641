"""How long the machine keeps processes waiting, so that a bound on time that holds where nothing else runs can be told apart from it."""

import threading
import time
from typing import Self

_NAP_S = 0.01


class Busyness:
    """Naps beside a measurement and notes how much too late it is woken: ``late_s`` in all, ``longest_s`` at once; a context manager."""

    def __init__(self) -> None:
        self.late_s = 0.0
        self.longest_s = 0.0
        self._end = threading.Event()
        self._napping = threading.Thread(target=self._nap, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._napping.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End with what is measured."""
        self._end.set()
        self._napping.join()

    def _nap(self) -> None:
        while not self._end.is_set():
            began = time.monotonic()
            time.sleep(_NAP_S)
            late = max(0.0, time.monotonic() - began - _NAP_S)
            self.late_s += late
            self.longest_s = max(self.longest_s, late)
