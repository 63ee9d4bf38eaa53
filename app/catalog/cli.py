"""`flask shop seed`: something to look at, or something to measure."""

import click
from flask.cli import with_appcontext

from app.catalog import search
from app.catalog.seed import seed_demo
from app.catalog.synthetic import MOST, seed_products


@click.command("seed")
@click.option("--demo", is_flag=True, help="The demo catalogue with pictures, into a shop without products.")
@click.option("--products", type=click.IntRange(1, MOST), help="So many synthetic products, always the same.")
@with_appcontext
def seed(demo: bool, products: int | None) -> None:
    """Fill the catalogue. What exists already stays, so it may run again."""
    if not demo and products is None:
        raise click.UsageError("Say --demo or --products N.")
    if demo:
        made = seed_demo()
        click.echo(f"{made} demo products made." if made else "There are products already; nothing was made.")
    if products is not None:
        with click.progressbar(length=products, label="Products", width=40) as bar:
            seed_products(products, bar.update)
        with click.progressbar(length=products, label="Search", width=40) as bar:
            search.rebuild(bar.update)
        click.echo(f"{products:,} synthetic products are there.")
