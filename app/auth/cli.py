"""Commands about people."""

import click
from flask.cli import with_appcontext

from app.auth import services
from app.lib.errors import NotAllowed, ShopError


@click.command("owner")
@click.argument("email", required=False)
@click.option("--first", is_flag=True, help="Only when the shop has no owner yet; prints nothing otherwise.")
@with_appcontext
def owner(email: str | None, first: bool) -> None:
    """Print a one-time link, good for 24 hours, that makes an owner of whoever opens it (or of EMAIL)."""
    if bool(email) == first:
        raise click.UsageError("Name an email, or say --first.")
    try:
        link = services.owner_link(email)
    except NotAllowed:
        return
    except ShopError as error:
        raise click.BadParameter(error.sentence) from error
    click.echo(f"Make the owner account here, once, within 24 hours: {link}")
