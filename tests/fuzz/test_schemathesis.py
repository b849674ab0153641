"""An independent reader of the description sends what it says and what it forbids, and finds every answer as described."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.jacie import gunicorn, ingested_samples

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    """The description of a running Jacie."""
    data = ingested_samples(tmp_path_factory.getbasetemp())
    with gunicorn(
        data, JACIE_MODEL="scripted", JACIE_INGEST="off", JACIE_RATE_LIMIT="off", JACIE_PAGE_RATE_LIMIT="off"
    ) as running:
        yield schemathesis.openapi.from_url(f"{running.url}/openapi.json").exclude(path="/health/stream")


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("examples", [400])
def test_answers_are_as_described(described, examples):
    """Status, content type, headers and shape of each answer are those of its operation, and none is an error of ours."""
    asked = set()
    for found in described.get_all_operations():
        operation = found.ok()

        @given(operation.as_strategy())
        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        def ask(case):
            case.call_and_validate(checks=CHECKS)
            asked.add(case.operation.path)

        ask()
    assert asked == set(described.raw_schema["paths"]) - {"/health/stream", "/openapi.json"}  # the last is what it reads
