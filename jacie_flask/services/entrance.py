"""Who may ask: the keys and tokens that the settings name."""

import time
from collections.abc import Collection

from jacie_flask.access.gate import Gate
from jacie_flask.access.keys import KeyFile
from jacie_flask.config import Settings
from jacie_flask.services import sdks


def gate(settings: Settings, tenants: Collection[str]) -> Gate:
    """Return who may ask by these settings; raise ConfigurationError for a file of keys that cannot be used.

    A worker's master has checked the file at its boot: a worker that is started later refuses every request instead of ending.
    """
    keys = key_file(settings)
    if settings.background != "parent":
        keys.check()
    tokens = None
    if settings.oidc_issuer:
        tokens = sdks.token_verifier().of(settings.oidc_issuer, settings.oidc_audience, settings.oidc_jwks_url)
    return Gate(
        keys=keys,
        tokens=tokens,
        tenants=tenants,
        required=bool(settings.keys or settings.keys_seen),
        open_to_all=settings.open == "yes",
        tenant_claim=settings.oidc_tenant_claim,
        scopes_claim=settings.oidc_scopes_claim,
    )


def key_file(settings: Settings) -> KeyFile:
    """Return the API keys."""
    return KeyFile(settings.keys_file, clock=time.time)
