"""Filings in S3 or anything that speaks it; the package's only importer of boto3."""

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from jacie_flask import tracing
from jacie_flask.documents import s3_errors
from jacie_flask.documents.keys import is_hidden
from jacie_flask.errors import DocumentUnavailable
from jacie_flask.interfaces import Blob, ServedFile, StoredObject
from jacie_flask.retries import Budget, retry_after
from jacie_flask.upstreams import Trouble, Upstream

_LINK_SECONDS = 300
_PIECE = 1 << 20
_TYPES = {".pdf": "application/pdf", ".txt": "text/plain; charset=utf-8", ".md": "text/plain; charset=utf-8"}


class S3Store:
    """The objects below ``s3://bucket/prefix``; keys are what follows the prefix, versions are ETags.

    Connections are pooled; connecting may take 2 s, each read ``read_timeout_s``; a request is tried again as ``upstream`` has it.
    """

    def __init__(
        self,
        url: str,
        *,
        endpoint: str = "",
        max_bytes: int,
        connections: int = 32,
        read_timeout_s: float = 15.0,
        upstream: Upstream | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._bucket = parts.netloc
        self._prefix = parts.path.strip("/") + "/" if parts.path.strip("/") else ""
        self._max_bytes = max_bytes
        self.label = "S3"
        self.left_out: tuple[str, ...] = ()
        self._upstream = upstream or Upstream("documents", DocumentUnavailable)
        self._client: Any = boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint or None,
            config=Config(
                connect_timeout=2,
                read_timeout=read_timeout_s,
                max_pool_connections=connections,
                retries={"mode": "standard", "total_max_attempts": 1},  # retries are ours
                s3={"addressing_style": "path"} if endpoint else {},
                signature_version="s3v4",
            ),
        )

    def list(self) -> list[StoredObject]:
        """List every object below the prefix, hidden ones left out; raise DocumentUnavailable."""
        found = []
        for page in self._pages():
            for item in page.get("Contents", ()):
                key = str(item["Key"]).removeprefix(self._prefix)
                if not key.endswith("/") and not is_hidden(key):
                    found.append(StoredObject(key=key, size=int(item["Size"]), version=str(item["ETag"])))
        return found

    def _pages(self) -> Iterator[dict[str, Any]]:
        more: dict[str, str] = {}
        while True:
            page = self._upstream.ask(partial(self._page, more))
            yield page
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def _page(self, more: dict[str, str]) -> dict[str, Any]:
        try:
            with tracing.upstream("s3 list"):
                page: dict[str, Any] = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, **more)
                return page
        except (BotoCoreError, ClientError) as error:
            raise _trouble(error, f"listing s3://{self._bucket}/{self._prefix}") from error

    def read(self, key: str, unless: str = "", budget: Budget | None = None) -> Blob | None:
        """Return the object's bytes, or None while its ETag is ``unless``; raise DocumentUnavailable."""
        _check_visible(key)
        return self._upstream.ask(partial(self._read, key, unless, budget), budget)

    def _read(self, key: str, unless: str, budget: Budget | None) -> Blob | None:
        condition = {"IfNoneMatch": unless} if unless else {}
        try:
            with tracing.upstream("s3 read"):
                return self._get(key, condition, budget)
        except ClientError as error:
            if s3_errors.status(error.response) == 304:
                return None
            raise _trouble(error, f"reading {key}") from error
        except BotoCoreError as error:
            raise _trouble(error, f"reading {key}") from error

    def _get(self, key: str, condition: dict[str, str], budget: Budget | None) -> Blob:
        answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key, **condition)
        with contextlib.closing(answer["Body"]) as body:  # its own `with` hands out urllib3's stream and urllib3's errors
            if int(answer["ContentLength"]) > self._max_bytes:
                raise DocumentUnavailable(f"{key} is larger than {self._max_bytes} bytes", reason="it is too large")
            return Blob(data=b"".join(_pieces(body, budget)), version=str(answer["ETag"]))

    def open(self, key: str, method: Literal["GET", "HEAD"] = "GET") -> ServedFile | str:
        """Return a presigned URL that opens the object in a browser for five minutes; its signature holds for the method alone."""
        _check_visible(key)
        content_type = _TYPES.get(Path(key).suffix.lower(), "application/octet-stream")
        parameters = {
            "Bucket": self._bucket,
            "Key": self._prefix + key,
            "ResponseContentDisposition": "inline" if content_type == "application/pdf" else "attachment",
            "ResponseContentType": content_type,
        }
        try:
            return str(
                self._client.generate_presigned_url(f"{method.lower()}_object", Params=parameters, ExpiresIn=_LINK_SECONDS)
            )
        except (BotoCoreError, ClientError) as error:
            raise _translate(error, f"signing a link to {key}") from error


def _check_visible(key: str) -> None:
    if is_hidden(key):
        raise DocumentUnavailable(f"{key!r} is hidden", reason=s3_errors.DENIED)


def _pieces(body: Any, budget: Budget | None) -> Iterator[bytes]:
    """Yield a body in pieces, none more once its question has ended."""
    for piece in body.iter_chunks(_PIECE):
        if budget:
            budget.check()
        yield piece


def _trouble(error: BotoCoreError | ClientError, what: str) -> Trouble:
    """Return what an exception of the SDK means; a read timeout has used up the asker's patience already."""
    problem = _translate(error, what)
    if isinstance(error, ClientError):
        status = s3_errors.status(error.response)
        problem.retry_after_s = retry_after(error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("retry-after"))
        return Trouble(problem, fault=status >= 500, again=s3_errors.passing(error.response), throttled=status == 429)
    lost = isinstance(error, HTTPClientError | ConnectionError | IncompleteReadError)
    return Trouble(problem, fault=lost, again=lost and not isinstance(error, ReadTimeoutError))


def _translate(error: BotoCoreError | ClientError, what: str) -> DocumentUnavailable:
    if isinstance(error, ClientError):
        reason = s3_errors.reason(error.response)
    elif isinstance(error, NoCredentialsError):
        reason = "the store's credentials are missing"
    elif isinstance(error, CredentialRetrievalError | PartialCredentialsError | TokenRetrievalError | UnauthorizedSSOTokenError):
        reason = "the store's credentials could not be had: check AWS_PROFILE, the role or the sign-in (aws sso login)"
    elif isinstance(error, HTTPClientError | ConnectionError | IncompleteReadError):
        reason = "its store did not answer"
    else:
        reason = "its store failed"
    return DocumentUnavailable(f"{what}: {error}", reason=reason)
