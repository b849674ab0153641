"""Takes secrets out of text: those of the settings in every usual spelling, and what looks like one."""

import base64
import json
import re
from collections.abc import Callable, Iterable
from urllib.parse import quote, quote_plus

SHOWN_INSTEAD = "[redacted]"
_SHORTEST = 6  # a shorter value would take words of ours out as well

# What stands before is kept: an authorization's scheme, the name of a parameter of a signed link.
_LOOKS_SECRET = re.compile(
    r"(?P<kept>(?i:\b(?:bearer|basic)\s+))[\w.~+/=-]{8,}"
    r"|(?P<named>(?i:x-amz-(?:signature|security-token|credential)=))[^&\s\"']+"
    r"|(?<=://)[^/\s@\"']+(?=@)"
    r"|\b(?:sk|pcsk)[-_][\w-]{8,}"
)


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return the function that takes ``secrets`` out of a text, however they are spelt in it."""
    spelt = {form for secret in secrets if len(secret) >= _SHORTEST for form in spellings(secret)}
    known = re.compile("|".join(re.escape(form) for form in sorted(spelt, key=len, reverse=True))) if spelt else None

    def redact(text: str) -> str:
        if known:
            text = known.sub(SHOWN_INSTEAD, text)
        return _LOOKS_SECRET.sub(_replaced, text)

    return redact


def spellings(secret: str) -> set[str]:
    """Return a secret as it stands, percent-encoded, as Python and JSON write it, and within anything in base64."""
    forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1], json.dumps(secret)[1:-1]}
    return forms | _in_base64(secret.encode())


def _in_base64(data: bytes) -> set[str]:
    """Return what all base64 texts have in common that hold ``data`` behind 0, 1 or 2 other bytes of a group."""
    forms = set()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
        shared = whole[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]
        forms |= {shared, shared.replace("+", "-").replace("/", "_")}
    return forms


def _replaced(found: re.Match[str]) -> str:
    return f"{found['kept'] or found['named'] or ''}{SHOWN_INSTEAD}"
