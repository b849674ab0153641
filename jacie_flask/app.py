"""The application factory: wires services, blueprints and error handlers."""

from functools import partial
from pathlib import Path

from flask import Flask
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from jacie_flask import cli, services
from jacie_flask.chat.pipeline import PIPELINES, Pipeline
from jacie_flask.config import Settings, load
from jacie_flask.events import ProgressCallback, Result
from jacie_flask.interfaces import Question, Services
from jacie_flask.runs.run import Runs
from jacie_flask.web import chat, context, documents, guard, ops, pages, problems, runs, search

_ROOT = Path(__file__).parent.parent
_ASKED_HEADERS = ["Content-Type", "Authorization", "Idempotency-Key", "Prefer", "X-Request-ID", "Last-Event-ID"]
_SHOWN_HEADERS = ["X-Run-Id", "X-Request-ID", "Content-Location", "Location", "Retry-After"]
_SHOWN_HEADERS += ["X-Pages", "X-Highlight", "X-Highlight-Box"]


def create(settings: Settings | None = None) -> Flask:
    """Return the application for these settings (the environment's by default); raise ConfigurationError."""
    settings = settings or load()
    app = Flask("jacie_flask", template_folder=str(_ROOT / "templates"), static_folder=str(_ROOT / "static"))
    beside = services.background(settings)
    parts = services.build(settings, beside)
    started = Runs(
        parts.runs,
        {mode: partial(_answer, pipeline, parts) for mode, pipeline in PIPELINES.items()},
        max_runs=settings.max_runs,
        deadline_s=settings.deadline_s,
        grace_s=settings.grace_s,
    )
    app.extensions["jacie"] = context.Jacie(settings, parts, started, beside)
    if settings.proxies:  # only those may say who asks and by which scheme; without any, nobody may
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies)  # type: ignore[method-assign]
    if settings.cors_origins:
        CORS(app, origins=list(settings.cors_origins), allow_headers=_ASKED_HEADERS, expose_headers=_SHOWN_HEADERS, max_age=600)
    context.init_app(app)
    guard.init_app(app)
    problems.init_app(app)
    for room in (chat, runs, documents, search, ops, pages):
        app.register_blueprint(room.blueprint)
    app.cli.add_command(cli.ingest_command)
    app.cli.add_command(cli.doctor_command)
    return app


def _answer(pipeline: Pipeline, parts: Services, question: Question, report: ProgressCallback) -> Result:
    return pipeline(question, parts, report)
