"""What a check found, and running checks side by side, each within its time."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import msgspec

from jacie_flask.errors import ConfigurationError, JacieError

State = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    """One line of the report: what was looked at (of which tenant), how it is, and which variable or line to change."""

    part: str
    state: State
    said: str
    change: str = ""
    took_ms: int | None = None
    tenant: str = ""


Check = Callable[[], Iterable[Finding]]
_AT_ONCE = 16


def examine(checks: Mapping[str, Check], patience_s: float) -> list[Finding]:
    """Return what all checks found, in their order, within ``patience_s``; one that is not done by then has failed."""
    found: dict[str, list[Finding]] = {}
    begun: set[str] = set()
    waiting = queue.SimpleQueue[str]()
    for part in checks:
        waiting.put(part)

    def work() -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                part = waiting.get_nowait()
                begun.add(part)
                _look(part, checks[part], found)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(_AT_ONCE, len(checks)))]
    for thread in threads:
        thread.start()
    end = time.monotonic() + patience_s
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    with contextlib.suppress(queue.Empty):
        while True:
            waiting.get_nowait()  # what has not begun does not any more
    return [finding for part in checks for finding in found.get(part) or [_missing(part, part in begun, patience_s)]]


def _missing(part: str, begun: bool, patience_s: float) -> Finding:
    if begun:
        change = "what keeps it busy: doctor again when the load of this machine is less, or look into the log of what it asks"
        return Finding(part, "fail", f"no answer within {patience_s:.0f} s", change)
    return Finding(
        part, "warn", f"not looked at: what came before took all of {patience_s:.0f} s", "what fails above, then doctor again"
    )


def _look(part: str, check: Check, found: dict[str, list[Finding]]) -> None:
    begun = time.monotonic()
    try:
        findings = list(check())
    except (JacieError, ConfigurationError) as error:
        findings = [Finding(part, "fail", str(error))]
    except Exception as error:  # noqa: BLE001  # a check ends here; what it met is what there is to say
        findings = [Finding(part, "fail", f"{type(error).__name__}: {error}")]
    took_ms = round((time.monotonic() - begun) * 1000)
    found[part] = [msgspec.structs.replace(one, took_ms=took_ms) if one.took_ms is None else one for one in findings]
