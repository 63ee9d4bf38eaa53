"""Search documents: always what the catalogue says, whoever changed it and whatever is rebuilt meanwhile."""

import threading

import pytest
from sqlalchemy import text

from app.catalog import prices, services
from app.catalog.queries import Filters, Scope, forget_menu, listing, search
from app.catalog.queries.rules import Rule
from app.catalog.search import documents, find, misses, pieces, rebuild, synonyms
from app.lib.db import db, session, transaction
from app.lib.errors import Invalid
from app.lib.paging import Page
from tests import factories
from tests.catalog.goods import a_draft, a_product, a_shelf, a_variant, money

FIRST = Page(1, 24)


@pytest.fixture(autouse=True)
def fresh_menu():
    forget_menu()


def found(q: str, **filters) -> list[str]:
    session().rollback()
    return [card.name for card in search(q, Filters(sort="relevance", **filters), FIRST).cards]


def shown(scope: Scope, page: Page = FIRST, **filters) -> list[str]:
    session().rollback()
    return [card.name for card in listing(scope, Filters(**filters), page).cards]


KEPT = {
    "search_documents": """product_id, slug, in_stock, price_minor, words::text,
        (SELECT array_agg(code ORDER BY code) FROM unnest(codes) code)""",
    "search_facets": "category_id, code, nullif(n, 0), in_stock",
    "search_words": "word",
    "search_deletions": "rest, word",
}


def kept() -> set[tuple]:
    """Everything that is kept beside the catalogue, to compare one writing with another."""
    session().rollback()
    rows = {
        (table, *map(str, row))
        for table, columns in KEPT.items()
        for row in session().execute(text(f"SELECT {columns} FROM {table}"))
    }
    session().rollback()
    return {row for row in rows if "None" not in row and "gone" not in row}


class TestWriting:
    def test_each_change_is_found_by_the_next_search(self):
        shelf = a_shelf("Lamps")
        brand = services.create_brand("Zyzzyva")
        product = a_draft("Desk lamp", shelf=shelf)
        variant = a_variant(product, sku="DL-1", colour="Moss")
        assert found("lamp") == []

        services.publish(product.id)
        assert found("lamp") == ["Desk lamp"]

        services.edit_product(
            product.id, version=product.version, name="Floor light", category_id=shelf.id, brand_id=brand.id
        )
        assert found("desk") == [] and found("floor") == found("zyzz") == ["Floor light"]

        services.edit_variant(variant.id, sku="FL-9", price=money(500))
        assert found("fl-9") == ["Floor light"]
        assert found("light", price_max=500) == ["Floor light"] and found("light", price_max=499) == []

        services.archive(product.id)
        assert found("floor") == []

    def test_what_is_written_bit_by_bit_is_what_a_rebuild_writes(self):
        shelf = a_shelf("Lamps", a_shelf("Home"))
        for name in ("Desk lamp", "Floor lamp", "Café lamp"):
            a_product(
                name,
                shelf=shelf,
                variants=[{"colour": "Moss", "size": "M"}, {"colour": "Navy", "size": "L", "on_hand": 0}],
            )
        services.archive(a_product("Gone", shelf=shelf).id)
        bit_by_bit = kept()

        assert rebuild()

        assert kept() == bit_by_bit
        assert found("lamp", chosen={"colour": ("moss",), "size": ("m",)})

    def test_the_price_is_the_one_the_shop_asks(self):
        product = a_product(
            "Reduced", variants=[{"sku": "A", "price": 1000}, {"sku": "B", "price": 900, "colour": ""}][:1]
        )
        with transaction() as current:
            current.execute(text("UPDATE variants SET sale_minor = 700, sale_ends_at = now() + interval '1 hour'"))

        row = (
            session()
            .execute(
                text(
                    f"""
                SELECT d.price_minor, {prices.NOW} AS now, d.next_at, {prices.CHANGES_AT} AS changes_at
                FROM search_documents d JOIN variants v USING (product_id) WHERE d.product_id = :id"""
                ),
                {"id": product.id},
            )
            .one()
        )

        assert row.price_minor == row.now == 700 and row.next_at == row.changes_at

    def test_a_sale_writes_no_document_until_the_last_one_is_gone(self):
        product = a_product("Lamp", variants=[{"sku": "L-1", "on_hand": 2}])
        variant_id = session().scalar(text("SELECT id FROM variants"))
        documents.catch_up()
        written = text("SELECT xmin::text FROM search_documents WHERE product_id = :id")
        before = session().scalar(written, {"id": product.id})
        factories.an_order((session().get_one(factories.Variant, variant_id), 1))
        documents.catch_up()
        session().rollback()
        assert session().scalar(written, {"id": product.id}) == before

        factories.an_order((session().get_one(factories.Variant, variant_id), 1))
        documents.catch_up()

        assert found("lamp", in_stock=True) == [] and found("lamp") == ["Lamp"]

    def test_the_clock_begins_and_ends_sales(self):
        a_product("Lamp", variants=[{"price": 1000}])
        with transaction() as current:
            current.execute(text("UPDATE variants SET sale_minor = 700, sale_starts_at = now() + interval '1 hour'"))
        assert found("lamp", price_max=700) == []
        with transaction() as current:
            current.execute(text("SET LOCAL session_replication_role = replica"))
            current.execute(text("UPDATE variants SET sale_starts_at = now() - interval '1 second'"))
            current.execute(text("UPDATE search_documents SET next_at = now() - interval '1 second'"))

        documents.catch_up()

        assert found("lamp", price_max=700) == ["Lamp"]

    def test_a_moved_category_is_right_at_once_and_counted_soon(self, run_jobs):
        home, garden = a_shelf("Home"), a_shelf("Garden")
        lamps = a_shelf("Lamps", home)
        a_product("Lamp", shelf=lamps)
        home_id, garden_id = home.id, garden.id

        services.move_category(lamps.id, garden_id)

        assert shown(Scope.of_category(home_id)) == [] and shown(Scope.of_category(garden_id)) == ["Lamp"]
        run_jobs()
        assert shown(Scope.of_category(home_id)) == [] and shown(Scope.of_category(garden_id)) == ["Lamp"]
        assert listing(Scope.of_category(garden_id), Filters(), FIRST).total == 1
        assert session().scalar(text("SELECT count(*) FROM search_moves")) == 0

    def test_a_new_name_of_a_brand_reaches_its_products(self, run_jobs):
        brand = services.create_brand("Acme")
        a_product("Lamp", brand_id=brand.id)
        with transaction() as current:
            current.execute(text("UPDATE brands SET name = 'Zenith'"))

        run_jobs()

        assert found("zenith") == ["Lamp"] and found("acme lamp") == []


def test_a_rebuild_serves_meanwhile_and_loses_no_edit(app):
    shelf = a_shelf("Lamps")
    products = [a_product(f"Lamp {word}", shelf=shelf).id for word in ("one", "two", "three", "four")]
    over, wrong = threading.Event(), []

    def look() -> None:
        with app.app_context():
            while not over.is_set():
                if len(found("lamp")) != 4:
                    wrong.append("a listing without all lamps")

    def edit() -> None:
        with app.app_context():
            number = 0
            while not over.is_set():
                number += 1
                for product_id in products:
                    with transaction() as current:
                        current.execute(
                            text("UPDATE products SET description = :d WHERE id = :id"),
                            {"d": f"edit{number}x", "id": product_id},
                        )
                    said = session().scalar(
                        text(
                            "SELECT count(*) FROM search_documents WHERE product_id = :id AND words @@ to_tsquery(:d)"
                        ),
                        {"d": f"edit{number}x", "id": product_id},
                    )
                    session().rollback()
                    if not said:
                        wrong.append(f"edit {number} of {product_id} was lost")

    threads = [threading.Thread(target=work) for work in (look, edit)]
    for thread in threads:
        thread.start()
    try:
        session().rollback()
        assert rebuild() and rebuild()
    finally:
        over.set()
        for thread in threads:
            thread.join()

    assert not wrong


def test_a_rebuild_writes_again_only_what_it_could_not_see(app):
    seen, unseen = a_product("Seen"), a_product("Not seen")
    seen_id, unseen_id = seen.id, unseen.id
    session().rollback()
    with db.engine.connect() as late:
        with late.begin():
            late.execute(text("UPDATE products SET name = 'Late' WHERE id = :id"), {"id": unseen_id})
            since = session().scalar(text("SELECT pg_current_snapshot()::text"))
            session().rollback()
        with transaction() as current:
            current.execute(text("DELETE FROM search_stale"))

    edited = session().scalar(documents.EDITED, {"since": since})

    assert edited == [unseen_id] and seen_id not in edited


class TestWords:
    def test_a_typo_says_what_was_searched_instead(self, browser):
        a_product("Canvas sneaker")

        page = browser.get("/search?q=snekaer").get_data(as_text=True)

        assert "Canvas sneaker" in page and "No products match “snekaer”" in page
        assert 'href="/search?q=snekaer&amp;exact=1"' in page
        assert "Canvas sneaker" not in browser.get("/search?q=snekaer&exact=1").get_data(as_text=True)

    def test_synonyms_work_at_once_both_ways(self):
        a_product("Canvas sneakers")
        a_product("Cotton t-shirt")
        assert found("trainers") == []

        synonyms.add("Trainers = sneakers")
        synonyms.add("tee = t shirt")

        assert found("trainers") == found("canvas trainers") == ["Canvas sneakers"]
        assert found("tee") == ["Cotton t-shirt"]
        synonyms.remove("sneakers", "trainers")
        assert found("trainers") == []
        for wrong in ("one", "a=b=c", "same = Same", " = x", "one two three four = x"):
            with pytest.raises(Invalid):
                synonyms.add(wrong)

    def test_what_found_nothing_is_counted_without_anything_personal(self):
        for q in ("Zebra", "zebra ", "ada@example.com", "0712 345 678"):
            search(q, Filters(sort="relevance"), FIRST)

        assert [(row.words, row.searched) for row in misses.report()] == [("zebra", 2)]

    def test_a_barcode_is_found(self):
        a_product("Lamp", variants=[{"sku": "L-1"}])
        with transaction() as current:
            current.execute(text("UPDATE variants SET barcode = '4006381333931'"))

        assert found("4006381333931") == ["Lamp"]


class TestScopes:
    def test_a_rule_finds_what_fits_all_of_it(self):
        brand = services.create_brand("Acme")
        a_product("Lamp", shelf=a_shelf("Lamps"), brand_id=brand.id, is_featured=True, variants=[{"price": 1000}])
        a_product("Rug", variants=[{"price": 5000, "compare_at": 6000}])
        with transaction() as current:
            current.execute(text("UPDATE products SET tags = '{Gift}' WHERE name = 'Rug'"))

        for rule, names in (
            (Rule(), ["Lamp", "Rug"]),
            (Rule(brands=("acme",), is_featured=True), ["Lamp"]),
            (Rule(categories=("lamps",), price_max=1000), ["Lamp"]),
            (Rule(tags=("gift",), is_reduced=True, new_days=3), ["Rug"]),
            (Rule(brands=("acme",), tags=("gift",)), []),
        ):
            assert sorted(shown(Scope.of_rule(rule))) == names

    def test_pinned_products_stand_first_only_when_featured(self):
        shelf = a_shelf("Lamps")
        for number in range(4):
            a_product(f"Lamp {number}", shelf=shelf, variants=[{"price": 1000 + number}])
        with transaction() as current:
            current.execute(
                text("INSERT INTO category_pins SELECT category_id, id FROM products WHERE name = 'Lamp 1'")
            )
        scope = Scope.of_category(shelf.id)

        assert shown(scope) == ["Lamp 1", "Lamp 3", "Lamp 2", "Lamp 0"]
        assert shown(scope, price_min=1) == ["Lamp 1", "Lamp 3", "Lamp 2", "Lamp 0"]
        assert shown(scope, sort="price") == ["Lamp 0", "Lamp 1", "Lamp 2", "Lamp 3"]

    @pytest.mark.parametrize("sort", ["featured", "price", "-price", "newest", "best"])
    @pytest.mark.parametrize("filters", [{}, {"price_min": 1}])
    def test_the_next_page_repeats_and_misses_nothing_while_rows_change(self, sort, filters):
        shelf = a_shelf("Lamps")
        for number in range(9):
            a_product(f"Lamp {number}", shelf=shelf, variants=[{"price": 1000 + number % 2, "on_hand": number % 3}])
        scope = Scope.of_category(shelf.id)
        page = listing(scope, Filters(sort=sort, **filters), Page(1, 2))
        seen = [card.name for card in page.cards]

        for number in (2, 3, 4, 5):
            services.archive(session().scalar(text("SELECT id FROM products WHERE name = :name"), {"name": seen[0]}))
            page = listing(scope, Filters(sort=sort, **filters), Page(number, 2, after=page.after))
            seen += [card.name for card in page.cards]

        assert sorted(seen) == [f"Lamp {number}" for number in range(9)]
        assert not page.after

    def test_a_cursor_of_another_question_says_nothing(self):
        shelf = a_shelf("Lamps")
        for number in range(3):
            a_product(f"Lamp {number}", shelf=shelf)
        scope = Scope.of_category(shelf.id)
        after = listing(scope, Filters(), Page(1, 1)).after

        for foreign in (after, "x" * 50, "é", after[:-3]):
            other = listing(scope, Filters(sort="price"), Page(2, 1, after=foreign))
            assert [card.name for card in other.cards] == ["Lamp 1"]


class TestManyProducts:
    """The ways that large shops take, on a few products: they find the same."""

    WALKED, FETCHED = {"d.in_stock": 100, "NOT d.in_stock": 100}, {"d.in_stock": 0, "NOT d.in_stock": 0}
    ASKED = (
        {},
        {"price_max": 1005},
        {"chosen": {"colour": ("moss",)}},
        {"chosen": {"colour": ("moss", "navy"), "size": ("m",)}, "in_stock": True},
        {"chosen": {"brand": ("acme",), "category": ("lamps",)}, "price_min": 1002},
    )

    @pytest.mark.parametrize("walk", [WALKED, FETCHED], ids=["walked", "fetched"])
    def test_every_way_finds_the_same(self, monkeypatch, walk):
        shelf, brand = a_shelf("Lamps", a_shelf("Home")), services.create_brand("Acme")
        for number in range(12):
            colour, size = ("Moss", "Navy", "Rust")[number % 3], ("M", "L")[number % 2]
            made = {"colour": colour, "size": size, "price": 1000 + number, "on_hand": number % 4}
            a_product(f"Lamp {number}", shelf=shelf, brand_id=brand.id, variants=[made])
        with transaction() as current:
            current.execute(text("DELETE FROM search_sample"))
            columns = "product_id, published_at, in_stock, price_minor, words, codes"
            current.execute(text(f"INSERT INTO search_sample ({columns}) SELECT {columns} FROM search_documents"))

        for filters in self.ASKED:
            for sort in ("featured", "price", "-price", "newest", "best"):
                for words in (None, pieces.Words("lamp", ("lamp",))):
                    ask = (Scope.of_category(shelf.id), Filters(sort=sort, **filters), words)
                    with monkeypatch.context() as large:
                        small = self._pages(*ask)
                        large.setattr(find, "SMALL", -1)
                        large.setattr(find, "FEW", -1)
                        large.setattr(find, "WALK", walk)
                        assert self._pages(*ask) == small, (filters, sort, words)

    def _pages(self, scope, filters, words) -> list[str]:
        page = listing(scope, filters, Page(1, 3), words=words)
        seen = [card.name for card in page.cards]
        while page.after:
            page = listing(scope, filters, Page(page.page.number + 1, 3, after=page.after), words=words)
            seen += [card.name for card in page.cards]
        return seen
