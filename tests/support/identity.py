"""An OpenID Connect provider: real keys, really signed tokens, and a key set over HTTP that can fail."""

import base64
import hashlib
import hmac
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ISSUER, AUDIENCE = "https://login.example.test/", "jacie"


class Provider:
    """A context manager that serves its key set; ``status`` is what it answers, ``asked`` how often it was asked."""

    def __init__(self) -> None:
        """Make the first key."""
        self.status, self.asked, self.delay_s = 200, 0, 0.0
        self.body: bytes | None = None
        self.keys: dict[str, Any] = {}
        self.add("rsa-1")
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.daemon_threads = True
        self._http.provider = self  # type: ignore[attr-defined]  # for its handlers
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/jwks.json"

    def add(self, kid: str, kind: str = "RSA") -> None:
        """Publish another key."""
        self.keys[kid] = rsa.generate_private_key(65537, 2048) if kind == "RSA" else ec.generate_private_key(ec.SECP256R1())

    def published(self) -> bytes:
        """Return the key set."""
        return json.dumps({"keys": [_public(kid, key) for kid, key in self.keys.items()]}).encode()

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of a good token with some changed; None takes one away."""
        now = time.time()
        good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 300, "scope": "openid ask"}
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def token(self, kid: str = "rsa-1", algorithm: str = "RS256", *, key: Any = None, **changes: Any) -> str:
        """Return a signed token."""
        return jwt.encode(self.claims(**changes), key or self.keys[kid], algorithm=algorithm, headers={"kid": kid})

    def unsigned(self) -> str:
        """Return a token of the algorithm "none"."""
        return f"{_part({'alg': 'none', 'typ': 'JWT', 'kid': 'rsa-1'})}.{_part(self.claims())}."

    def public_pem(self, kid: str = "rsa-1") -> bytes:
        """Return a public key as text, which everybody knows."""
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        return bytes(self.keys[kid].public_key().public_bytes(serialization.Encoding.PEM, kind))

    def __enter__(self) -> Self:
        """Start serving."""
        self._thread = Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        provider: Provider = self.server.provider  # type: ignore[attr-defined]  # set above
        provider.asked += 1
        time.sleep(provider.delay_s)
        body = provider.published() if provider.body is None else provider.body
        self.send_response(provider.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep silent."""


def _public(kid: str, key: Any) -> dict[str, Any]:
    kind, algorithm = (jwt.algorithms.RSAAlgorithm, "RS256") if isinstance(key, rsa.RSAPrivateKey) else (
        jwt.algorithms.ECAlgorithm, "ES256",
    )  # fmt: skip
    return {**json.loads(kind.to_jwk(key.public_key())), "kid": kid, "use": "sig", "alg": algorithm}


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed_with_text(provider: Provider, secret: bytes) -> str:
    """Return an HS256 token whose secret is any text, a public key even; PyJWT itself refuses to make one."""
    text = f"{_part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'rsa-1'})}.{_part(provider.claims())}"
    signature = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
