"""What the error codes of S3 mean for a document, in words, with the remedy where there is one.

The codes are those of S3's error responses (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
"""

from collections.abc import Mapping
from typing import Any

_EXPIRED = "the credentials of its store have expired: renew them (AWS_SESSION_TOKEN, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)"
_WRONG = "the credentials of its store are wrong: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
_CLOCK = "the clock of this machine differs too much from the clock of its store: synchronise it (chrony, systemd-timesyncd)"
_KEY = "its encryption key (KMS) cannot be used: enable the key, or allow kms:Decrypt for these credentials"
_PAYS = "its bucket charges whoever asks (requester pays): grant access as the bucket's owner, or copy the documents"
_OVERLOADED = "its store is overloaded"
_FAILED = "its store failed"
_BUCKET = "its bucket does not exist: check JACIE_DOCUMENTS"
_GONE = "it is no longer in the store"
_CLOSED = "its bucket or account is closed: its provider has disabled all access"
DENIED = "access to it was denied"

_BY_CODE = {
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"), _EXPIRED),
    **dict.fromkeys(
        ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId", "InvalidSecurity",
         "UnrecognizedClientException", "MissingSecurityHeader", "CredentialsNotSupported", "AuthFailure"), _WRONG
    ),
    **dict.fromkeys(("RequestTimeTooSkewed", "RequestInTheFuture"), _CLOCK),
    **dict.fromkeys(("InvalidPayer", "RequesterPaysRequired"), _PAYS),
    **dict.fromkeys(("SlowDown", "ServiceUnavailable", "Throttling", "ThrottlingException", "TooManyRequests", "503 SlowDown"), _OVERLOADED),
    **dict.fromkeys(("InternalError", "RequestTimeout", "OperationAborted"), _FAILED),
    **dict.fromkeys(("AllAccessDisabled", "AccountProblem", "NotSignedUp"), _CLOSED),
    **dict.fromkeys(("NoSuchKey", "NoSuchVersion"), _GONE),
    "NoSuchBucket": _BUCKET,
    "InvalidBucketName": _BUCKET,
}  # fmt: skip
_REGION_CODES = frozenset(
    {"PermanentRedirect", "TemporaryRedirect", "Redirect", "IllegalLocationConstraintException", "AuthorizationHeaderMalformed"}
)
_BY_STATUS = {401: _WRONG, 403: DENIED, 404: _GONE, 429: _OVERLOADED, 503: _OVERLOADED}
_AGAIN = frozenset({"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "OperationAborted", "TooManyRequests"})


def reason(response: Mapping[str, Any]) -> str:
    """Return why S3 refused, as a public phrase: by its code first, and by the status where it sent no code that is known."""
    error = response.get("Error", {})
    code, message = str(error.get("Code", "")), str(error.get("Message", "")).lower()
    if code == "InvalidObjectState":
        return _archived(str(error.get("StorageClass", "")), str(error.get("AccessTier", "")))
    if code in _REGION_CODES:
        return _elsewhere(response)
    if code.startswith(("KMS.", "KMS")) or (code in ("AccessDenied", "InvalidRequest", "InvalidArgument") and "kms" in message):
        return _KEY
    if code == "AccessDenied" and "requester pays" in message.replace("-", " "):
        return _PAYS
    return _BY_CODE.get(code) or _BY_STATUS.get(status(response), _FAILED)


def passing(response: Mapping[str, Any]) -> bool:
    """Say whether the same request may succeed in a moment."""
    code = str(response.get("Error", {}).get("Code", ""))
    return code in _AGAIN or status(response) == 429 or status(response) >= 500


def status(response: Mapping[str, Any]) -> int:
    """Return the HTTP status of a response of the SDK, 0 where it has none."""
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _archived(storage_class: str, tier: str) -> str:
    where = (tier or storage_class or "Glacier").replace("_", " ").title()
    return (
        f"it is archived ({where}): restore it (aws s3api restore-object) or copy it to another storage class, "
        "then run the ingestion again"
    )


def _elsewhere(response: Mapping[str, Any]) -> str:
    error = response.get("Error", {})
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    place = str(error.get("Region") or headers.get("x-amz-bucket-region") or error.get("Endpoint") or "")[:100]
    where = f" ({place})" if place else ""
    return f"its bucket is in another region{where}: set AWS_DEFAULT_REGION, and AWS_ENDPOINT_URL_S3 where it is set"
