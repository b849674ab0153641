"""gunicorn's own log in the shape of everything else's, and a line for each answered request where that is wanted."""

from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger

_IDS = {"x-request-id": "request_id", "x-run-id": "run_id"}


class PlainLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Hands everything to the root logger; an access line says nothing of what was asked: no query, no header of the client's."""

    def setup(self, cfg: Any) -> None:
        """Write nothing here."""
        self.cfg = cfg
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True
            log.setLevel(self.LOG_LEVELS[cfg.loglevel])
        self.access_log.setLevel("INFO")

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Write the line of one answered request."""
        if self.cfg.accesslog:
            facts = {name: value for header, value in resp.headers if (name := _IDS.get(header.lower()))}
            facts |= {
                "method": environ.get("REQUEST_METHOD", ""),
                "path": environ.get("PATH_INFO", ""),
                "client": environ.get("REMOTE_ADDR", ""),
            }
            facts |= {"duration_ms": round(request_time / timedelta(milliseconds=1)), "bytes": getattr(resp, "sent", 0)}
            self.access_log.info("answered", extra={**facts, "status": resp.status_code})
