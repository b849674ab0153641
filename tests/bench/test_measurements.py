"""Every measurement once, with tiny loads, on real servers: that the harness works, not how fast anything is."""

import pytest

from bench.streams.counting import Missing, check_whole
from bench.streams.load import Load
from bench.streams.measurements import ALL, Bench, Lengths
from bench.streams.plan import Plan
from bench.streams.servers import DIRECT, JACIE, PEER, PEER_PYTHON, PROXY, serve, upstream

TINY = Lengths(
    burst_s=0.1, answer_tokens=100, paced_s=0.3, idle_s=2.0, settle_s=0.1, margin_s=1.0, quiet_s=0.1, idle_streams=10, leaving=10
)
SHORT = ("burst", "paced", "disconnect", "idle")


@pytest.fixture(scope="module")
def model():
    """The upstream of all contenders."""
    with upstream() as running:
        yield running


@pytest.fixture(scope="module", params=[JACIE, PROXY, PEER], ids=lambda contender: contender.key)
def server(request, model):
    """Each contender, with a heartbeat that is worth waiting for."""
    if request.param is PEER and not PEER_PYTHON.exists():
        pytest.skip("THE PEER IS NOT TESTED: its venv is not there; `make bench` builds it")
    with serve(request.param, model, heartbeat_s=1) as running:
        yield running


@pytest.mark.parametrize("measurement", [one for one in ALL if one.key in SHORT], ids=lambda one: one.key)
def test_a_measurement_gives_figures(measurement, server, model):
    """A tiny load goes through, every character is counted, and the figures are numbers above zero."""
    if server.contender not in measurement.contenders:
        pytest.skip("takes no part in this one")
    sample = measurement.run(Bench(model, TINY), server)
    costs = {name: value for name, value in sample.items() if name.endswith(("_ms", "_per_token", "_per_heartbeat"))}
    assert costs
    assert all(value > 0 for value in costs.values()), sample


def test_a_stream_that_lacks_a_token_is_refused(model):
    """What really came over a socket is compared with the plan, not with what the server says of itself."""
    asked, expected = Plan(20), Plan(21)
    with serve(DIRECT, model) as server, Load(server.port) as load:
        stream = DIRECT.stream(asked)
        load.ask([stream])
        load.run(until=lambda: not load.open)
    check_whole(stream.raw, DIRECT.dialect, asked)
    with pytest.raises(Missing):
        check_whole(stream.raw, DIRECT.dialect, expected)
