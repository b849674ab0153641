"""The secret that signs sessions: from the settings, else made once and shared by all processes of the data folder."""

import contextlib
import os
import secrets
from pathlib import Path

from jacie_flask.errors import ConfigurationError


def signing_secret(given: str, folder: Path) -> str:
    """Return ``given``, or the secret in ``folder``, which is made where it is missing; raise ConfigurationError."""
    if given:
        return given
    path = folder / "secret-key"
    try:
        if not path.exists():
            _make(path)
        found = path.read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"JACIE_SECRET_KEY is not set and {str(path)!r} cannot be used: {error}") from error
    if not found:
        raise ConfigurationError(f"JACIE_SECRET_KEY is not set and {str(path)!r} is empty; delete it, and it is made anew")
    return found


def _make(path: Path) -> None:
    """Write a new secret whole, unless another process was first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32) + "\n")
    with contextlib.suppress(FileExistsError):
        os.link(made, path)
    made.unlink()
