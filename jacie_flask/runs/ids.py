"""The ids of runs: unguessable, and of one tenant each, so that no id of another's run can be looked up."""

import hashlib
import secrets

from jacie_flask.interfaces import DEFAULT_TENANT


def new(tenant: str) -> str:
    """Return the id of a new run: 128 random bits, after the tenant's name where it is not the default one."""
    return _prefix(tenant) + secrets.token_urlsafe(16)


def own(tenant: str, run_id: str) -> str:
    """Return the id when it can be one of the tenant's runs, else one that no run has.

    Whoever asks for another's run so makes the same look-up as whoever asks for one that never was, and waits as long.
    """
    prefix = _prefix(tenant)
    if run_id.startswith(prefix) and "." not in run_id[len(prefix) :]:
        return run_id
    return prefix + "." + hashlib.blake2b(run_id.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def _prefix(tenant: str) -> str:
    return "" if tenant == DEFAULT_TENANT else f"{tenant}."
