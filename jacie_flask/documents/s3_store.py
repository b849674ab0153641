"""Filings in S3 or anything that speaks it; the package's only importer of boto3."""

import contextlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, NoCredentialsError

from jacie_flask import measures, tracing
from jacie_flask.errors import DocumentUnavailable
from jacie_flask.interfaces import Blob, StoredObject

_LINK_SECONDS = 300
_TYPES = {".pdf": "application/pdf", ".txt": "text/plain; charset=utf-8", ".md": "text/plain; charset=utf-8"}
_REASONS = {
    403: "access to it was denied",
    404: "it is no longer in the store",
    429: "its store is overloaded",
    503: "its store is overloaded",
}


class S3Store:
    """The objects below ``s3://bucket/prefix``; keys are what follows the prefix, versions are ETags.

    Connections are pooled; connecting may take 2 s, each read ``read_timeout_s``, and a request is tried three times.
    """

    def __init__(
        self, url: str, *, endpoint: str = "", max_bytes: int, connections: int = 32, read_timeout_s: float = 15.0
    ) -> None:
        parts = urlsplit(url)
        self._bucket = parts.netloc
        self._prefix = parts.path.strip("/") + "/" if parts.path.strip("/") else ""
        self._max_bytes = max_bytes
        self.label = "S3"
        self._client: Any = boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint or None,
            config=Config(
                connect_timeout=2,
                read_timeout=read_timeout_s,
                max_pool_connections=connections,
                retries={"mode": "standard", "total_max_attempts": 3},
                s3={"addressing_style": "path"} if endpoint else {},
                signature_version="s3v4",
            ),
        )

    def list(self) -> list[StoredObject]:
        """List every object below the prefix; raise DocumentUnavailable."""
        found = []
        try:
            with tracing.upstream("s3 list"):
                for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix):
                    _count_retries(page)
                    for item in page.get("Contents", ()):
                        key = str(item["Key"]).removeprefix(self._prefix)
                        if key and not key.endswith("/"):
                            found.append(StoredObject(key=key, size=int(item["Size"]), version=str(item["ETag"])))
        except (BotoCoreError, ClientError) as error:
            raise _translate(error, f"listing s3://{self._bucket}/{self._prefix}") from error
        return found

    def read(self, key: str, unless: str = "") -> Blob | None:
        """Return the object's bytes, or None while its ETag is ``unless``; raise DocumentUnavailable."""
        condition = {"IfNoneMatch": unless} if unless else {}
        try:
            with tracing.upstream("s3 read"):
                return self._get(key, condition)
        except ClientError as error:
            if _status(error) == 304:
                return None
            raise _translate(error, f"reading {key}") from error
        except BotoCoreError as error:
            raise _translate(error, f"reading {key}") from error

    def _get(self, key: str, condition: dict[str, str]) -> Blob:
        answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key, **condition)
        _count_retries(answer)
        with contextlib.closing(answer["Body"]) as body:  # its own `with` hands out urllib3's stream and urllib3's errors
            if int(answer["ContentLength"]) > self._max_bytes:
                raise DocumentUnavailable(f"{key} is larger than {self._max_bytes} bytes", reason="it is too large")
            return Blob(data=body.read(), version=str(answer["ETag"]))

    def locate(self, key: str) -> Path | str:
        """Return a presigned URL that opens the object in a browser for five minutes."""
        content_type = _TYPES.get(Path(key).suffix.lower(), "application/octet-stream")
        parameters = {
            "Bucket": self._bucket,
            "Key": self._prefix + key,
            "ResponseContentDisposition": "inline" if content_type == "application/pdf" else "attachment",
            "ResponseContentType": content_type,
        }
        try:
            return str(self._client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=_LINK_SECONDS))
        except (BotoCoreError, ClientError) as error:
            raise _translate(error, f"signing a link to {key}") from error


def _count_retries(answer: dict[str, Any]) -> None:
    """Count what botocore asked again, which it tells in the answer, or the error, that it ended with."""
    if made := int(answer.get("ResponseMetadata", {}).get("RetryAttempts", 0)):
        measures.count("upstream_retries", made, upstream="s3")


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _translate(error: BotoCoreError | ClientError, what: str) -> DocumentUnavailable:
    if isinstance(error, ClientError):
        _count_retries(error.response)
        reason = _REASONS.get(_status(error), "its store failed")
    elif isinstance(error, NoCredentialsError):
        reason = "the store's credentials are missing"
    elif isinstance(error, HTTPClientError | ConnectionError):
        reason = "its store did not answer"
    else:
        reason = "its store failed"
    return DocumentUnavailable(f"{what}: {error}", reason=reason)
