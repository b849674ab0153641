"""API keys: hashed, shared by processes through one file, and over at once when they are revoked."""

import hashlib
import json
import multiprocessing
import stat
from pathlib import Path

import pytest

from jacie_flask.access.keys import KeyFile
from jacie_flask.access.secret import signing_secret
from jacie_flask.errors import ConfigurationError, Unauthorized

ASK = frozenset({"ask"})
MANY = 4


class Clock:
    """A time that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        """Return it."""
        return self.now


@pytest.fixture
def clock():
    """A clock."""
    return Clock()


@pytest.fixture
def path(tmp_path) -> Path:
    """Where the keys are."""
    return tmp_path / "data" / "keys.json"


@pytest.fixture
def keys(path, clock):
    """No keys yet."""
    return KeyFile(path, clock=clock)


def refusal(keys: KeyFile, token: str) -> str:
    """Return why a token is refused."""
    with pytest.raises(Unauthorized) as refused:
        keys.verify(token)
    return str(refused.value)


def test_a_key_is_recognised_and_only_its_hash_is_kept(keys, path):
    """What was shown once is verified; the file holds the SHA-256 of it, readable by its owner alone."""
    key, token = keys.create("web", tenant="acme", scopes=ASK)
    assert keys.verify(token) == key
    text = path.read_text()
    assert token not in text
    assert token.split("_", 2)[2] not in text
    assert hashlib.sha256(token.encode()).hexdigest() in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_keys_have_nothing_in_common(keys):
    """Each has its own id and 256 random bits."""
    tokens = [keys.create("web", tenant="default", scopes=ASK)[1] for _ in range(20)]
    assert len({token.split("_")[1] for token in tokens}) == len(set(tokens)) == 20
    assert {len(token.split("_", 2)[2]) for token in tokens} == {43}


@pytest.mark.parametrize("spoil", [
    lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"), lambda token: token + "A", lambda token: token[:-1],
    lambda token: "", lambda token: token.upper(), lambda token: "jcy_" + "0" * 12 + token[16:], lambda token: token + "\n",
])  # fmt: skip
def test_a_token_that_is_not_exactly_right_is_refused(keys, spoil):
    """One character more, less or other, another case, another id: none of it stands."""
    _, token = keys.create("web", tenant="default", scopes=ASK)
    assert refusal(keys, spoil(token))


def test_a_key_ends_when_it_said(keys, clock):
    """It stands until its time and not at it."""
    _, token = keys.create("web", tenant="default", scopes=ASK, expires_at=2000.0)
    clock.now = 1999.0
    assert keys.verify(token)
    clock.now = 2000.0
    assert "expired" in refusal(keys, token)


def test_a_revoked_key_is_over_in_every_process(keys, path, clock):
    """Another reader of the file, a worker, refuses it with its next look, and stays closed when all keys are over."""
    worker = KeyFile(path, clock=clock)
    assert not worker.any()
    key, token = keys.create("web", tenant="default", scopes=ASK)
    assert worker.verify(token) == key
    keys.revoke(key.key_id)
    assert "revoked" in refusal(worker, token)
    assert worker.any()
    with pytest.raises(KeyError):
        keys.revoke("nobody")


def test_keys_stay_required_when_the_file_goes(keys, path):
    """Deleting the file opens nothing."""
    _, token = keys.create("web", tenant="default", scopes=ASK)
    assert keys.any()
    path.unlink()
    assert refusal(keys, token)
    assert keys.any()


def test_a_damaged_file_leaves_the_last_keys_in_force(keys, path, clock):
    """A mistake of an editor locks nobody out of a running server; a starting one says what is wrong."""
    _, token = keys.create("web", tenant="default", scopes=ASK)
    path.write_text("{")
    assert keys.verify(token)
    with pytest.raises(ConfigurationError, match="JACIE_KEYS holds"):
        KeyFile(path, clock=clock).check()


def test_a_revocation_is_not_missed_by_a_passing_fault(keys, path, clock):
    """A file that could not be read is read again with the next request, though it has not changed since."""
    key, token = keys.create("web", tenant="default", scopes=ASK)
    worker = KeyFile(path, clock=clock)
    assert worker.verify(token)
    keys.revoke(key.key_id)
    aside = path.with_name("aside")
    path.rename(aside)
    path.mkdir()
    assert worker.verify(token)
    path.rmdir()
    aside.rename(path)
    assert "revoked" in refusal(worker, token)


def test_a_file_mounted_by_a_link_is_followed(keys, path, tmp_path, clock):
    """Where the file is a link to another one by now, as mounted secrets are replaced, the new one counts."""
    _, token = keys.create("web", tenant="default", scopes=ASK)
    link, empty = tmp_path / "mounted.json", tmp_path / "empty.json"
    empty.write_text(json.dumps({"version": 1, "keys": []}))
    link.symlink_to(path)
    mounted = KeyFile(link, clock=clock)
    assert mounted.verify(token)
    link.unlink()
    link.symlink_to(empty)
    assert "unknown" in refusal(mounted, token)


def _create(path: Path) -> None:
    KeyFile(path, clock=lambda: 1.0).create("one", tenant="default", scopes=ASK)


def test_keys_made_at_once_are_all_there(path):
    """Several processes that make keys at the same time lose none."""
    context = multiprocessing.get_context("spawn")
    makers = [context.Process(target=_create, args=(path,)) for _ in range(MANY)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert len(KeyFile(path, clock=lambda: 1.0).all()) == MANY


def test_the_signing_secret_is_made_once(tmp_path):
    """Without a setting all processes of a data folder share one secret, which its owner alone can read."""
    first, second = signing_secret("", tmp_path), signing_secret("", tmp_path)
    assert first == second
    assert len(first) == 64
    assert stat.S_IMODE((tmp_path / "secret-key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret-key"]
    assert signing_secret("given", tmp_path) == "given"


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe" * 32, b"0" * 63, b"\0" * 64])
def test_a_damaged_secret_is_made_anew(tmp_path, content):
    """A file without a secret would sign with what anybody can guess; everybody signs in again."""
    (tmp_path / "secret-key").write_bytes(content)
    found = signing_secret("", tmp_path)
    assert len(found) == 64
    assert signing_secret("", tmp_path) == found
    assert stat.S_IMODE((tmp_path / "secret-key").stat().st_mode) == 0o600
