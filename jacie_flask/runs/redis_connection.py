"""The connection to Redis: the only home of its SDK, whose exceptions become ours here."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jacie_flask.runs.redis_rows import Facts, RecordDamaged, StoreDown

CONNECT_S = 0.5
ANSWER_S = 1.0
# What Redis and its Lua say of a value that is not what was written there.
_DAMAGE = ("WRONGTYPE", "not an integer", "not a valid float", "attempt to ")

Client = redis.Redis


def connect(url: str, answer_s: float = ANSWER_S, connect_s: float = CONNECT_S) -> Client:
    """Return a client that waits ``answer_s`` seconds for an answer and does not try again; nothing is connected yet."""
    return redis.Redis.from_url(url, socket_timeout=answer_s, socket_connect_timeout=connect_s, retry=Retry(NoBackoff(), 0))


@contextmanager
def translated() -> Iterator[None]:
    """Raise RecordDamaged for a value that is not what was written, StoreDown for everything else that an exchange meets."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise translation(error) from error
    except (msgspec.DecodeError, ValueError, KeyError, RecursionError) as error:  # ValueError: also text that is not UTF-8
        raise RecordDamaged(f"redis: {type(error).__name__}: {error}") from error


def translation(error: Exception) -> Exception:
    """Return our exception for one of the SDK's."""
    damaged = isinstance(error, redis.ResponseError) and any(word in str(error) for word in _DAMAGE)
    return (RecordDamaged if damaged else StoreDown)(f"redis: {type(error).__name__}: {error}")


def outcome(reply: Any) -> str:
    """Return what became of an XADD: written, missing (no stream), refused (an id behind its last one) or damaged; raise StoreDown."""
    if isinstance(reply, redis.ResponseError) and "equal or smaller" in str(reply):
        return "refused"
    if isinstance(reply, Exception):
        return damage(reply)
    return "missing" if reply is None else "written"


def damage(error: Exception) -> str:
    """Return "damaged" for an error that says that a record is; raise StoreDown for any other one."""
    ours = translation(error)
    if isinstance(ours, RecordDamaged):
        return "damaged"
    raise ours from error


def text(data: Any) -> str:
    """Return bytes of Redis as text, whatever they are."""
    return bytes(data).decode("utf-8", "replace")


def redis_facts(url: str) -> Facts:
    """Ask a Redis what it is, having done in it what runs need (a script, a stream); raise StoreDown."""
    client = connect(url, connect_s=ANSWER_S)
    probe = f"jacie:doctor:{secrets.token_hex(8)}"
    with translated(), client:
        client.eval("return redis.call('XADD', KEYS[1], '1-1', 'e', 'x')", 1, probe)
        client.delete(probe)
        told: dict[str, Any] = client.info()
        seconds, micros = client.time()
    return Facts(
        version=str(told["redis_version"]),
        policy=str(told.get("maxmemory_policy", "unknown")),
        used_bytes=int(told.get("used_memory", 0)),
        most_bytes=int(told.get("maxmemory", 0)),
        cluster=bool(told.get("cluster_enabled")),
        clock_s=seconds + micros / 1e6,
    )
