"""Who is asking: the principal of a request, decided before anything else looks at it."""

from flask import Flask, g

from jacie_flask.interfaces import Principal

ANYONE = Principal(key_id="", name="anyone")


def principal() -> Principal:
    """Return who made this request."""
    known: Principal = g.principal
    return known


def init_app(app: Flask) -> None:
    """Decide for each request who makes it."""

    @app.before_request
    def recognise() -> None:
        g.principal = ANYONE
