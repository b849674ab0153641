"""The WSGI application: ``wsgi:app`` for gunicorn, waitress, mod_wsgi or ``flask run``."""

import logging
import sys

from jacie_flask import create_app
from jacie_flask.config import load
from jacie_flask.errors import ConfigurationError

try:
    settings = load()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    app = create_app(settings)
except ConfigurationError as error:
    sys.exit(f"jacie: {error}")
