"""The application factory: wires services, blueprints and error handlers."""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from flask import Flask
from flask_cors import CORS

from jacie_flask import __version__, services, tenants, tracing
from jacie_flask.access.ended_sessions import EndedSessions
from jacie_flask.access.secret import signing_secret
from jacie_flask.access.watch import KeyWatch
from jacie_flask.answer.pipeline import PIPELINES, Pipeline
from jacie_flask.cli.doctor import doctor_command
from jacie_flask.cli.ingesting import ingest_command
from jacie_flask.cli.keys import keys_commands
from jacie_flask.config import Settings, load
from jacie_flask.errors import Internal
from jacie_flask.events import ProgressCallback, Result
from jacie_flask.interfaces import DEFAULT_TENANT, Question, Services
from jacie_flask.retries import Budget
from jacie_flask.runs.run import Runs
from jacie_flask.web import (
    chat,
    context,
    documents,
    guard,
    limits,
    metrics,
    openapi,
    ops,
    origins,
    pages,
    problems,
    proxies,
    request_dates,
    runs,
    search,
    security_headers,
    sessions,
    sign_in,
    watching,
)

_ROOT = Path(__file__).parent.parent
_ASKED_HEADERS = ["Content-Type", "Authorization", "Idempotency-Key", "Prefer", "X-Request-ID", "Last-Event-ID"]
_ASKED_HEADERS += ["X-Requested-With", "traceparent", "tracestate", "baggage", "sentry-trace"]  # libraries of pages add them
_SHOWN_HEADERS = ["X-Run-Id", "X-Request-ID", "Content-Location", "Location", "Retry-After", "Server-Timing"]
_SHOWN_HEADERS += ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy"]
_SHOWN_HEADERS += ["Accept-Ranges", "Content-Range", "ETag"]
_SHOWN_HEADERS += ["X-Pages", "X-Highlight", "X-Highlight-Box"]


def create(settings: Settings | None = None) -> Flask:
    """Return the application for these settings (the environment's by default); raise ConfigurationError."""
    settings = settings or load()
    app = Flask("jacie_flask", template_folder=str(_ROOT / "templates"), static_folder=str(_ROOT / "static"))
    settings_of = tenants.settings_of(settings)
    beside = services.background(settings)
    parts = services.build(settings_of, beside)
    gate = services.gate(settings, parts)
    watch = KeyWatch(gate.refusal)
    started = Runs(
        parts[DEFAULT_TENANT].runs,
        {mode: partial(_answer, pipeline, parts) for mode, pipeline in PIPELINES.items()},
        max_runs=settings.max_runs,
        deadline_s=settings.deadline_s,
        grace_s=settings.grace_s,
        retries=settings.retries,
        allowance=limits.allowance(settings, parts[DEFAULT_TENANT].runs),
        watch=watch.enter,
    )
    app.extensions["jacie"] = context.Jacie(settings, parts[DEFAULT_TENANT], started, beside, parts)
    app.extensions["jacie.gate"] = gate
    app.extensions[watching.WATCH] = watch
    app.extensions["jacie.sessions"] = sessions.Sessions(
        signing_secret(settings.secret_key, settings.data),
        EndedSessions(settings.data / "ended-sessions.json", clock=time.time),
    )
    proxies.init_app(app, settings)
    if settings.cors_origins:
        allowed = list(origins.patterns(settings.cors_origins))
        CORS(app, origins=allowed, allow_headers=_ASKED_HEADERS, expose_headers=_SHOWN_HEADERS, max_age=600)
    tracing.configure(settings.otlp_endpoint, __version__)
    request_dates.init_app(app)
    metrics.init_app(app)
    context.init_app(app)
    security_headers.init_app(app, settings)
    guard.init_app(app)
    limits.init_app(app)
    problems.init_app(app)
    for room in (chat, runs, documents, search, ops, metrics, pages, sign_in, openapi):
        app.register_blueprint(room.blueprint)
    for command in (ingest_command, keys_commands, doctor_command):
        app.cli.add_command(command)
    return app


def _answer(
    pipeline: Pipeline, parts: Mapping[str, Services], question: Question, report: ProgressCallback, budget: Budget
) -> Result:
    """Answer from the documents of the question's tenant; a worker that does not know it has other settings than its peers."""
    if question.tenant not in parts:
        raise Internal(f"there is no tenant {question.tenant!r} here")
    return pipeline(question, parts[question.tenant], report, budget)
