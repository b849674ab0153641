"""What a credential stands for: the principal of a key or of a provider's token, or that nobody needs one here."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from jacie_flask.access.keys import PREFIX, Key, KeyFile, is_key_id
from jacie_flask.errors import Forbidden, JacieError, Unauthorized
from jacie_flask.interfaces import DEFAULT_TENANT, SCOPES, Principal


class Tokens(Protocol):
    """A provider's tokens, whatever checks them."""

    def claims(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token that stands; raise Unauthorized or IdentityUnavailable."""


@dataclass(frozen=True)
class Gate:
    """The keys, the provider's tokens where there is one, and the tenants that either may name.

    ``required``: the settings ask for credentials even before there is a key. ``open_to_all``: without keys anybody may ask
    from anywhere, because the settings say so.
    """

    keys: KeyFile
    tokens: Tokens | None
    tenants: Collection[str]
    required: bool
    open_to_all: bool
    tenant_claim: str = ""
    scopes_claim: str = "scope"

    @property
    def closed(self) -> bool:
        """Whether a request needs credentials."""
        return self.required or self.tokens is not None or self.keys.any()

    @property
    def safe_everywhere(self) -> bool:
        """Whether this may be served where other machines reach it."""
        return self.closed or self.open_to_all

    def bearer(self, credential: str) -> Principal:
        """Return whom a key or token stands for; raise Unauthorized, Forbidden or IdentityUnavailable."""
        if self.tokens is None or credential.startswith(PREFIX):
            return self._of_key(self.keys.verify(credential))
        return self._of_claims(self.tokens.claims(credential))

    def key(self, key_id: str) -> Principal:
        """Return whom a key stands for that was shown before; raise Unauthorized once it has ended, or Forbidden."""
        return self._of_key(self.keys.valid(key_id))

    def refusal(self, caller: str, tenant: str) -> str:
        """Return why a caller that was let in to ask would not be now, "" while it would; tokens and addresses are not asked again."""
        if not is_key_id(caller):
            return ""
        try:
            now = self.key(caller)
        except JacieError as error:
            return str(error)
        return "" if now.tenant == tenant and "ask" in now.scopes else f"key {caller} may not ask in {tenant} any more"

    def _of_key(self, key: Key) -> Principal:
        return Principal(key_id=key.key_id, name=key.name, tenant=self._tenant(key.tenant), scopes=frozenset(key.scopes) & SCOPES)

    def _of_claims(self, claims: Mapping[str, Any]) -> Principal:
        subject, given = str(claims["sub"]), claims.get(self.scopes_claim, ())
        scopes = given.split() if isinstance(given, str) else given if isinstance(given, list) else ()
        tenant = str(claims.get(self.tenant_claim, "")) if self.tenant_claim else DEFAULT_TENANT
        return Principal(
            key_id=hashlib.blake2b(f"{claims['iss']}\n{subject}".encode(), digest_size=8, person=b"jacie-subject").hexdigest(),
            name=subject[:200],
            tenant=self._tenant(tenant),
            scopes=frozenset(scope for scope in scopes if isinstance(scope, str)) & SCOPES,
        )

    def _tenant(self, name: str) -> str:
        if name not in self.tenants:
            raise Forbidden(f"there is no tenant {name[:64]!r}")
        return name


def credential_of(header: str) -> str:
    """Return what follows ``Bearer`` in an Authorization header; raise Unauthorized for another scheme."""
    scheme, _, credential = header.partition(" ")
    if scheme.lower() != "bearer" or not credential.strip():
        raise Unauthorized("the Authorization header holds no bearer credential")
    return credential.strip()
