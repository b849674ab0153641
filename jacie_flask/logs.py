"""How Jacie logs: one line an event on stderr, for people or as JSON, the same for our loggers, gunicorn's and libraries'.

No value can end a line or begin another, and no secret of the settings is in one.
"""

import json
import logging
import re
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from jacie_flask.config import Settings
from jacie_flask.redaction import redactor

_CHATTY = ("httpx", "httpx2", "httpcore", "httpcore2", "openai", "pinecone", "botocore", "boto3", "urllib3", "opentelemetry")
_FIRST = ("timestamp", "level", "logger", "event")
_LONGEST = 4000
# What ends a line, moves a cursor, or turns the direction of what follows.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_INDENT = "    "

log = logging.getLogger(__name__)


def configure(settings: Settings) -> None:
    """Set the root logger up for this process, once, at its start; libraries speak up only when something is wrong."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(settings.log_format, redactor(settings.secrets)))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    sys.excepthook = _uncaught
    threading.excepthook = lambda told: _uncaught(told.exc_type, told.exc_value or told.exc_type(), told.exc_traceback)


def formatter(log_format: str, redact: Callable[[str], str]) -> logging.Formatter:
    """Return what makes a line of a record: ``console`` or ``json``."""

    def clean(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {name: redact(value) if isinstance(value, str) else value for name, value in event.items()}

    def clean_line(_: WrappedLogger, __: str, line: Any) -> str:
        return redact(line)  # what was no text before

    gathered: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendered: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        clean,
        _as_json if log_format == "json" else _for_people,
        clean_line,
    ]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=gathered, processors=rendered)


def about(**facts: str) -> None:
    """Say what the log lines of this greenlet or thread are about from now on: a request or a run, by its ids."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**_known(facts))


def also(**facts: str) -> None:
    """Add to what this greenlet's log lines are about."""
    structlog.contextvars.bind_contextvars(**_known(facts))


def _known(facts: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in facts.items() if value}


def _as_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    """Return the event as one line of ASCII: nothing in it can be taken for a line's end."""
    ordered = {name: event.pop(name) for name in _FIRST if name in event}
    return json.dumps({name: _cut(value) for name, value in {**ordered, **event}.items()}, default=repr)


def _for_people(_: WrappedLogger, __: str, event: EventDict) -> str:
    """Return the event as a line, its facts behind it; the lines of a traceback are indented below."""
    time, level, logger, said = (str(event.pop(name, "")) for name in _FIRST)
    trace = str(event.pop("exception", ""))
    facts = " ".join(f"{name}={_printable(_cut(value))}" for name, value in event.items())
    line = f"{time} {level.upper()} {logger}: {_printable(_cut(said))}{' ' if facts else ''}{facts}"
    return "\n".join([line, *(_INDENT + _printable(part) for part in trace.split("\n") if part)])


def _cut(value: Any) -> Any:
    return value[:_LONGEST] + " [cut]" if isinstance(value, str) and len(value) > _LONGEST else value


def _printable(value: object) -> str:
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), str(value))


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("ended by what nobody caught", exc_info=(kind, error, trace))
