"""Whose documents are where: the tenants' file, read into the settings of each tenant."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from jacie_flask.config import Settings, documents_place
from jacie_flask.errors import UNDECODABLE, ConfigurationError
from jacie_flask.files import read_regular
from jacie_flask.interfaces import DEFAULT_TENANT

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class _Tenant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    documents: str


_decode = msgspec.json.Decoder(dict[str, _Tenant]).decode


def settings_of(settings: Settings) -> Mapping[str, Settings]:
    """Return the settings of each tenant, the default one first: documents and files of its own, all else the same.

    Raise ConfigurationError with one line for a file that cannot be used.
    """
    found = {DEFAULT_TENANT: settings}
    for name, tenant in _read(settings.tenants).items():
        if not _NAME.fullmatch(name) or name == DEFAULT_TENANT:
            raise _wrong(settings, f"tenant names of a-z, 0-9 and - other than {DEFAULT_TENANT!r}, not {name!r}")
        try:
            documents = documents_place(tenant.documents)
        except ValueError as error:
            raise _wrong(settings, f"as documents of {name!r} {error}, not {tenant.documents!r}") from None
        own = {"documents": documents, "data": settings.data / "tenants" / name}
        found[name] = settings.model_copy(update=own)
    _check_apart(settings, {name: _place(one) for name, one in found.items()})
    return found


def _read(path: str) -> Mapping[str, _Tenant]:
    if not path:
        return {}
    try:
        return _decode(read_regular(Path(path)))
    except (OSError, *UNDECODABLE) as error:
        allowed = 'a JSON file such as {"acme": {"documents": "s3://bucket/acme"}}'
        raise ConfigurationError(f"JACIE_TENANTS holds {path!r}, allowed: {allowed} ({error})") from error


def _place(settings: Settings) -> str:
    """Return where the documents are, so that a place within another begins with it."""
    if settings.documents_folder is not None:
        return settings.documents_folder.resolve().as_uri().rstrip("/") + "/"
    parts = urlsplit(settings.documents)
    return f"s3://{parts.netloc}/{parts.path.strip('/')}".rstrip("/") + "/"


def _check_apart(settings: Settings, places: Mapping[str, str]) -> None:
    for name, place in places.items():
        for other, around in places.items():
            if name != other and place.startswith(around):
                raise _wrong(settings, f"places apart from each other, and that of {name!r} lies in that of {other!r}")


def _wrong(settings: Settings, allowed: str) -> ConfigurationError:
    return ConfigurationError(f"JACIE_TENANTS holds {settings.tenants!r}, allowed: {allowed}")
