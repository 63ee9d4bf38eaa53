import re
from dataclasses import replace

import pytest
from sqlalchemy import func, select, text

from app.catalog import seed
from app.catalog.demo import catalogue as demo
from app.catalog.models import Image, Product, Variant
from app.lib import runtime
from app.lib.db import session
from app.lib.images import Picture
from tests.content.walk import every_page_speaks_for_itself


def number_of(model) -> int:
    return session().scalar(select(func.count()).select_from(model))


def books_balance() -> bool:
    """Each counter equals the sum of its movements (I1)."""
    wrong = text("""
        SELECT count(*) FROM stock_items s
        WHERE on_hand <> (SELECT coalesce(sum(on_hand_change), 0) FROM stock_movements m
                          WHERE m.variant_id = s.variant_id)""")
    return session().scalar(wrong) == 0


@pytest.fixture
def small_pictures(monkeypatch):
    """Reading 150 pictures takes as long as the whole suite may; one small one stands for all but the first."""
    real = seed.read_picture
    made: list[Picture] = []

    def read(content: bytes) -> Picture:
        if not made:
            made.append(real(content))
        return made[0]

    monkeypatch.setattr(seed, "read_picture", read)


@pytest.fixture
def few_products(monkeypatch, small_pictures):
    """The first products of the demo catalogue stand for all of them."""
    whole = demo.load()
    monkeypatch.setattr(seed.demo, "load", lambda: replace(whole, products=whole.products[:6]))


class TestDemo:
    def test_an_empty_shop_is_filled_once(self, app, browser, small_pictures):
        wanted = demo.load()

        made = app.test_cli_runner().invoke(args=["shop", "seed", "--demo"])
        again = app.test_cli_runner().invoke(args=["shop", "seed", "--demo"])

        assert made.exit_code == again.exit_code == 0, made.output
        assert "nothing was made" in again.output
        assert number_of(Product) == len(wanted.products)
        assert number_of(Variant) == sum(len(product.variants) for product in wanted.products)
        assert number_of(Image) == sum(len(product.pictures) for product in wanted.products)
        assert books_balance()
        assert every_page_speaks_for_itself(browser) > len(wanted.products) + len(wanted.categories)
        home = browser.get("/").get_data(as_text=True)
        assert wanted.hero.title in home
        for source in set(re.findall(r'src="(/media/[^"]+)"', home)):
            assert browser.get(source).status_code == 200

    def test_a_shop_with_products_is_left_alone(self, small_pictures):
        from tests.catalog.goods import a_draft

        a_draft()

        assert seed.seed_demo() == 0
        assert number_of(Product) == 1

    def test_a_seeding_that_fails_leaves_an_empty_shop(self, monkeypatch, few_products):
        monkeypatch.setattr(seed, "_make_front_page", lambda *_: 1 / 0)

        with pytest.raises(ZeroDivisionError):
            seed.seed_demo()

        session().rollback()
        assert number_of(Product) == 0

    def test_two_who_start_at_once_fill_it_once(self, at_once, few_products):
        outcomes = at_once(seed.seed_demo, seed.seed_demo)

        assert sorted(outcomes) == [0, len(demo.load().products)]

    @pytest.mark.parametrize(
        ("currency", "minor"), [("USD", 12800), ("EUR", 12800), ("JPY", 19200), ("KES", 1_664_000), ("KWD", 38400)]
    )
    def test_prices_suit_the_currency(self, monkeypatch, currency, minor):
        settings = runtime.settings()
        object.__setattr__(settings, "currency", currency)
        try:
            assert seed.local_price(12800).minor == minor
        finally:
            object.__setattr__(settings, "currency", "USD")


class TestSynthetic:
    def test_the_same_catalogue_every_time_and_growing(self, app, browser, queries):
        run = app.test_cli_runner()
        assert run.invoke(args=["shop", "seed", "--products", "50"]).exit_code == 0
        first = session().execute(text("SELECT slug, name FROM products ORDER BY id")).all()
        session().rollback()

        assert run.invoke(args=["shop", "seed", "--products", "120"]).exit_code == 0

        rows = session().execute(text("SELECT slug, name FROM products ORDER BY id")).all()
        session().rollback()
        assert rows[:50] == first
        assert len(rows) == 120
        assert books_balance()
        with queries(at_most=5):
            page = browser.get("/c/department-1?colour=moss&size=m").get_data(as_text=True)
        assert 'id="grid"' in page
        assert browser.get("/p/p-7").status_code == 200

    def test_a_number_out_of_range_is_a_sentence(self, app):
        for number in ("0", "-1", "1000001", "many"):
            result = app.test_cli_runner().invoke(args=["shop", "seed", "--products", number])
            assert result.exit_code == 2 and "Invalid value" in result.output

    def test_one_must_say_what(self, app):
        assert "Say --demo" in app.test_cli_runner().invoke(args=["shop", "seed"]).output
