"""What operators type about money."""

import sys

import click
from flask.cli import with_appcontext

from app.lib.errors import ShopError
from app.payments import reconciliation, webhooks
from app.payments.providers.base import ProviderError
from app.payments.reconciliation import Report


@click.command("replay")
@click.argument("event", type=int)
@with_appcontext
def replay(event: int) -> None:
    """Handle the stored webhook event EVENT again."""
    try:
        state = webhooks.replay(event)
    except ShopError as error:
        raise click.ClickException(error.sentence) from error
    except ProviderError as error:
        raise click.ClickException(f"{error} The event stays as it was; try again later.") from error
    click.echo(f"Event {event} was handled again; it is {state}.")


@click.command("reconcile")
@click.option("--provider", help="Only this one, such as stripe.")
@click.option("--days", type=click.IntRange(0, 31), default=3, show_default=True, help="So many days before today.")
@with_appcontext
def reconcile(provider: str | None, days: int) -> None:
    """Ask after every open payment and refund, then compare the books with each provider's list.

    A line for each provider and for each difference; exit 1 when there is one, or when somebody could not be asked.
    """
    is_fine = True
    try:
        for report in reconciliation.reconcile(provider, days):
            is_fine = is_fine and report.is_fine
            click.echo(_in_words(report))
            for one in report.differences:
                click.echo(f"  {one.kind} {one.subject}: there {one.theirs}; here {one.ours}")
    except ShopError as error:
        raise click.ClickException(error.sentence) from error
    sys.exit(0 if is_fine else 1)


def _in_words(report: Report) -> str:
    parts = [f"{report.asked} asked"]
    if report.days:
        parts.append(f"{report.days} days compared, {report.theirs} listed there, {report.ours} paid here")
        parts.append(f"{report.healed} healed, {len(report.differences)} different")
    else:
        parts.append("no books to compare")
    if report.trouble:
        parts.append(f"could not be asked: {report.trouble}")
    return f"{report.provider:<16} {'; '.join(parts)}"
