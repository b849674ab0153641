"""The watch over what keys have open: ended with its key, looked at only while there is something."""

import pytest

from jacie_flask.access.gate import Gate
from jacie_flask.access.keys import KeyFile
from jacie_flask.access.watch import EVERY_S, KeyWatch

ASK = frozenset({"ask"})


class Clock:
    """A time that passes when a test says so, and what is to be called in it."""

    def __init__(self) -> None:
        """Begin."""
        self.now = 1000.0
        self.calls: list[tuple[float, object]] = []

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def later(self, seconds, function) -> None:
        """Note what is to be called."""
        self.calls.append((self.now + seconds, function))

    def passes(self, seconds: float) -> None:
        """Let time pass and call what is due."""
        self.now += seconds
        due, self.calls = self.calls, []
        for at, function in due:
            function() if at <= self.now else self.calls.append((at, function))


@pytest.fixture
def clock():
    """A clock."""
    return Clock()


@pytest.fixture
def keys(tmp_path, clock):
    """No keys yet."""
    return KeyFile(tmp_path / "keys.json", clock=clock)


@pytest.fixture
def watch(keys, clock):
    """A watch over these keys, with two tenants."""
    gate = Gate(keys=keys, tokens=None, tenants=("default", "acme"), required=False, open_to_all=False)
    return KeyWatch(gate.refusal, clock.later)


def opened(watch, caller, tenant="default"):
    """Open something; return the reasons for which it is ended, and what stops the watching."""
    ended = []
    return ended, watch.enter(caller, tenant, lambda error: ended.append(f"{error.code}: {error}"))


def test_what_a_revoked_key_has_open_ends_and_nothing_else(watch, keys, clock):
    """Only what the key itself has open ends, with the second look; what is not ended by that is told again."""
    key, _ = keys.create("web", tenant="default", scopes=ASK)
    other, _ = keys.create("other", tenant="default", scopes=ASK)
    mine, close = opened(watch, key.key_id)
    theirs, _ = opened(watch, other.key_id)
    clock.passes(EVERY_S)
    keys.revoke(key.key_id)
    clock.passes(EVERY_S)
    assert mine == []
    clock.passes(EVERY_S)
    assert mine == [f"unauthorized: key {key.key_id} (web) is revoked"]
    clock.passes(EVERY_S)
    assert len(mine) == 2
    close()
    clock.passes(EVERY_S)
    assert (len(mine), theirs) == (2, [])


def test_an_end_that_was_set_comes_too(watch, keys, clock):
    """A key that expires ends what it has open without anybody's doing."""
    key, _ = keys.create("web", tenant="default", scopes=ASK, expires_at=clock.now + 1.5 * EVERY_S)
    mine, _ = opened(watch, key.key_id)
    clock.passes(EVERY_S)
    clock.passes(EVERY_S)
    assert mine == []
    clock.passes(EVERY_S)
    assert mine == [f"unauthorized: key {key.key_id} (web) is expired"]


@pytest.mark.parametrize(("before", "after"), [('"ask"', '"search"'), ('"default"', '"acme"'), ('"key_id": "', '"key_id": "0')])
def test_an_edited_file_counts(watch, keys, clock, before, after):
    """A scope that is gone, another tenant or a key that is taken out end what the key has open."""
    key, _ = keys.create("web", tenant="default", scopes=ASK)
    mine, _ = opened(watch, key.key_id)
    keys.path.write_text(keys.path.read_text().replace(before, after))
    clock.passes(EVERY_S)
    clock.passes(EVERY_S)
    assert mine
    assert key.key_id in mine[0]


def test_addresses_and_subjects_of_tokens_are_let_be(watch, keys, clock):
    """The first key against an open server does not end what is running, nor does it end what a token began."""
    ended = [opened(watch, caller)[0] for caller in ("127.0.0.1", "2001:db8::/64", "", "0123456789abcdef")]
    keys.create("web", tenant="default", scopes=ASK)
    clock.passes(EVERY_S)
    clock.passes(EVERY_S)
    assert ended == [[], [], [], []]


def test_nothing_open_costs_nothing(watch, keys, clock):
    """The looking ends with the last that is watched, and begins again with the next; there is one, however many are open."""
    key, _ = keys.create("web", tenant="default", scopes=ASK)
    closes = [opened(watch, key.key_id)[1] for _ in range(3)]
    assert len(clock.calls) == 1
    for close in closes:
        close()
    clock.passes(EVERY_S)
    assert (len(watch), clock.calls) == (0, [])
    mine, _ = opened(watch, key.key_id)
    keys.revoke(key.key_id)
    clock.passes(EVERY_S)
    clock.passes(EVERY_S)
    assert len(mine) == 1


def test_a_file_that_is_replaced_cuts_nothing(watch, keys, clock):
    """A file of keys that is away at one look and back at the next ends nothing; one that stays away ends everything."""
    key, _ = keys.create("web", tenant="default", scopes=ASK)
    mine, _ = opened(watch, key.key_id)
    held = keys.path.read_bytes()
    for _ in range(3):
        keys.path.unlink()
        clock.passes(EVERY_S)
        keys.path.write_bytes(held)
        clock.passes(EVERY_S)
    assert mine == []
    keys.path.unlink()
    clock.passes(EVERY_S)
    clock.passes(EVERY_S)
    assert mine == [f"unauthorized: key {key.key_id} is unknown"]
