"""The run log that many workers share: in memory where it is written and read, in Redis for all others.

A worker appends to its memory, which its own readers read (``own``), and a flusher writes what is new of all its runs in one
exchange. Readers of other workers' runs read a copy in memory (``copies``) that one ``follower`` keeps up to date over one
connection. The ``beat`` says that this worker lives and sees who does not; their runs are ``orphans``. So a Redis that is slow or
gone (``link``) delays nobody who reads where the answer is made.
"""

from jacie_flask.runs.redis_log.log import RedisLog

__all__ = ["RedisLog"]
