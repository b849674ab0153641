"""Bearer tokens of an OpenID Connect provider, checked with the keys it publishes; the only importer of PyJWT."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from jacie_flask.errors import UNDECODABLE, IdentityUnavailable, Unauthorized

log = logging.getLogger(__name__)

# Public-key algorithms alone: a published key can then never be taken for the secret of an HMAC, nor a signature be left out.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_KINDS = ("RSA", "EC", "OKP")
_RSA_BITS = (2048, 16_384)  # RFC 7518, section 3.3; above, checking one signature takes long
_CURVES = {"secp256r1": ("ES256",), "secp384r1": ("ES384",), "secp521r1": ("ES512",)}  # RFC 7518, section 3.4
_LEEWAY_S = 30
_TOKEN_CHARS = 16_384
_FETCH_S = 3.0
_FETCH_BYTES = 1_000_000
_FRESH_S = 600.0
_STALE_S = 3600.0
_AGAIN_S = 10.0


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


_decode = msgspec.json.Decoder(_KeySet).decode


@dataclass
class PublishedKeys:
    """The provider's signing keys by id: fetched when they are old or one is unknown, but never twice within ten seconds."""

    url: str
    clock: Callable[[], float]
    _keys: Mapping[str, jwt.PyJWK] = field(default_factory=dict)
    _fetched_at: float | None = None
    _tried_at: float | None = None
    _failed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, kid: str) -> jwt.PyJWK:
        """Return the key; raise Unauthorized when the provider has none of this id, IdentityUnavailable when nobody can tell."""
        usable = kid in self._keys and self._age() < _STALE_S
        if not usable or self._age() > _FRESH_S:
            self._refresh_once(wait=not usable)
        found = self._keys.get(kid)
        if self._age() > _STALE_S or (found is None and self._failed):
            raise IdentityUnavailable(f"{self.url} does not give its keys", retry_after_s=_AGAIN_S)
        if found is None:
            raise Unauthorized(f"the provider has no key {kid[:64]!r}")
        return found

    def _age(self) -> float:
        return float("inf") if self._fetched_at is None else self.clock() - self._fetched_at

    def _refresh_once(self, *, wait: bool) -> None:
        """Fetch the keys, unless somebody else is at it: only who cannot go on without waits for that."""
        if self._lock.acquire(blocking=wait):
            try:
                self._refresh()
            finally:
                self._lock.release()

    def _refresh(self) -> None:
        now = self.clock()
        if self._tried_at is not None and now - self._tried_at < _AGAIN_S:
            return
        self._tried_at, self._failed = now, True
        try:
            self._keys = _signing_keys(_fetched(self.url))
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, *UNDECODABLE) as error:
            log.warning("the keys at %s cannot be had: %s", self.url, error)
            return
        self._fetched_at, self._failed = now, False


@dataclass(frozen=True)
class TokenVerifier:
    """Checks the signature, issuer, audience and times of tokens."""

    issuer: str
    audience: str
    keys: PublishedKeys

    @classmethod
    def of(cls, issuer: str, audience: str, jwks_url: str) -> "TokenVerifier":
        """Return what checks the tokens of a provider that publishes its keys at ``jwks_url``."""
        return cls(issuer, audience, PublishedKeys(jwks_url, clock=time.monotonic))

    def claims(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token that stands; raise Unauthorized with the reason as its detail, or IdentityUnavailable."""
        if len(token) > _TOKEN_CHARS:
            raise Unauthorized("the token is too long")
        try:
            head = jwt.get_unverified_header(token)
            if head.get("alg") not in _ALGORITHMS:
                raise Unauthorized(f"tokens signed with {str(head.get('alg'))[:20]!r} are not taken")
            key = self.keys.get(str(head.get("kid", "")))
            found: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(algorithms_of(key)),
                issuer=self.issuer,
                audience=self.audience,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise Unauthorized(f"the token does not stand: {error}") from error
        return found


def _fetched(url: str) -> bytes:
    """Return what the URL holds; redirects are not followed."""
    data, end = b"", time.monotonic() + 2 * _FETCH_S
    with httpx2.Client(timeout=_FETCH_S) as client, client.stream("GET", url) as response:
        if response.status_code != 200:
            raise ValueError(f"it answered {response.status_code}")
        for piece in response.iter_bytes():
            data += piece
            if len(data) > _FETCH_BYTES or time.monotonic() > end:
                raise ValueError("it sends too much, or too slowly")
    return data


def _signing_keys(data: bytes) -> dict[str, jwt.PyJWK]:
    """Return the public keys of a JWK set (RFC 7517) that verify signatures; others are left out, with the reason in the log."""
    found = {}
    for one in _decode(data).keys:
        try:
            if reason := _unfit(one):
                raise ValueError(reason)
            key = jwt.PyJWK(one)
            if not algorithms_of(key):
                raise ValueError("it is too short, too long or of a curve that signs no tokens")
            found[str(one.get("kid", ""))] = key
        except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
            log.warning("the key %.64r of the provider was left out: %s", one.get("kid", ""), error)
    return found


def _unfit(key: Mapping[str, Any]) -> str:
    """Return why a published key may not verify tokens by what is said of it, "" where nothing speaks against it."""
    if key.get("kty") not in _KINDS:
        return "keys of its kind are not taken"
    if key.get("use", "sig") != "sig":
        return "it is not for signatures"
    if "key_ops" in key and "verify" not in (key["key_ops"] if isinstance(key["key_ops"], list) else ()):
        return "it is not for verifying"
    if "d" in key:
        return "its private part is published with it"
    if key.get("alg", _ALGORITHMS[0]) not in _ALGORITHMS:
        return "its algorithm is not taken"
    return ""


def algorithms_of(key: jwt.PyJWK) -> tuple[str, ...]:
    """Return the algorithms that a public key may verify: the one it names, else those of its kind; none for a weak key."""
    public, named = key.key, key._jwk_data.get("alg")
    if isinstance(public, rsa.RSAPublicKey):
        strong = _RSA_BITS[0] <= public.key_size <= _RSA_BITS[1]
        fitting = tuple(name for name in _ALGORITHMS if name[:2] in ("RS", "PS")) if strong else ()
    elif isinstance(public, ec.EllipticCurvePublicKey):
        fitting = _CURVES.get(public.curve.name, ())
    else:
        fitting = ("EdDSA",) if isinstance(public, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey) else ()
    return tuple(name for name in fitting if named in (None, name))
