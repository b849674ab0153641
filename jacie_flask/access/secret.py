"""The secret that signs sessions: from the settings, else made once and shared by all processes of the data folder."""

import contextlib
import logging
import os
import re
import secrets
from pathlib import Path

from jacie_flask import keeping
from jacie_flask.files import read_regular, replacing

log = logging.getLogger(__name__)

_SECRET = re.compile(r"[0-9a-f]{64}")


def signing_secret(given: str, folder: Path) -> str:
    """Return ``given``, or the secret in ``folder``, which is made where it is missing or damaged.

    Where it cannot be kept it is this process's own: sessions end with it.
    """
    if given:
        return given
    path = folder / "secret-key"
    try:
        if not os.path.lexists(path):
            _make(path)
        if found := _read(path):
            return found
        log.error("%s is damaged and made anew: everybody has to sign in again", path)
        _replace(path)
        return _read(path) or secrets.token_hex(32)
    except OSError as error:
        keeping.failed("sessions of the pages", error)
        return secrets.token_hex(32)


def _read(path: Path) -> str:
    """Return the secret, "" where there is none of ours."""
    try:
        found = read_regular(path).decode("ascii", "replace").strip()
    except OSError as error:
        if os.access(path.parent, os.W_OK):
            return ""
        raise error
    return found if _SECRET.fullmatch(found) else ""


def _replace(path: Path) -> None:
    """Put a new secret in the place of what is none."""
    if path.is_dir() and not path.is_symlink():
        path.rename(path.with_name(f"{path.name}.{secrets.token_hex(4)}.unknown"))
    with replacing(path, prefix=f".{path.name}.") as file:
        file.write(f"{secrets.token_hex(32)}\n".encode())


def _make(path: Path) -> None:
    """Write a new secret whole, unless another process was first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32) + "\n")
    with contextlib.suppress(FileExistsError):
        os.link(made, path)
    made.unlink()
