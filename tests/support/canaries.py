"""Secrets to plant in every setting that can hold one, and the search for them in whatever a server lets out."""

import base64
import json
import secrets
from collections.abc import Iterable
from urllib.parse import quote


def planted(names: Iterable[str]) -> dict[str, str]:
    """Return a secret of its own for each name, with characters that change when it is encoded."""
    return {name: f"canary/{secrets.token_hex(6)}+{name.lower()}=é" for name in names}


def found(canaries: dict[str, str], text: str) -> dict[str, str]:
    """Return which canary was found in ``text``, and how it is spelt there."""
    return {
        name: how
        for name, value in canaries.items()
        for how, spelt in _spellings(value).items()
        if any(form in text for form in spelt)
    }


def _spellings(value: str) -> dict[str, set[str]]:
    heart = value.split("/")[1].split("+")[0]  # twelve characters that stay in every escape
    data = value.encode()
    # in base64 a text looks in one of three ways, by where it begins; its ends depend on what stands beside it
    shifted = {base64.b64encode(b"\0" * shift + data).decode()[4:-4] for shift in range(3)}
    return {
        "as it stands": {value, heart},
        "percent-encoded": {quote(value), quote(value, safe="")},
        "escaped": {repr(value)[1:-1], json.dumps(value)[1:-1]},
        "in base64": shifted | {form.replace("+", "-").replace("/", "_") for form in shifted},
    }
