"""What the openai SDK's errors mean, for the model and for the embeddings."""

import httpx2
import openai

_RETRY_STATUS = frozenset({408, 409, 429, 500, 502, 503, 504})


def worth_retrying(error: openai.OpenAIError) -> bool:
    """Say whether the same request may succeed in a moment; a read timeout has used up the asker's patience already."""
    if isinstance(error, openai.APITimeoutError):
        return isinstance(error.__cause__, httpx2.ConnectTimeout)
    if isinstance(error, openai.APIStatusError):
        return error.status_code in _RETRY_STATUS and error.code != "insufficient_quota"
    return isinstance(error, openai.APIConnectionError)
