"""What the openai SDK's errors mean, for the model and for the embeddings."""

import httpx2
import openai

from jacie_flask.errors import JacieError
from jacie_flask.retries import retry_after
from jacie_flask.upstreams import Trouble

_AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504})
_SPENT = "insufficient_quota"


def trouble(cause: openai.OpenAIError, error: JacieError) -> Trouble:
    """Return ``error`` with what ``cause`` says of the server; a read timeout has used up the asker's patience already."""
    if isinstance(cause, openai.APITimeoutError):
        return Trouble(error, fault=True, again=isinstance(cause.__cause__, httpx2.ConnectTimeout))
    if not isinstance(cause, openai.APIStatusError):
        lost = isinstance(cause, openai.APIConnectionError)
        return Trouble(error, fault=lost, again=lost)
    status = cause.status_code
    return Trouble(
        error,
        fault=status >= 500 or status == 408,
        again=status in _AGAIN and cause.code != _SPENT,
        throttled=status == 429 and cause.code != _SPENT,
    )


def asked_to_wait(cause: openai.OpenAIError) -> float | None:
    """Return the seconds of the answer's Retry-After."""
    return retry_after(cause.response.headers.get("retry-after")) if isinstance(cause, openai.APIStatusError) else None
