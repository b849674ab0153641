"""Requests to a server as they are on the wire: version, headers and the moment at which each piece arrives."""

import contextlib
import http.client
import json
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_CHUNK = 65_536
_MOST_BODY = 4_000_000


class Unreachable(Exception):
    """No whole answer came; its text says why."""


@dataclass(frozen=True)
class Answer:
    """One answer; ``version`` is 10 or 11 as in HTTP/1.x, ``took_s`` counts from before the connection."""

    status: int
    version: int
    headers: Mapping[str, str]
    repeated: Mapping[str, int]
    body: bytes
    took_s: float

    @property
    def json(self) -> dict[str, Any]:
        """Return the body as an object, an empty one where it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


@dataclass
class Heard:
    """A stream of probes: when each was sent (the server's clock) and came (ours), and after how many seconds it ended."""

    status: int = 0
    version: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: list[float] = field(default_factory=list)
    came: list[float] = field(default_factory=list)
    expected: int = 0
    lasted_s: float = 0.0
    broke: str = ""

    @property
    def whole(self) -> bool:
        """Say whether every probe came."""
        return len(self.came) == self.expected > 0


@dataclass(frozen=True)
class Server:
    """The address to look at, and the key that its questions need, if any."""

    url: str
    key: str = ""

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None, timeout_s: float = 10.0
    ) -> Answer:
        """Return the answer to one request; raise Unreachable."""
        begun = time.monotonic()
        with self._answering(method, path, headers or {}, body, timeout_s) as got:
            held = got.read(_MOST_BODY)
            names = [name.lower() for name, _ in got.getheaders()]
            repeated = {name: names.count(name) for name in names}
            return Answer(got.status, got.version, _lower(got), repeated, held, time.monotonic() - begun)

    def listen(self, events: int, every_s: float, headers: Mapping[str, str] | None = None) -> Heard:
        """Follow so many probes; what breaks the stream is part of what was heard."""
        heard, begun = Heard(expected=events), time.monotonic()
        try:
            path = f"/health/stream?events={events}&every={every_s:g}"
            with self._answering("GET", path, headers or {}, None, every_s + 10.0) as got:
                heard.status, heard.version, heard.headers = got.status, got.version, _lower(got)
                for line in _lines(got):
                    if line.startswith(b"data:"):
                        heard.sent.append(float(json.loads(line[5:]).get("timestamp", 0.0)))
                        heard.came.append(time.monotonic())
        except Unreachable as error:
            heard.broke = str(error)
        heard.lasted_s = time.monotonic() - begun
        return heard

    @contextlib.contextmanager
    def _answering(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> Iterator[http.client.HTTPResponse]:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.netloc, timeout=timeout_s)
        key = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        try:
            connection.request(method, parts.path.rstrip("/") + path, body, {"User-Agent": "jacie-doctor", **key, **headers})
            yield connection.getresponse()
        except (OSError, http.client.HTTPException, ValueError, zlib.error) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error
        finally:
            connection.close()


def _lower(got: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in got.getheaders()}


def _lines(got: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield lines the moment they can be read, uncompressed where something compressed them."""
    packed = "gzip" in got.headers.get("Content-Encoding", "")
    unpacker = zlib.decompressobj(wbits=47)
    rest = b""
    while piece := got.read1(_CHUNK):
        rest += unpacker.decompress(piece) if packed else piece
        *lines, rest = rest.split(b"\n")
        yield from lines
