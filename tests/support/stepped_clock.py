"""A wall clock for servers of tests that is set forward and back while they run; their monotonic clock goes on."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

_SOURCE = Path(__file__).with_suffix(".c")


class SteppedClock:
    """The wall clock of the processes that are started with ``settings``."""

    def __init__(self, folder: Path) -> None:
        """Build the library that replaces the C library's wall clock; skips the test where there is no compiler."""
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            pytest.skip("NOT TESTED: steps of the clock (no C compiler is installed)")
        folder.mkdir(parents=True, exist_ok=True)
        library, self._file = folder / "stepped_clock.so", folder / "step"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE)], check=True, capture_output=True)
        self.set(0)
        self.settings = {"LD_PRELOAD": str(library), "STEPPED_CLOCK": str(self._file)}

    def set(self, seconds: int) -> None:
        """Have the clock be so many seconds ahead of the machine's, or behind it."""
        with open(self._file, "r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("q", seconds))
