"""The command line: ``flask --app wsgi ingest``, ``keys`` and ``doctor``, and the ingestion that a server runs beside itself."""

from jacie_flask.cli.doctor import doctor_command
from jacie_flask.cli.ingesting import ingest_command
from jacie_flask.cli.keys import keys_commands

__all__ = ["doctor_command", "ingest_command", "keys_commands"]
