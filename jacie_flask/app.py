"""The application factory: wires services, blueprints and error handlers."""

from functools import partial
from pathlib import Path

from flask import Flask
from flask_cors import CORS

from jacie_flask import __version__, cli, services, tracing
from jacie_flask.chat.pipeline import PIPELINES, Pipeline
from jacie_flask.config import Settings, load
from jacie_flask.events import ProgressCallback, Result
from jacie_flask.interfaces import Question, Services
from jacie_flask.retries import Budget
from jacie_flask.runs.run import Runs
from jacie_flask.web import chat, context, documents, guard, metrics, ops, pages, problems, runs, search, security_headers

_ROOT = Path(__file__).parent.parent
_ASKED_HEADERS = ["Content-Type", "Authorization", "Idempotency-Key", "Prefer", "X-Request-ID", "Last-Event-ID"]
_SHOWN_HEADERS = ["X-Run-Id", "X-Request-ID", "Content-Location", "Location", "Retry-After", "Server-Timing"]
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
        retries=settings.retries,
    )
    app.extensions["jacie"] = context.Jacie(settings, parts, started, beside)
    if settings.cors_origins:
        CORS(app, origins=list(settings.cors_origins), allow_headers=_ASKED_HEADERS, expose_headers=_SHOWN_HEADERS, max_age=600)
    tracing.configure(settings.otlp_endpoint, __version__)
    metrics.init_app(app)
    context.init_app(app)
    security_headers.init_app(app, settings)
    guard.init_app(app)
    problems.init_app(app)
    for room in (chat, runs, documents, search, ops, metrics, pages):
        app.register_blueprint(room.blueprint)
    app.cli.add_command(cli.ingest_command)
    return app


def _answer(pipeline: Pipeline, parts: Services, question: Question, report: ProgressCallback, budget: Budget) -> Result:
    return pipeline(question, parts, report, budget)
