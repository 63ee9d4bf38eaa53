"""`flask shop …`: what operators type."""

import sys

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext

from app import invariants
from app.auth.cli import owner
from app.catalog.cli import seed
from app.lib.errors import ShopError
from app.payments import webhooks

shop = AppGroup("shop", help="Look after the shop.")


def init_app(app: Flask) -> None:
    shop.add_command(owner)
    shop.add_command(seed)
    app.cli.add_command(shop)


@shop.command("check")
@with_appcontext
def check() -> None:
    """Every invariant, a line each; exit 1 when one is broken."""
    findings = invariants.check()
    for finding in findings:
        verdict = "broken: " + ", ".join(finding.broken) if finding.broken else "holds"
        click.echo(f"{finding.name:<16} {verdict:<8} {finding.sentence}")
    sys.exit(1 if any(finding.broken for finding in findings) else 0)


@shop.command("replay")
@click.argument("event", type=int)
@with_appcontext
def replay(event: int) -> None:
    """Handle the stored webhook event EVENT again."""
    try:
        webhooks.replay(event)
    except ShopError as error:
        raise click.ClickException(error.sentence) from error
    click.echo(f"Event {event} was handled again.")
