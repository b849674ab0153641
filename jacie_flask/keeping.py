"""What this process cannot keep on its disk at present, and why: answers go on without it, and say so."""

import logging
import threading
from collections.abc import Mapping

log = logging.getLogger(__name__)

_LASTING = frozenset({"metrics"})
"""What a process that had no room for it once does without to its end."""

_lock = threading.Lock()
_lost: dict[str, str] = {}


def failed(what: str, reason: object) -> None:
    """Note that ``what`` (such as "texts of documents") could not be kept; the log has it once until it can."""
    with _lock:
        known, _lost[what] = what in _lost, _words(reason)
    if not known:
        log.error("%s cannot be kept: %s", what, reason)


def succeeded(what: str) -> None:
    """Note that ``what`` is kept again."""
    if what in _lost:
        with _lock:
            known = _lost.pop(what, None)
        if known is not None:
            log.warning("%s are kept again", what)


def recovered() -> None:
    """Forget what was lost to the disk: it takes files again, and whatever fails still will be noted again."""
    for what in lost():
        if what not in _LASTING:
            succeeded(what)


def lost() -> Mapping[str, str]:
    """Return what is not kept at present, each with the reason."""
    with _lock:
        return dict(_lost)


def notes() -> list[str]:
    """Return in words for users what is not kept."""
    found = lost()
    if not found:
        return []
    reasons = ", ".join(sorted(set(found.values())))
    return [
        f"What this server keeps on its disk is not being kept ({', '.join(sorted(found))}: {reasons}); the answer does without."
    ]


def _words(reason: object) -> str:
    """Return the reason without names of files."""
    return (reason.strerror or type(reason).__name__) if isinstance(reason, OSError) else str(reason)
