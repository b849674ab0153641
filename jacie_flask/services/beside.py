"""The processes beside the workers: the local model's server and the ingestion on start."""

import threading
from dataclasses import dataclass, field

from jacie_flask.config import Settings
from jacie_flask.data_folder import prepare
from jacie_flask.models.local_server import LocalServer
from jacie_flask.processes import OwnedProcess
from jacie_flask.services.places import ingestion_mark


@dataclass
class Background:
    """The processes beside the workers: the local model's server and the ingestion on start."""

    settings: Settings
    model_server: LocalServer | None = None
    ingestion: OwnedProcess | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _started: bool = False

    def environment(self) -> dict[str, str]:
        """Return what worker processes need to know of these processes, as variables."""
        server = self.model_server
        known = {"JACIE_LOCAL_MODEL_URL": server.url, "JACIE_LOCAL_MODEL_KEY": server.key} if server else {}
        return {**known, "JACIE_BACKGROUND": "parent"}

    def start(self) -> None:
        """Start what the settings ask for, once."""
        with self._lock:
            if self._started:
                return
            self._started = True
        if self.model_server:
            self.model_server.start()
        if self.ingestion:
            self.ingestion.start()

    def stop(self) -> None:
        """End what was started."""
        for process in (self.ingestion, self.model_server.process if self.model_server else None):
            if process and self._started:
                process.stop()


def background(settings: Settings) -> Background:
    """Return the processes that these settings need and that no parent of this process runs already."""
    prepare(settings.data)
    if settings.background == "parent":
        return Background(settings)
    server = (
        LocalServer(settings.model_file, settings.local_context) if settings.model_file and settings.uses_local_model else None
    )
    done = ingestion_mark(settings)
    # its counts would be read as a worker's, and each start of it would leave a file of them
    counts = ("PROMETHEUS_MULTIPROC_DIR",)
    ingestion = OwnedProcess("jacie_flask.cli", ("background-ingest", str(done)), {}, done=done, without=counts)
    return Background(settings, server, ingestion if settings.ingest == "start" else None)
