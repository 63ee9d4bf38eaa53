import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import func, select, text

from app import invariants
from app.catalog import seed, synthetic
from app.catalog.demo import catalogue as demo
from app.catalog.gallery import remove_image
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

    def read(content: bytes, formats: Sequence[str]) -> Picture:
        if not made:
            made.append(real(content, formats))
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


# Everything of a product that a shopper could notice, whatever its keys are.
FACTS = text("""
    SELECT p.slug, p.name, p.description, p.status, p.published_at, p.tags, b.slug AS brand, c.slug AS category,
        (SELECT array_agg(key || alt ORDER BY position) FROM images WHERE product_id = p.id) AS pictures,
        (SELECT array_agg(value.code ORDER BY attribute_id) FROM product_attributes
         JOIN attribute_values value ON value.id = attribute_value_id WHERE product_id = p.id) AS facts,
        (SELECT array_agg((v.sku, v.options_text, v.price_minor, v.compare_at_minor, v.sale_minor, v.barcode,
                           s.on_hand)::text ORDER BY v.position)
         FROM variants v JOIN stock_items s ON s.variant_id = v.id WHERE product_id = p.id) AS variants
    FROM products p JOIN brands b ON b.id = p.brand_id JOIN categories c ON c.id = p.category_id
    ORDER BY substring(p.slug from '[0-9]+$')::int""")


def seed_synthetic(app, count: int) -> list:
    made = app.test_cli_runner().invoke(args=["shop", "seed", "--products", str(count)])
    assert made.exit_code == 0, made.output
    rows = session().execute(FACTS).all()
    session().rollback()
    return rows


class TestSynthetic:
    def test_the_same_catalogue_every_time_and_growing(self, app, browser):
        from tests.conftest import _empty

        first = seed_synthetic(app, 50)
        grown = seed_synthetic(app, 120)
        _empty()
        anew = seed_synthetic(app, 120)

        assert grown[:50] == first
        assert len(grown) == 120
        assert anew == grown

    def test_parts_made_side_by_side_are_the_whole(self, app, monkeypatch):
        whole = seed_synthetic(app, 90)
        app_rows = {row.slug for row in whole}
        monkeypatch.setattr(synthetic, "AT_ONCE", 20)

        again = seed_synthetic(app, 130)

        assert len(again) == 130
        assert app_rows < {row.slug for row in again}

    def test_it_is_a_sound_shop(self, app, browser, queries):
        rows = seed_synthetic(app, 400)

        assert not [finding for finding in invariants.check() if finding.broken]
        stock = session().execute(text("SELECT count(*) FILTER (WHERE on_hand = 0), count(*) FROM stock_items")).one()
        assert 0 < stock[0] < stock[1] / 2
        assert 2 < stock[1] / 400 < 3
        depths = session().execute(text("SELECT nlevel(path), count(*) FROM categories GROUP BY 1 ORDER BY 1")).all()
        assert [depth for depth, _ in depths] == [1, 2, 3, 4]
        assert depths[3].count > 100
        sizes = session().execute(text("SELECT min(sale_minor), min(compare_at_minor) FROM variants")).one()
        assert None not in sizes
        named = session().scalar(text("SELECT count(DISTINCT option_key) FROM variants WHERE option_key LIKE '%,%'"))
        assert named > 10
        session().rollback()
        shown = next(row for row in rows if row.status == "active" and len(row.variants) == 4)
        page = browser.get(f"/p/{shown.slug}").get_data(as_text=True)
        source = re.search(r'src="(/media/synthetic/[^"]+)"', page)
        assert browser.get(source[1]).status_code == 200
        with queries(at_most=4):
            assert 'id="grid"' in browser.get("/c/clothing-1?colour=black&size=m").get_data(as_text=True)

    def test_removing_a_picture_leaves_the_files_that_others_show(self, app, browser):
        seed_synthetic(app, 60)
        key = session().scalar(text("SELECT key FROM images GROUP BY key HAVING count(*) > 1 LIMIT 1"))
        pictures = session().scalars(select(Image.public_id).where(Image.key == key)).all()
        session().rollback()

        for one in pictures[1:]:
            remove_image(one)
        still = browser.get(f"/media/{key}-400.webp").status_code
        remove_image(pictures[0])

        assert (still, browser.get(f"/media/{key}-400.webp").status_code) == (200, 404)

    @pytest.mark.parametrize(
        ("currency", "ending"), [("USD", r"(99|00)$"), ("JPY", r"0$"), ("KES", r"000$"), ("KWD", r"(000|250|500|750)$")]
    )
    def test_prices_end_as_they_do_in_the_currency(self, app, currency, ending):
        settings = runtime.settings()
        object.__setattr__(settings, "currency", currency)
        try:
            synthetic.seed_products(60)
        finally:
            object.__setattr__(settings, "currency", "USD")

        for minor in session().scalars(select(Variant.price_minor)):
            assert minor > 0 and re.search(ending, str(minor))

    def test_a_number_out_of_range_is_a_sentence(self, app):
        for number in ("0", "-1", "1000001", "many"):
            result = app.test_cli_runner().invoke(args=["shop", "seed", "--products", number])
            assert result.exit_code == 2 and "Invalid value" in result.output

    def test_one_must_say_what(self, app):
        assert "Say --demo" in app.test_cli_runner().invoke(args=["shop", "seed"]).output
