"""Sessions that have ended stay so until they would have expired, whoever else signs out, in every process that reads the file."""

from jacie_flask.access.ended_sessions import LISTED, EndedSessions, Session


class Clock:
    """A clock that a test sets; seconds since the epoch."""

    now = 1000.0

    def __call__(self):
        """Return the time."""
        return self.now


def session(number, key="key", opened_at=900.0):
    """Return a session of a key."""
    return Session(key, f"s{number}", opened_at)


def test_an_ended_session_stays_ended_when_others_sign_out(tmp_path):
    """Also in another process; one that was not ended goes on."""
    ended, elsewhere = (EndedSessions(tmp_path / "ended.json", clock=Clock()) for _ in range(2))
    ended.add(session(1), 2000.0)
    elsewhere.add(session(2), 2000.0)
    ended.add(session(3, key="other"), 2000.0)
    for process in (ended, elsewhere, EndedSessions(tmp_path / "ended.json", clock=Clock())):
        assert [session(number) in process for number in (1, 2, 4)] == [True, True, False]
        assert session(3, key="other") in process


def test_what_would_have_expired_is_kept_no_longer(tmp_path):
    """The file has no more entries than sessions that could still be used."""
    clock = Clock()
    ended = EndedSessions(tmp_path / "ended.json", clock=clock)
    ended.add(session(1), 1500.0)
    clock.now = 1501.0
    ended.add(session(2), 2500.0)
    assert session(1) not in ended
    assert session(2) in ended


def test_too_many_of_one_key_end_all_that_were_opened_before(tmp_path):
    """The list is bounded; those of other keys, and those that are opened later, go on."""
    clock = Clock()
    ended = EndedSessions(tmp_path / "ended.json", clock=clock)
    ended.add(session(0), 2000.0)
    ended._known["key"].expiry |= {f"s{number}": 2000.0 for number in range(1, LISTED)}
    assert session("new") not in ended
    ended.add(session(LISTED), 2000.0)
    assert session("new") in ended
    assert session("new", opened_at=1001.0) not in ended
    assert session("new", key="other") not in ended
