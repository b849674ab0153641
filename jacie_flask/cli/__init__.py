"""The command line: ``flask --app wsgi ingest``, ``keys`` and ``doctor``, and the ingestion that a server runs beside itself."""
