"""What several files of this folder serve with; a file that needs another one has its own of the name."""

import pytest

from tests.support import told_model
from tests.support.jacie import ingested_samples
from tests.support.openai_server import OpenAIServer


@pytest.fixture(scope="module")
def model():
    """A model that answers what its question says."""
    with OpenAIServer(told_model.told) as server:
        yield server


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with an index."""
    return ingested_samples(tmp_path_factory.getbasetemp())
