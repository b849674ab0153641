"""The first calls of all parts, made before the first user makes them."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from jacie_flask.errors import JacieError, LLMUnavailable
from jacie_flask.evidence.page_search import rehearse
from jacie_flask.interfaces import DEFAULT_TENANT, ChatModel, Services

log = logging.getLogger(__name__)

_Step = tuple[str, Callable[[], object]]


def warm_all(tenants: Mapping[str, Services], *, model_wait_s: float) -> None:
    """Make the first calls of each tenant's parts; the shared ones are met once."""
    for name, services in tenants.items():
        if name != DEFAULT_TENANT:
            _take([("documents", services.catalog.documents), ("index", services.index.warm)])
    warm(tenants[DEFAULT_TENANT], model_wait_s=model_wait_s)


def warm(services: Services, *, model_wait_s: float) -> None:
    """Make first calls before the first user does; what cannot be reached yet is logged and met again by a question."""
    steps: list[_Step] = [
        ("documents", services.catalog.documents),
        ("extraction", services.reader.warm),
        ("index", services.index.warm),
        ("embeddings", services.embedder.warm),
        ("model", services.model.warm),
        ("search", lambda: rehearse(services)),
        ("model's server", lambda: _wait_for(services.model, model_wait_s)),
    ]
    _take(steps)


def _take(steps: Sequence[_Step]) -> None:
    for name, step in steps:
        try:
            step()
        except JacieError as error:
            log.warning("%s cannot be reached yet: %s", name, error)
        except Exception:  # whatever a part brings out: logged whole; questions meet it again
            log.exception("%s failed to warm up", name)


def _wait_for(model: ChatModel, wait_s: float) -> None:
    end = time.monotonic() + wait_s
    while not model.ready():
        if time.monotonic() > end:
            raise LLMUnavailable(f"{model.label} does not answer")
        time.sleep(0.1)
