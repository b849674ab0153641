"""How Jacie logs: one line an event on stderr; libraries speak up only when something is wrong."""

import logging

_CHATTY = ("httpx", "httpx2", "httpcore", "openai", "pinecone", "botocore", "boto3", "urllib3")


def configure(level: str) -> None:
    """Set the root logger up for this process; once, at its start."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
