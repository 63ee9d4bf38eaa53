"""`flask shop …`: what operators type."""

import sys

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext

from app import invariants
from app.auth.cli import owner
from app.catalog.cli import seed
from app.lib import runtime, storage
from app.lib.moving import copy_all
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


@shop.command("media-to-bucket")
@with_appcontext
def media_to_bucket() -> None:
    """Copy the pictures on this machine's disk into the bucket, each compared; it may run again."""
    settings = runtime.settings()
    if not settings.s3_bucket:
        raise click.UsageError("Set S3_BUCKET first.")
    copied = there = 0
    for _, is_new in copy_all(storage.local(settings).folder, storage.storage()):
        copied, there = copied + is_new, there + (not is_new)
        if (copied + there) % 500 == 0:
            click.echo(f"{copied:,} copied, {there:,} there already …")
    click.echo(f"{copied:,} files copied, {there:,} were there already.")
