"""The WSGI application: ``wsgi:app`` for gunicorn, waitress, mod_wsgi or ``flask run``."""

import sys

from jacie_flask import create_app, logs
from jacie_flask.config import load
from jacie_flask.errors import ConfigurationError

try:
    settings = load()
    logs.configure(settings)
    app = create_app(settings)
except ConfigurationError as error:
    sys.exit(f"jacie: {error}")
