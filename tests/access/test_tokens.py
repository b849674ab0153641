"""Tokens of an identity provider: really signed, checked with keys from a real key server that rotates, lies and fails."""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from jacie_flask.access.gate import Gate
from jacie_flask.access.keys import KeyFile
from jacie_flask.access.tokens import PublishedKeys, TokenVerifier
from jacie_flask.errors import Forbidden, IdentityUnavailable, Unauthorized
from tests.support.identity import AUDIENCE, ISSUER, Provider, signed_with_text
from tests.support.reliability import record

STRANGER = rsa.generate_private_key(65537, 2048)


class Clock:
    """A time that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        """Return it."""
        return self.now


@pytest.fixture
def provider():
    """A provider that serves its keys."""
    with Provider() as found:
        yield found


@pytest.fixture
def clock():
    """A clock."""
    return Clock()


@pytest.fixture
def tokens(provider, clock):
    """A verifier that has asked for nothing yet."""
    return TokenVerifier(ISSUER, AUDIENCE, PublishedKeys(provider.url, clock))


def gate(tokens, tmp_path, **settings) -> Gate:
    """Return a gate for tokens, with two tenants."""
    keys = KeyFile(tmp_path / "keys.json", clock=time.time)
    return Gate(keys, tokens, ("default", "acme"), required=False, open_to_all=False, **settings)


def test_a_good_token_stands(tokens, provider):
    """Its claims are returned; a second one costs no second request for keys."""
    assert tokens.claims(provider.token())["sub"] == "ada"
    assert tokens.claims(provider.token(sub="grace", aud=[AUDIENCE, "other"]))["sub"] == "grace"
    assert provider.asked == 1


def test_elliptic_curves_work(tokens, provider):
    """A provider may sign with ES256."""
    provider.add("ec-1", "EC")
    assert tokens.claims(provider.token("ec-1", "ES256"))["sub"] == "ada"


BAD = {
    "expired": lambda p: p.token(exp=time.time() - 60),
    "not yet valid": lambda p: p.token(nbf=time.time() + 300),
    "without an end": lambda p: p.token(exp=None),
    "without a subject": lambda p: p.token(sub=None),
    "another issuer": lambda p: p.token(iss="https://evil.example/"),
    "another audience": lambda p: p.token(aud="payroll"),
    "without an audience": lambda p: p.token(aud=None),
    "another signer": lambda p: p.token(key=STRANGER),
    "unknown key": lambda p: p.token("rsa-9", key=STRANGER),
    "unsigned": lambda p: p.unsigned(),
    "public key as secret": lambda p: signed_with_text(p, p.public_pem()),
    "key set as secret": lambda p: signed_with_text(p, p.published()),
    "empty secret": lambda p: signed_with_text(p, b""),
    "cut": lambda p: p.token()[:-10],
    "claims exchanged": lambda p: ".".join((p.token().split(".")[0], p.token(sub="root").split(".")[1], p.token().split(".")[2])),
    "no token": lambda p: "hello",
    "two dots": lambda p: "..",
    "not base64": lambda p: "€.€.€",
    "very long": lambda p: "a" * 100_000,
}


@pytest.mark.parametrize("kind", BAD)
def test_a_token_that_does_not_stand_is_refused(tokens, provider, kind):
    """Whatever is wrong with it, it is Unauthorized."""
    with pytest.raises(Unauthorized):
        tokens.claims(BAD[kind](provider))


def test_a_new_key_is_fetched_when_it_is_met(tokens, provider, clock):
    """After a rotation the first token with the new key brings it, and the old one goes with the next fetch."""
    old = provider.token()
    tokens.claims(old)
    provider.add("rsa-2")
    del provider.keys["rsa-1"]
    clock.now += 11
    assert tokens.claims(provider.token("rsa-2"))
    with pytest.raises(Unauthorized):
        tokens.claims(old)


def test_unknown_keys_do_not_flood_the_provider(tokens, provider, clock):
    """A thousand tokens with made-up keys ask it once in ten seconds."""
    tokens.claims(provider.token())
    clock.now += 11
    made_up = [provider.token(f"made-up-{n}", key=STRANGER) for n in range(20)]
    for token in made_up * 50:
        with pytest.raises(Unauthorized):
            tokens.claims(token)
    assert provider.asked == 2


def test_many_first_requests_fetch_once(tokens, provider):
    """Requests that come together wait for one fetch."""
    provider.delay_s = 0.1
    token = provider.token()
    with ThreadPoolExecutor(8) as pool:
        assert {claims["sub"] for claims in pool.map(tokens.claims, [token] * 8)} == {"ada"}
    assert provider.asked == 1


@pytest.mark.parametrize("break_it", [
    lambda p: setattr(p, "status", 500), lambda p: setattr(p, "status", 302), lambda p: setattr(p, "body", b"<html>"),
    lambda p: setattr(p, "body", b"{}"), lambda p: setattr(p, "body", b'{"keys": [' + b'{"kty": "RSA"},' * 100_000 + b"{}]}"),
], ids=["500", "redirect", "no json", "no keys", "too much"])  # fmt: skip
def test_without_the_providers_keys_nobody_is_called_unauthorized(tokens, provider, break_it):
    """Whether a credential is good cannot be said then: that is 503 with a time to come back, not 401."""
    break_it(provider)
    with pytest.raises(IdentityUnavailable) as refused:
        tokens.claims(provider.token())
    assert refused.value.status == 503
    assert refused.value.retry_after_s


def test_a_provider_that_is_away_for_a_while_is_not_missed(tokens, provider, clock):
    """Keys that were fetched serve on for an hour, then no longer; when it is back, so are its tokens."""
    token = provider.token()
    tokens.claims(token)
    provider.status = 500
    clock.now += 3500
    assert tokens.claims(token)
    clock.now += 200
    with pytest.raises(IdentityUnavailable):
        tokens.claims(token)
    provider.status = 200
    clock.now += 11
    assert tokens.claims(token)


def test_a_symmetric_key_in_the_set_is_not_taken(tokens, provider):
    """A set that publishes a secret makes nobody a signer."""
    provider.body = b'{"keys": [{"kty": "oct", "kid": "rsa-1", "k": "c2VjcmV0", "alg": "HS256"}]}'
    with pytest.raises(Unauthorized):
        tokens.claims(signed_with_text(provider, b"secret"))
    with pytest.raises(Unauthorized):
        tokens.claims(provider.token())


def test_claims_make_the_principal(tokens, provider, tmp_path):
    """Tenant and scopes come from the claims that the settings name; what is no scope of ours counts for nothing."""
    by_claims = gate(tokens, tmp_path, tenant_claim="org", scopes_claim="roles")
    found = by_claims.bearer(provider.token(org="acme", roles=["ask", "admin", 7]))
    assert (found.tenant, found.scopes, found.name) == ("acme", frozenset({"ask"}), "ada")
    assert found.key_id == by_claims.bearer(provider.token(org="acme", roles="search")).key_id
    assert gate(tokens, tmp_path).bearer(provider.token(org="acme")).tenant == "default"


def test_a_tenant_that_is_not_here_is_forbidden(tokens, provider, tmp_path):
    """A token of another organisation, or of none, reaches nobody's documents."""
    by_claims = gate(tokens, tmp_path, tenant_claim="org")
    for claims in ({"org": "unheard-of"}, {}):
        with pytest.raises(Forbidden):
            by_claims.bearer(provider.token(**claims))


def published(provider, **changes):
    """Return a key set that holds the provider's first key with some of its members changed; None takes one away."""
    key = {**json.loads(provider.published())["keys"][0], **changes}
    return json.dumps({"keys": [{name: value for name, value in key.items() if value is not None}]}).encode()


@pytest.mark.parametrize("changes", [
    {"use": "enc"}, {"use": 7}, {"use": "enc", "key_ops": ["verify"]}, {"key_ops": ["encrypt"]}, {"key_ops": []}, {"key_ops": "verify"},
    {"key_ops": ["sign"]}, {"alg": "RSA-OAEP"}, {"alg": "HS256"}, {"alg": "none"}, {"alg": 256}, {"alg": "ES256"}, {"alg": "PS256"},
    {"kty": "oct"}, {"d": "AQAB"},
], ids=str)  # fmt: skip
def test_a_key_for_another_purpose_verifies_nothing(tokens, provider, changes):
    """A key for encryption, of another algorithm, or whose private part is known, makes no token valid."""
    provider.body = published(provider, **changes)
    with pytest.raises(Unauthorized):
        tokens.claims(provider.token())


@pytest.mark.parametrize(
    "changes", [{}, {"alg": None}, {"use": None}, {"key_ops": ["verify"]}, {"use": None, "alg": None}], ids=str
)
def test_a_key_that_names_less_is_taken(tokens, provider, changes):
    """Providers leave out what RFC 7517 lets them leave out."""
    provider.body = published(provider, **changes)
    assert tokens.claims(provider.token())["sub"] == "ada"


@pytest.mark.filterwarnings("ignore:The RSA key is")  # said where the test signs with it
@pytest.mark.parametrize("bits", [1024, 2047])
def test_a_short_key_verifies_nothing(tokens, provider, bits):
    """RFC 7518 asks for 2048 bits: a shorter key may be computed from what is published."""
    provider.keys["rsa-1"] = rsa.generate_private_key(65537, bits)
    with pytest.raises(Unauthorized):
        tokens.claims(provider.token())


WEAK_KEYS = {
    "RSA of 1024 bits": lambda: {"n": number(rsa.generate_private_key(65537, 1024).public_key().public_numbers().n)},
    "RSA of 2047 bits": lambda: {"n": number(rsa.generate_private_key(65537, 2047).public_key().public_numbers().n)},
    "RSA of 20,000 bits": lambda: {"n": number(2**20_000 - 1)},
    "RSA with the exponent 1": lambda: {"e": number(1)},
    "RSA with the exponent 2": lambda: {"e": number(2)},
    "RSA without a modulus": lambda: {"n": None},
    "RSA whose modulus is no text": lambda: {"n": 5},
    "for encryption (use)": lambda: {"use": "enc"},
    "for encryption (key_ops)": lambda: {"key_ops": ["encrypt", "wrapKey"]},
    "for signing alone": lambda: {"key_ops": ["sign"]},
    "of an algorithm for encryption": lambda: {"alg": "RSA-OAEP-256"},
    "of a symmetric algorithm": lambda: {"alg": "HS256"},
    "of the algorithm none": lambda: {"alg": "none"},
    "of another kind's algorithm": lambda: {"alg": "ES256"},
    "symmetric": lambda: {"kty": "oct", "k": "c2VjcmV0"},
    "with its private part": lambda: {"d": "AQAB"},
    "of a kind that is no text": lambda: {"kty": ["RSA"]},
}


def number(value):
    """Return a number as a JWK holds it (RFC 7518, section 2)."""
    data = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.reliability
@pytest.mark.filterwarnings("ignore:The RSA key is")
def test_no_weak_or_misplaced_key_verifies_a_token(provider, clock):
    """What a provider publishes for something else, or too weak, makes no token valid; a good key beside it does its work."""
    rows = []
    for what, changes in WEAK_KEYS.items():
        (weak,) = json.loads(published(provider, **changes(), kid="weak"))["keys"]
        good = json.loads(provider.published())["keys"][0]
        provider.body = json.dumps({"keys": [weak, good, {**weak, "kid": "rsa-2"}]}).encode()
        tokens = TokenVerifier(ISSUER, AUDIENCE, PublishedKeys(provider.url, clock))
        with pytest.raises(Unauthorized):
            tokens.claims(provider.token("weak", key=provider.keys["rsa-1"]))
        assert tokens.claims(provider.token())["sub"] == "ada", what
        provider.body = None
        rows.append({"published key": what, "tokens with it": "401", "tokens with a good key beside it": "taken"})
    rows += [_of_curve(provider, clock, curve) for curve in (ec.SECP256K1(), ec.SECP224R1())]
    record("74-tokens", "Keys of an identity provider", "A provider publishes each kind beside a good key.", rows)


def _of_curve(provider, clock, curve):
    """Try a key of a curve that signs no tokens, published as one that does; return its row."""
    numbers = ec.generate_private_key(curve).public_key().public_numbers()
    key = {"kty": "EC", "kid": "curve", "crv": "P-256", "alg": "ES256", "x": number(numbers.x), "y": number(numbers.y)}
    provider.body = json.dumps({"keys": [key, {**key, "crv": curve.name}, json.loads(provider.published())["keys"][0]]}).encode()
    tokens = TokenVerifier(ISSUER, AUDIENCE, PublishedKeys(provider.url, clock))
    with pytest.raises(Unauthorized):
        tokens.claims(provider.token("curve", "ES256", key=ec.generate_private_key(ec.SECP256R1())))
    assert tokens.claims(provider.token())["sub"] == "ada"
    provider.body = None
    return {"published key": f"of the curve {curve.name}", "tokens with it": "401", "tokens with a good key beside it": "taken"}


@pytest.mark.parametrize("body", [
    '{"keys": [{"kty": "RSA", "later": %s}]}', '{"later": %s, "keys": []}', "%s", '{"keys": %s}',
])  # fmt: skip
def test_a_key_set_that_nests_deeply_is_no_key_set(tokens, provider, body):
    """Whether a credential is good cannot be said then."""
    provider.body = (body % ("[" * 50_000 + "]" * 50_000)).encode()
    with pytest.raises(IdentityUnavailable):
        tokens.claims(provider.token())


def test_a_curve_signs_with_its_own_algorithm(tokens, provider):
    """A key on a curve that no algorithm of ours names is left out."""
    provider.keys["ec-2"] = ec.generate_private_key(ec.SECP256K1())
    provider.body = json.dumps(
        {"keys": [json.loads(jwt.algorithms.ECAlgorithm.to_jwk(provider.keys["ec-2"].public_key())) | {"kid": "ec-2"}]}
    ).encode()
    with pytest.raises(Unauthorized):
        tokens.claims(provider.token("ec-2", "ES256K"))
