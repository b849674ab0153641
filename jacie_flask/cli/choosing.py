"""Which tenants a command is about."""

from collections.abc import Mapping

import click

from jacie_flask.config import Settings


def chosen(settings_of: Mapping[str, Settings], tenant: str | None) -> Mapping[str, Settings]:
    """Return the settings of the tenant, or of all where none is named; raise BadParameter for one that there is not."""
    if tenant is None:
        return settings_of
    if tenant not in settings_of:
        raise click.BadParameter(f"{tenant!r} is not one of {', '.join(settings_of)}", param_hint="--tenant")
    return {tenant: settings_of[tenant]}
