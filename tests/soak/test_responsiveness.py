"""How long `/health` waits beside a long answer and beside many polls of a large run."""

import pytest

from bench import responsiveness
from tests.support.reliability import record

pytestmark = [pytest.mark.soak, pytest.mark.reliability, pytest.mark.timeout(600)]


def test_health_beside_long_answers_and_many_polls(tmp_path):
    """Every request is answered; the delays are recorded, beside how late the machine itself was."""
    rows = responsiveness.run(tmp_path)
    text = "One worker; `/health` asked every 10 ms on one connection. The last column is what the machine itself was late with."
    record("38-responsiveness", "Delay of /health", text, rows)
    assert [row["requests"] >= 100 for row in rows] == [True] * 3
