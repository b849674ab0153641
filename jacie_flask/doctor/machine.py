"""The machine under Jacie: its settings taken together, its disk, descriptors, clock and programs."""

import email.utils
import http.client
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from jacie_flask.config import Settings
from jacie_flask.doctor.findings import Check, Finding
from jacie_flask.documents import ocr

_LITTLE_DISK, _NO_DISK = 3_000_000_000, 200_000_000
_FILES_A_RUN, _FILES_BESIDE = 4, 256
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CLOCK_S = 60.0
_ASK_S = 5.0


def checks(settings: Settings) -> dict[str, Check]:
    """Return what there is to look at."""
    return {
        "settings": lambda: _settings(settings),
        "data folder": lambda: _data(settings),
        "descriptors": lambda: _descriptors(settings),
        "tesseract": _tesseract,
        "clock": lambda: _clock(settings),
    }


def _settings(settings: Settings) -> Iterator[Finding]:
    """Say what fits together badly, although each value for itself is allowed."""
    if settings.model_timeout_s > settings.deadline_s:
        said = f"a silent model may take {settings.model_timeout_s:g} s, a question {settings.deadline_s:g} s"
        yield Finding("settings", "warn", said, "JACIE_MODEL_TIMEOUT_S below JACIE_DEADLINE_S")
    if settings.host not in _LOOPBACK and not settings.proxies:
        said = f"it listens on {settings.host} and trusts no proxy: behind one, all clients look like one"
        yield Finding("settings", "warn", said, "JACIE_PROXIES=1 behind one proxy, HOST=127.0.0.1 for nobody else")
    if settings.host not in _LOOPBACK and settings.proxies and settings.trusted_proxies == "loopback":
        said = (
            f"it listens on {settings.host} and believes proxies of this machine only: behind another, all clients look like one"
        )
        yield Finding("settings", "warn", said, "JACIE_TRUSTED_PROXIES, or HOST=127.0.0.1 behind a proxy on this machine")
    parts = f"{settings.documents}, {settings.index}, embeddings {settings.embeddings}, {settings.workers} workers"
    yield Finding("settings", "ok", f"all have allowed values: {parts}")


def _data(settings: Settings) -> Iterator[Finding]:
    try:
        with tempfile.TemporaryFile(dir=settings.data) as file:
            file.write(b"x")
            file.flush()
    except OSError as error:
        yield Finding("data folder", "fail", f"{settings.data} cannot be written: {error.strerror}", "JACIE_DATA")
        return
    free = shutil.disk_usage(settings.data).free
    state = "fail" if free < _NO_DISK else "warn" if free < _LITTLE_DISK else "ok"
    change = "" if state == "ok" else "JACIE_DATA: caches take up to 2.3 GB beside the index"
    yield Finding("data folder", state, f"{settings.data} can be written, {free / 1e9:.1f} GB are free", change)  # type: ignore[arg-type]


def _descriptors(settings: Settings) -> Iterator[Finding]:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    wanted = _FILES_A_RUN * settings.max_runs + _FILES_BESIDE
    if limit < wanted:
        said = f"{limit} for each process; {settings.max_runs} questions at once may need {wanted}"
        yield Finding("descriptors", "warn", said, f"LimitNOFILE={max(65_536, wanted)} (systemd), ulimit -n, or JACIE_MAX_RUNS")
        return
    yield Finding("descriptors", "ok", f"{limit} for each process")


def _tesseract() -> Iterator[Finding]:
    program = ocr.program()
    if not program:
        said = "not installed: scanned pages are left out, and named in the report of the ingestion"
        yield Finding("tesseract", "warn", said, "apt-get install tesseract-ocr, unless no document is scanned")
        return
    yield Finding("tesseract", "ok", program)


def _clock(settings: Settings) -> Iterator[Finding]:
    """Compare with what upstreams say: S3 refuses requests whose time is wrong by a quarter of an hour, TLS certificates earlier."""
    upstreams = [url for url in (settings.openai_base_url, settings.s3_endpoint, settings.pinecone_host) if url]
    ahead = [seconds for seconds in map(_ahead_s, upstreams) if seconds is not None]
    if not ahead:
        yield Finding("clock", "ok", f"{time.strftime('%Y-%m-%d %H:%M:%S %Z')}; no upstream says a time to compare it with")
        return
    worst = max(ahead, key=abs)
    if abs(worst) > _CLOCK_S:
        yield Finding(
            "clock", "fail", f"differs from an upstream's by {abs(worst):.0f} s", "synchronise it (chrony, systemd-timesyncd)"
        )
        return
    yield Finding("clock", "ok", f"agrees with {len(ahead)} upstreams within {abs(worst) + 1:.0f} s")


def _ahead_s(url: str) -> float | None:
    """Return by how many seconds this machine's clock is ahead of a server's; None when it does not say."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc.rpartition("@")[2], timeout=_ASK_S)
    try:
        connection.request("HEAD", "/")
        date = connection.getresponse().headers.get("Date", "")
        return time.time() - email.utils.parsedate_to_datetime(date).timestamp()
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
