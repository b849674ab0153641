"""An independent reader of the description sends what it says and what it forbids, and finds every answer as described."""

import pytest
from hypothesis import HealthCheck, given, settings

from tests.support.jacie import gunicorn, ingested_samples


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    """The description of a running Jacie."""
    import schemathesis

    data = ingested_samples(tmp_path_factory.getbasetemp())
    with gunicorn(
        data, JACIE_MODEL="scripted", JACIE_RATE_LIMIT="off", JACIE_PAGE_RATE_LIMIT="off", JACIE_POLL_RATE_LIMIT="off"
    ) as running:
        yield schemathesis.openapi.from_url(f"{running.url}/openapi.json").exclude(path="/health/stream")


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("examples", [400])
def test_answers_are_as_described(described, examples):
    """Status, content type, headers and shape of each answer are those of its operation, and none is an error of ours."""
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks as openapi

    checks = [
        not_a_server_error,
        openapi.content_type_conformance,
        openapi.response_headers_conformance,
        openapi.response_schema_conformance,
        openapi.status_code_conformance,
    ]
    asked = set()
    for found in described.get_all_operations():
        operation = found.ok()

        @given(operation.as_strategy())
        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        def ask(case):
            case.call_and_validate(checks=checks)
            asked.add(case.operation.path)

        ask()
    assert asked == set(described.raw_schema["paths"]) - {"/health/stream", "/openapi.json"}  # the last is what it reads
