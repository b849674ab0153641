"""One module a format, imported by the extraction child when a document needs it: ``read(job, more_time)`` gives pages."""
