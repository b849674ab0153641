"""The pages for people: the chat at / and the test client for integrators."""

from flask import Blueprint, render_template

from jacie_flask.web.context import Jacie, jacie
from jacie_flask.web.guard import principal

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def chat() -> str:
    """Return the chat page."""
    return render_template("chat.html", **_facts(jacie()))


@blueprint.get("/test-client")
def test_client() -> str:
    """Return the streaming test client."""
    return render_template("test_client.html", **_facts(jacie()))


def _facts(parts: Jacie) -> dict[str, object]:
    """Return what the pages show: of what answers here nothing to those who may not ask."""
    asking = principal()
    if "ask" not in asking.scopes:
        return {"signed_out": True}
    services = parts.services
    note = (
        "figures are computed and pages quoted; OPENAI_BASE_URL or JACIE_MODEL_FILE adds a model" if services.model.absent else ""
    )
    return {
        "signed_in_as": asking.name if asking.key_id else "",
        "ingests": parts.settings.ingest == "start",
        "documents_label": services.documents.label,
        "parts": [
            {"name": "Documents", "value": services.documents.label, "note": ""},
            {"name": "Index", "value": services.index.label, "note": ""},
            {"name": "Embeddings", "value": services.embedder.label, "note": ""},
            {"name": "Model", "value": services.model.label, "note": note},
        ],
    }
