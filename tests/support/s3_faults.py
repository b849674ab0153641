"""A fake S3 endpoint for what goes wrong: real boto3 asks it over HTTP with path-style addresses.

Objects are a dict of ``bucket/key`` → bytes; ``fault`` says what happens to requests whose path holds ``on``. For everything that
goes right, tests use moto's server.

In process: ``with S3Faults({"bucket/a.pdf": b"..."}, S3Fault(kind="truncated")) as server`` and ``endpoint_url=server.origin``.
"""

import hashlib
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote
from xml.sax.saxutils import escape

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.support.servers import ClientGoneError, Connection, LocalServer, Request

CODES = {301: "PermanentRedirect", 403: "AccessDenied", 404: "NoSuchKey", 412: "PreconditionFailed", 416: "InvalidRange", 429: "TooManyRequests",
         500: "InternalError", 503: "SlowDown"}  # fmt: skip


@dataclass(frozen=True)
class S3Fault:
    """What goes wrong: an error ``status`` (with ``retry_after`` as its header), or ``kind`` hang (before the headers) | stall (in the body) | slow | truncated | rst.

    ``on`` limits it to paths that hold it, ``times`` to so many requests, ``after`` says how many bytes of the body still come,
    and a slow body takes ``seconds`` in all.
    """

    status: int = 200
    retry_after: str | None = None
    kind: str = ""
    on: str = ""
    times: int | None = None
    after: int = 10
    seconds: float = 1.0


class S3Faults(LocalServer):
    """Serves HEAD and GET of objects and ListObjectsV2; ``fault`` and ``objects`` may be replaced at any time."""

    def __init__(self, objects: Mapping[str, bytes], fault: S3Fault = S3Fault(), port: int = 0) -> None:
        """Start listening."""
        self.objects = dict(objects)
        self.fault = fault
        super().__init__(port)

    @property
    def fault(self) -> S3Fault:
        """What goes wrong; setting it counts its ``times`` anew."""
        return self._fault

    @fault.setter
    def fault(self, fault: S3Fault) -> None:
        self._fault, self._used = fault, 0

    def answer(self, request: Request, connection: Connection) -> None:
        """Route one request."""
        fault = self._pick(request)
        if fault.kind == "hang":
            connection.wait(math.inf)
        path = unquote(request.path).lstrip("/")
        if fault.status != 200:
            self._refuse(request, connection, fault.status, path, fault.retry_after)
        elif "list-type" in request.params:
            connection.respond(200, self._listing(path.rstrip("/"), request.params.get("prefix", "")), "application/xml")
        elif path in self.objects and request.headers.get("if-none-match") == etag(self.objects[path]):
            connection.write(connection.head(304, "application/xml", ETag=etag(self.objects[path])))
        elif path in self.objects:
            self._send(request, connection, self.objects[path], fault)
        else:
            self._refuse(request, connection, 404, path)

    def _pick(self, request: Request) -> S3Fault:
        fault = self.fault
        if fault.on not in request.target or (fault.times is not None and self._used >= fault.times):
            return S3Fault()
        self._used += 1
        return fault

    def _refuse(self, request: Request, connection: Connection, status: int, path: str, retry_after: str | None = None) -> None:
        code = CODES.get(status, "InternalError")
        body = f"<Error><Code>{code}</Code><Message>scripted</Message><Resource>{escape(path)}</Resource></Error>".encode()
        if request.method == "HEAD":
            connection.write(connection.head(status, "application/xml", Content_Length=str(len(body))))
        else:
            headers = {} if retry_after is None else {"Retry_After": retry_after}
            connection.respond(status, body, "application/xml", **headers)

    def _listing(self, bucket: str, prefix: str) -> bytes:
        keys = sorted(name.partition("/")[2] for name in self.objects if name.startswith(f"{bucket}/{prefix}"))
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>{etag(self.objects[f'{bucket}/{key}'])}</ETag><Size>{len(self.objects[f'{bucket}/{key}'])}</Size></Contents>"
            for key in keys
        )
        head = f"<Name>{escape(bucket)}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(keys)}</KeyCount>"
        more = "<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>"
        return f'<?xml version="1.0"?><ListBucketResult>{head}{more}{contents}</ListBucketResult>'.encode()

    def _send(self, request: Request, connection: Connection, data: bytes, fault: S3Fault) -> None:
        connection.write(
            connection.head(
                200,
                "application/octet-stream",
                Content_Length=str(len(data)),
                ETag=etag(data),
                Last_Modified="Thu, 01 Jan 2026 00:00:00 GMT",
                Accept_Ranges="bytes",
            )
        )
        if request.method == "HEAD":
            return
        if fault.kind == "slow":
            step = max(1, len(data) // 20)
            for at in range(0, len(data), step):
                connection.wait(fault.seconds * step / len(data))
                connection.write(data[at : at + step])
        elif fault.kind in ("stall", "truncated", "rst"):
            connection.write(data[: fault.after])
            if fault.kind == "stall":
                connection.wait(math.inf)
            if fault.kind == "rst":
                connection.reset()
            raise ClientGoneError
        else:
            connection.write(data)


def etag(data: bytes) -> str:
    """Return an object's ETag, in quotes as S3 sends it."""
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
