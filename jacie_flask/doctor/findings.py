"""What a check found, and running checks side by side, each within its time."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import msgspec

from jacie_flask.errors import ConfigurationError, JacieError

State = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    """One line of the report: what was looked at, how it is, and which variable or line to change."""

    part: str
    state: State
    said: str
    change: str = ""
    took_ms: int | None = None


Check = Callable[[], Iterable[Finding]]


def examine(checks: Mapping[str, Check], patience_s: float) -> list[Finding]:
    """Return what all checks found, in their order; one that takes longer than ``patience_s`` has failed."""
    found: dict[str, list[Finding]] = {}
    threads = [threading.Thread(target=_look, args=(part, check, found), daemon=True) for part, check in checks.items()]
    for thread in threads:
        thread.start()
    end = time.monotonic() + patience_s
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    late = f"no answer within {patience_s:.0f} s"
    return [finding for part in checks for finding in found.get(part, [Finding(part, "fail", late)])]


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
