"""The description for programs: valid, whole, and true of what is answered."""

import json

import jsonschema
import openapi_spec_validator
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jacie_flask import create_app, errors
from jacie_flask.config import load
from jacie_flask.interfaces import Limits
from jacie_flask.web import openapi
from jacie_flask.web.bodies import QuestionBody, SearchBody
from tests.support.jacie import ROOT


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """An application that is asked nothing."""
    data = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"JACIE_MODEL": "scripted", "JACIE_DOCUMENTS": str(ROOT / "sample_documents")}.items():
            patch.setenv(name, value)
        return create_app(load(JACIE_DATA=data, JACIE_INDEX=f"sqlite:{data}/index.db"))


@pytest.fixture(scope="module")
def described(app):
    """The document as programs get it."""
    answer = app.test_client().get("/openapi.json")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    return json.loads(answer.data)


def validator(described, name):
    """Return what checks values against one schema of the document."""
    return jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": described["components"]})


def operations(described):
    """Return every operation by method and path."""
    return {(method, path): told for path, methods in described["paths"].items() for method, told in methods.items()}


def test_it_is_openapi(described):
    """The document is valid OpenAPI 3.1."""
    assert described["openapi"] == "3.1.0"
    openapi_spec_validator.validate(described)


def test_every_route_is_described(app, described):
    """Each address and method that programs can ask has its operation, with a summary and an answer; nothing else has."""
    wanted = set()
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in openapi.UNDESCRIBED:
            path = rule.rule.replace("<int:", "<").replace("<", "{").replace(">", "}")
            wanted |= {(method.lower(), path) for method in rule.methods - {"HEAD", "OPTIONS"}}
    assert set(operations(described)) == wanted
    for told in operations(described).values():
        assert told["summary"]
        assert any(status < "300" for status in told["responses"])
    ids = [told["operationId"] for told in operations(described).values()]
    assert len(set(ids)) == len(ids)


def test_keys_are_optional(described):
    """A key is a bearer token, and a server without keys asks for none."""
    assert described["security"] == [{}, {"key": []}]
    assert described["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def test_every_code_and_event_is_named(described):
    """The codes are those of the error tree, and a stream's events are described by name."""
    schemas = described["components"]["schemas"]
    codes = {kind.code for kind in openapi._all(errors.JacieError)}
    assert set(schemas["Problem"]["properties"]["code"]["enum"]) == codes
    stream = described["paths"]["/chat/stream"]["post"]["responses"]["200"]["content"]["text/event-stream"]
    assert set(stream["x-events"]) == {"progress", "sources", "token", "result", "error", "reset", "reconnect"}


def test_examples_are_valid(described):
    """Each example of a body fits its schema and is taken."""
    count = 0
    for told in operations(described).values():
        for content in told.get("requestBody", {}).get("content", {}).values():
            name = content["schema"]["$ref"].rpartition("/")[2]
            validator(described, name).validate(content["example"])
            {"QuestionBody": QuestionBody, "SearchBody": SearchBody}[name].model_validate(content["example"])
            count += 1
    assert count == 5


VALUES = st.none() | st.booleans() | st.integers(-2, 300) | st.text(max_size=3) | st.just("2023")
FIELDS = {
    "query": VALUES, "auto_load_documents": VALUES, "memory_enabled": VALUES, "on_disconnect": VALUES | st.just("cancel"),
    "filters": st.none() | st.dictionaries(st.sampled_from(["company", "period", "document_type"]), VALUES),
    "document_ids": st.none() | st.lists(VALUES, max_size=2),
}  # fmt: skip


@given(st.fixed_dictionaries({}, optional=FIELDS))
@settings(max_examples=300, deadline=None)
def test_the_schema_takes_what_the_server_takes(described, body):
    """A body fits its schema exactly when it is taken: the description promises neither more nor less."""
    try:
        QuestionBody.model_validate(body).question("chat", Limits())
        taken = True
    except ValueError:
        taken = False
    assert validator(described, "QuestionBody").is_valid(body) == taken
