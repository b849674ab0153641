"""Whether this process runs on greenlets or on threads: what every other room of the folder asks first."""

import functools


@functools.cache
def patched() -> bool:
    """Return whether the standard library's sockets and threads are gevent's; asked first when all patching is done."""
    try:
        from gevent import monkey  # noqa: PLC0415  # a process without gevent must not pay for it
    except ImportError:
        return False
    return bool(monkey.is_module_patched("socket"))
