"""The pages for people: the chat at / and the test client for integrators."""

from flask import Blueprint, render_template

from jacie_flask.web.context import Jacie, jacie

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
    services = parts.services
    small = "small: trust the sources, not its wording" if services.model.small else ""
    return {
        "documents_label": services.documents.label,
        "parts": [
            {"name": "Documents", "value": services.documents.label, "note": ""},
            {"name": "Index", "value": services.index.label, "note": ""},
            {"name": "Embeddings", "value": services.embedder.label, "note": ""},
            {"name": "Model", "value": services.model.label, "note": small},
        ],
    }
