"""Jacie answers questions about a collection of filings and shows its work live."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from jacie_flask.config import Settings

__version__ = "0.1.0"


def create_app(settings: "Settings | None" = None) -> "Flask":
    """Return the application for these settings (the environment's by default); raise ConfigurationError."""
    from jacie_flask.app import create  # noqa: PLC0415  # child processes and the client import the package without the server

    return create(settings)
