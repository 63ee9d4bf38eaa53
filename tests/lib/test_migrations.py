"""A shop that was there before: its goods are found, its front page is its own, and its books are in order."""

from collections.abc import Iterator

import psycopg2
import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import text

from app import create_app, invariants
from app.catalog.queries import Filters, Scope, forget_menu, listing, search
from app.content.queries import forget_frame
from app.lib import jobs, runtime
from app.lib.db import db, session
from app.lib.paging import Page

pytestmark = pytest.mark.pure
OLDER = "0002"  # before the catalogue in full
FIRST = Page(1, 24)

# As the services of that release left it.
GOODS = """
    INSERT INTO brands (name, slug) VALUES ('Pike Works', 'pike-works');
    INSERT INTO categories (name, slug, path) VALUES ('Clothing', 'clothing', '1');
    INSERT INTO categories (parent_id, name, slug, path) VALUES (1, 'Jackets', 'jackets', '1.2');
    INSERT INTO options (code, name) VALUES ('colour', 'Colour');
    INSERT INTO option_values (option_id, code, name, swatch) VALUES (1, 'moss', 'Moss', '#66764f');
    INSERT INTO products (name, slug, brand_id, category_id, status, published_at, is_featured) VALUES
        ('Field chore jacket', 'field-chore-jacket', 1, 2, 'active', now() - interval '1 day', true),
        ('Reading chair', 'reading-chair', NULL, 1, 'active', now() - interval '2 days', false),
        ('Not yet written', 'not-yet-written', NULL, 1, 'draft', NULL, false);
    INSERT INTO variants (product_id, sku, option_key, options_text, price_minor, compare_at_minor, currency) VALUES
        (1, 'JACKET-MOSS', '1', 'Moss', 12800, 16000, 'USD'), (2, 'CHAIR', '', '', 24900, NULL, 'USD'),
        (3, 'DRAFT', '', '', 100, NULL, 'USD');
    INSERT INTO variant_values (variant_id, option_value_id) VALUES (1, 1);
    INSERT INTO stock_movements (variant_id, on_hand_change, reserved_change, reason) VALUES
        (1, 5, 0, 'import'), (2, 3, 0, 'import'), (2, -3, 0, 'manual');
    INSERT INTO stock_items (variant_id, on_hand) VALUES (1, 5), (2, 0);
    INSERT INTO images (product_id, key, alt, width, height, widths) VALUES
        (1, 'p/jacket', 'A jacket', 1200, 1500, '[240, 400]');
    INSERT INTO home_panels (place, title, text, url, action, key, widths) VALUES
        ('hero', 'Made to be worn', 'Waxed canvas.', '/c/clothing', 'Shop clothing', 'p/hero', '[240, 400]');
"""


@pytest.fixture
def older(environ: dict[str, str]) -> Iterator[Flask]:
    """A shop on a database of its own, at the release before."""
    connection = psycopg2.connect(environ["DATABASE_URL"])
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS older WITH (FORCE)")
        cursor.execute("CREATE DATABASE older")
    head, _, query = environ["DATABASE_URL"].partition("?")
    url = head.rsplit("/", 1)[0] + "/older" + (f"?{query}" if query else "")
    before = runtime._current, jobs._app
    app = create_app({**environ, "DATABASE_URL": url})
    try:
        with app.app_context():
            upgrade(revision=OLDER)
            with db.engine.begin() as own:
                own.execute(text(GOODS))
            yield app
            db.session.remove()
            db.engine.dispose()
    finally:
        runtime._current, jobs._app = before
        forget_menu()
        forget_frame()
        with connection.cursor() as cursor:
            cursor.execute("DROP DATABASE older WITH (FORCE)")
        connection.close()


def assert_it_is_the_same_shop(app: Flask) -> None:
    forget_menu()
    forget_frame()
    shown = listing(Scope.of_category(1), Filters(), FIRST)
    assert [(card.name, card.is_sold_out) for card in shown.cards] == [
        ("Field chore jacket", False),
        ("Reading chair", True),
    ]
    [colour] = [facet for facet in shown.facets if facet.name == "colour"]
    assert [(it.words, it.count) for it in colour.values] == [("Moss", 1)]
    assert [card.name for card in search("feild jacket", Filters(sort="relevance"), FIRST).cards] == [
        "Field chore jacket"
    ]
    session().rollback()
    assert [(found.name, found.broken) for found in invariants.check() if found.broken] == []
    session().rollback()
    home = app.test_client().get("/").text
    assert "Made to be worn" in home and "Field chore jacket" in home


def test_the_shop_of_the_release_before_is_brought_up_to_this_one(older: Flask) -> None:
    upgrade()

    assert_it_is_the_same_shop(older)


def test_it_can_go_back_and_come_again(older: Flask) -> None:
    upgrade()
    downgrade(revision=OLDER)
    assert session().execute(text("SELECT title FROM home_panels")).scalars().all() == ["Made to be worn"]
    assert session().scalar(text("SELECT sum(on_hand) FROM stock_items")) == 5
    session().rollback()

    upgrade()

    assert_it_is_the_same_shop(older)
