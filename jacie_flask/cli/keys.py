"""``flask --app wsgi keys``: API keys made, listed and revoked."""

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import click

from jacie_flask import services, tenants
from jacie_flask.cli.choosing import chosen
from jacie_flask.config import load
from jacie_flask.errors import UNDECODABLE, ConfigurationError
from jacie_flask.interfaces import DEFAULT_TENANT, SCOPES


@click.group("keys")
def keys_commands() -> None:
    """Make, list and revoke the API keys."""


@keys_commands.command("create")
@click.argument("name")
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True, help="Whose documents it sees.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(sorted(SCOPES)), help="What it may do; ask without it.")
@click.option("--expires", type=click.DateTime(), help="When it ends, in UTC; never without it.")
def create_key(name: str, tenant: str, scopes: tuple[str, ...], expires: datetime | None) -> None:
    """Make a key and show it, this one time."""
    with _spoken():
        settings = load()
        chosen(tenants.settings_of(settings), tenant)
        end = expires.replace(tzinfo=UTC).timestamp() if expires else None
        if end is not None and end <= time.time():
            raise click.BadParameter("this is over already: the key would never be valid", param_hint="--expires")
        keys = services.key_file(settings)
        key, token = keys.create(name, tenant=tenant, scopes=frozenset(scopes or ("ask",)), expires_at=end)
    click.echo(f"Key {key.key_id} for {tenant}, scopes {', '.join(key.scopes)}, in {keys.path}. It is not shown again:", err=True)
    click.echo(token)


@keys_commands.command("list")
def list_keys() -> None:
    """Show all keys, without their secrets."""
    with _spoken():
        keys = services.key_file(load())
        keys.check()
    for key in keys.all():
        until = f"until {datetime.fromtimestamp(key.expires_at, UTC):%Y-%m-%d %H:%M} UTC" if key.expires_at is not None else ""
        state = key.ended(time.time()) or until or "valid"
        click.echo(f"{key.key_id}  {key.name}  {key.tenant}  {','.join(key.scopes)}  {state}")


@keys_commands.command("revoke")
@click.argument("key_id")
def revoke_key(key_id: str) -> None:
    """End a key at once, in every worker that reads the file."""
    with _spoken():
        try:
            key = services.key_file(load()).revoke(key_id)
        except KeyError:
            raise click.ClickException(f"there is no key {key_id!r}") from None
    click.echo(f"Key {key.key_id} ({key.name}) is revoked.")


@contextlib.contextmanager
def _spoken() -> Iterator[None]:
    """Say what cannot be done in one line."""
    try:
        yield
    except (ConfigurationError, OSError, *UNDECODABLE) as error:
        raise click.ClickException(str(error)) from error
