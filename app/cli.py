"""`flask shop …`: what operators type."""

import sys

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext

from app import invariants
from app.auth.cli import owner
from app.catalog.cli import seed
from app.payments.cli import reconcile, replay

shop = AppGroup("shop", help="Look after the shop.")


def init_app(app: Flask) -> None:
    shop.add_command(owner)
    shop.add_command(seed)
    shop.add_command(replay)
    shop.add_command(reconcile)
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
