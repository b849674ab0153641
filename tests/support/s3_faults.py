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
    """What goes wrong: an error ``status`` (with ``retry_after`` as its header, ``body`` in the place of a made-up one, and ``headers``), or ``kind`` hang (before the headers) | stall (in the body) | slow | truncated | rst.

    ``on`` limits it to paths that hold it, ``times`` to so many requests, ``after`` says how many bytes of the body still come,
    and a slow body takes ``seconds`` in all.
    """

    status: int = 200
    retry_after: str | None = None
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
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
            self._refuse(request, connection, fault, path)
        elif "list-type" in request.params:
            connection.respond(200, self._listing(path.rstrip("/"), request.params.get("prefix", "")), "application/xml")
        elif path in self.objects and request.headers.get("if-none-match") == etag(self.objects[path]):
            connection.write(connection.head(304, "application/xml", ETag=etag(self.objects[path])))
        elif path in self.objects:
            self._send(request, connection, self.objects[path], fault)
        else:
            self._refuse(request, connection, S3Fault(status=404), path)

    def _pick(self, request: Request) -> S3Fault:
        fault = self.fault
        if fault.on not in request.target or (fault.times is not None and self._used >= fault.times):
            return S3Fault()
        self._used += 1
        return fault

    def _refuse(self, request: Request, connection: Connection, fault: S3Fault, path: str) -> None:
        code = CODES.get(fault.status, "InternalError")
        made = f"<Error><Code>{code}</Code><Message>scripted</Message><Resource>{escape(path)}</Resource></Error>"
        body = (fault.body or made).encode()
        headers = {name.replace("-", "_"): value for name, value in fault.headers}
        if fault.retry_after is not None:
            headers["Retry_After"] = fault.retry_after
        if request.method == "HEAD":
            connection.write(connection.head(fault.status, "application/xml", Content_Length=str(len(body)), **headers))
        else:
            connection.respond(fault.status, body, "application/xml", **headers)

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


def xml(code: str, message: str, *more: tuple[str, str]) -> str:
    """Return an error document as S3 sends it."""
    fields = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in more)
    ids = "<RequestId>656c76696e6727732072657175657374</RequestId><HostId>Uuag1LuByRx9e6j5Onimru9pO4ZVKnJ2Qz7/C1NPcfTWAtRPfTaOFg==</HostId>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{escape(message)}</Message>{fields}{ids}</Error>'


REFUSALS: dict[str, tuple[S3Fault, str]] = {
    "archived": (
        S3Fault(status=403, body=xml("InvalidObjectState", "The operation is not valid for the object's storage class", ("StorageClass", "DEEP_ARCHIVE"))),
        "it is archived (Deep Archive): restore it (aws s3api restore-object)",
    ),
    "archived, access tier": (
        S3Fault(status=403, body=xml("InvalidObjectState", "The operation is not valid for the object's access tier",
                                     ("StorageClass", "INTELLIGENT_TIERING"), ("AccessTier", "ARCHIVE_ACCESS"))),
        "it is archived (Archive Access): restore it",
    ),
    "expired token": (
        S3Fault(status=400, body=xml("ExpiredToken", "The provided token has expired.", ("Token-0", "x"))),
        "the credentials of its store have expired",
    ),
    "unknown key": (
        S3Fault(status=403, body=xml("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", ("AWSAccessKeyId", "test"))),
        "the credentials of its store are wrong",
    ),
    "wrong secret": (
        S3Fault(status=403, body=xml("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.")),
        "the credentials of its store are wrong",
    ),
    "wrong token": (
        S3Fault(status=400, body=xml("InvalidToken", "The provided token is malformed or otherwise invalid.")),
        "the credentials of its store are wrong",
    ),
    "clock": (
        S3Fault(status=403, body=xml("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.",
                                     ("RequestTime", "20261201T000000Z"), ("ServerTime", "2026-12-01T03:00:00Z"), ("MaxAllowedSkewMilliseconds", "900000"))),
        "the clock of this machine differs too much",
    ),
    "key disabled": (
        S3Fault(status=400, body=xml("KMS.DisabledException", "arn:aws:kms:us-east-1:1:key/x is disabled.")),
        "its encryption key (KMS) cannot be used",
    ),
    "key to be deleted": (
        S3Fault(status=400, body=xml("KMS.KMSInvalidStateException", "arn:aws:kms:us-east-1:1:key/x is pending deletion.")),
        "its encryption key (KMS) cannot be used",
    ),
    "key not allowed": (
        S3Fault(status=403, body=xml("AccessDenied", "User: arn:aws:iam::1:user/x is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:1:key/x")),
        "its encryption key (KMS) cannot be used",
    ),
    "requester pays": (
        S3Fault(status=403, body=xml("AccessDenied", "Bucket is requester pays bucket but no requester pays header present.")),
        "its bucket charges whoever asks (requester pays)",
    ),
    "other region": (
        S3Fault(status=301, headers=(("x-amz-bucket-region", "eu-west-1"),),
                body=xml("PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint.",
                         ("Bucket", "bucket"), ("Endpoint", "bucket.s3.eu-west-1.amazonaws.com"))),
        "its bucket is in another region (",
    ),
    "signed for another region": (
        S3Fault(status=400, body=xml("AuthorizationHeaderMalformed", "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-central-1'",
                                     ("Region", "eu-central-1"))),
        "its bucket is in another region (eu-central-1)",
    ),
    "denied": (S3Fault(status=403, body=xml("AccessDenied", "Access Denied")), "access to it was denied"),
    "account closed": (S3Fault(status=403, body=xml("AllAccessDisabled", "All access to this object has been disabled")), "its bucket or account is closed"),
    "no bucket": (S3Fault(status=404, body=xml("NoSuchBucket", "The specified bucket does not exist", ("BucketName", "bucket"))), "its bucket does not exist"),
    "no code": (S3Fault(status=403, body="<html><body>Forbidden</body></html>"), "access to it was denied"),
}  # fmt: skip
"""Refusals with S3's own documents, and how the reason that a document gets begins."""


def etag(data: bytes) -> str:
    """Return an object's ETag, in quotes as S3 sends it."""
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
