"""Builds the real parts from the settings: the only importer of backends."""

from jacie_flask.services.backends import runs_store
from jacie_flask.services.beside import Background, background
from jacie_flask.services.building import build, extraction, ingestion
from jacie_flask.services.entrance import gate, key_file
from jacie_flask.services.sdks import load
from jacie_flask.services.warming import warm, warm_all

__all__ = [
    "Background",
    "background",
    "build",
    "extraction",
    "gate",
    "ingestion",
    "key_file",
    "load",
    "runs_store",
    "warm",
    "warm_all",
]
