"""The catalogue as a file and back: nothing changes by itself, and what changes keeps the shop's rules."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from app.catalog import services as catalogue
from app.catalog.csv import cells, current, services
from app.catalog.csv.models import CatalogExport, CatalogImport, ImportRow
from app.catalog.models import PriceEvent, Product
from app.inventory.models import StockMovement
from app.lib.db import session, transaction
from app.lib.storage import storage
from tests import factories
from tests.admin.desk import a_paid_order
from tests.catalog.files import GRACE, all_hold, counts, reasons, table, variant_of
from tests.catalog.goods import a_draft, a_picture, a_product, a_shelf, a_variant

NASTY = [
    "=1+1",
    "'=1",
    "''@x",
    "-5",
    "\tx",
    "a,b;c",
    'say "hi"',
    "two\nlines",
    "a|b=c\\d",
    "  spaced  ",
    "née 漢字 🧦",
    "\r",
]


@pytest.fixture
def full_shop():
    """Products with everything a product can have, and strings that a spreadsheet would trip over."""
    shelf = a_shelf("Jackets", a_shelf("Clothing"))
    brand = catalogue.create_brand("Näh & Söhne")
    for number, nasty in enumerate(NASTY):
        product = a_draft(
            f"{nasty.strip() or 'x'} {number}",
            shelf=shelf,
            brand_id=brand.id,
            description=nasty,
            details=[{"title": nasty, "lines": [nasty, "|"]}],
        )
        image = catalogue.add_image(product.id, a_picture(size=(240, 300)), alt=f"|={nasty}\\")
        for size in ("S", "M"):
            a_variant(product, sku=f"N{number}-{size}", colour="Moss", size=size, image_id=image.id, compare_at=2500)
        catalogue.publish(product.id)
    with transaction() as current:
        current.execute(
            text("""
                UPDATE products SET tags = :tags, meta_title = :nasty, meta_description = :nasty, name = :nasty
                WHERE slug = (SELECT min(slug) FROM products)"""),
            {"tags": [*NASTY, "=|"], "nasty": "\t=cmd"},
        )
        current.execute(
            text("""
                UPDATE variants SET sale_minor = 100, sale_starts_at = now(), sale_ends_at = now() + interval '1 day',
                    barcode = '+' || sku, max_quantity = 9, low_stock_at = 3, supply = 'preorder',
                    ships_on = '2027-01-31',
                    weight_grams = 12, is_active = sku LIKE '%S' WHERE sku LIKE 'N1%'""")
        )
        current.execute(
            text("""
                WITH a AS (INSERT INTO attributes (code, name) VALUES ('material', 'Material') RETURNING id),
                v AS (INSERT INTO attribute_values (attribute_id, code, name) SELECT id, 'wool', 'Wool' FROM a
                    RETURNING id)
                INSERT INTO product_attributes SELECT p.id, v.id FROM products p, v""")
        )
    return brand


@pytest.mark.parametrize("slice_of", [15, -1], ids=["in one part", "in many parts"])
def test_what_is_exported_and_brought_back_changes_nothing(monkeypatch, full_shop, exported, brought, slice_of):
    monkeypatch.setattr(services, "SLICE", slice_of)
    monkeypatch.setattr(current, "AT_ONCE", 5)
    content = exported()

    found = brought(content)

    assert (found.state, found.error, reasons(found)) == ("checked", "", {})
    assert counts(found) == {"unchanged": 2 * len(NASTY)}
    rows = table(content)
    assert len(rows) == 2 * len(NASTY)
    risky = [cell for row in rows for cell in row.values() if cell[:1] in "=+-@\t\r" and cell]
    assert risky == [], "a spreadsheet would run these"
    assert rows[0]["category"] == "clothing/jackets" and rows[0]["brand"] == "nah-sohne"


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30), max_size=4))
def test_no_string_is_lost_in_a_cell(texts):
    out = io.StringIO(newline="")
    csv.writer(out).writerow([cells.safe(it) for it in ["x", *texts]])
    _, *back = next(csv.reader(io.StringIO(out.getvalue(), newline=""), strict=True))

    assert [cells.unsafe(it) for it in back] == texts
    parts = [it.strip() for it in texts if it.strip()]
    assert cells.read_list(cells.write_list(parts)) == parts
    pairs = [(it or "x", it) for it in parts]
    assert cells.read_pairs(cells.write_pairs(pairs)) == pairs


def test_a_change_is_shown_first_and_written_when_staff_say_so(exported, brought):
    product = a_product("Field jacket", variants=[{"sku": "FJ-S", "size": "S", "price": 1999, "on_hand": 5}])
    version = product.version
    rows = "sku,price,stock,name\nfj-s,24.50,8,Field coat\n"

    found = brought(rows)

    [row] = session().scalars(select(ImportRow).where(ImportRow.import_id == found.id))
    assert row.changes == {"name": ["Field jacket", "Field coat"], "price": ["19.99", "24.50"], "stock": ["5", "8"]}
    assert variant_of("FJ-S").price_minor == 1999
    # Two are sold between the look and the word: they stay sold.
    a_paid_order((variant_of("FJ-S"), 2))
    services.apply(found.public_id, "batches")
    services.go_on_applying(found.id)

    session().expire_all()
    assert session().get_one(CatalogImport, found.id).state == "applied"
    changed = variant_of("FJ-S")
    assert (changed.price_minor, factories.stock_of(changed).on_hand) == (2450, 6)
    assert changed.product.name == "Field coat" and changed.product.version > version
    changes = select(PriceEvent.was_minor, PriceEvent.now_minor, PriceEvent.actor_id).order_by(PriceEvent.id)
    prices = session().execute(changes).all()
    assert prices[-1] == (1999, 2450, GRACE)
    moved = session().scalars(select(StockMovement).order_by(StockMovement.id)).all()[-1]
    assert (moved.on_hand_change, moved.reason, moved.actor_id) == (3, "import", GRACE)
    assert all_hold()


NEW = """sku,product,name,category,brand,options,price,stock,status,attributes,tags
HAT-S,wool-hat,Wool hat,Clothing/Hats,Näh & Söhne,Colour=Moss|Size=S,30,4,active,Material=Wool,warm|new
HAT-M,wool-hat,Wool hat,Clothing/Hats,Näh & Söhne,colour=moss|size=M,30,0,active,Material=Wool,warm|new
"""


def test_new_products_come_with_their_shelf_brand_options_and_stock(exported, brought):
    found = brought(NEW, "whole")

    assert (found.state, found.error, counts(found), found.done) == ("applied", "", {"new": 2}, 2)
    hat = session().scalars(select(Product).where(Product.slug == "wool-hat")).one()
    assert (hat.category.slug, hat.brand.name, hat.is_on_sale, hat.tags) == (
        "hats",
        "Näh & Söhne",
        True,
        ["warm", "new"],
    )
    assert [(v.options_text, len(v.option_key.split(","))) for v in hat.variants] == [("Moss, S", 2), ("Moss, M", 2)]
    assert factories.stock_of(variant_of("HAT-S")).on_hand == 4
    assert all_hold()
    again = brought(exported())
    assert counts(again) == {"unchanged": 2}


WRONG = [
    ('sku,price\nA-1,"19,99"\n', "comma"),
    ("sku,price\nA-1,1e3\n", "not an amount"),
    ("sku,price\nA-1,19.999\n", "decimal places"),
    ("sku,stock\nA-1,many\n", "whole number"),
    ("sku,stock\nA-1,-1\n", "less than nothing"),
    ("sku,status\nA-1,gone\n", "none of draft"),
    ("sku,compare_at\nA-1,1\n", "above the price"),
    ("sku,sale_price\nA-1,19.99\n", "below the price"),
    ("sku,sale_starts_at\nA-1,tomorrow\n", "not a moment"),
    ("sku,max_quantity\nA-1,0\n", "less than 1"),
    ("sku,product\nA-1,other\n", "belongs to"),
    ("sku,name\nA-1,\n", "empty"),
    ("sku,details\nA-1,[1]\n", "Details are written"),
    ('sku,details\nA-1,"[{""title"":""Made of"",""lines"":""Wool""}]"\n', "Details are written"),
    ('sku,details\nA-1,"{}"\n', "Details are written"),
    ("sku,image\nA-1,p/else\n", "no picture of the product"),
    ("sku,images\nA-1,p/else=x\n", "at the desk"),
    ("sku,price\nB-1,5\n", "Say which product"),
    ("sku,product,name,category\nB-1,b,B,jackets\n", "price: it is empty"),
    ("sku,product,name,price\nB-1,b,B,5\n", "category: it is empty"),
    ("sku,product,options,price\nB-1,jacket,Size=S,5\n", "needs the same ones"),
    ("sku,product,price\nB-1,jacket,5\n", "has the same ones"),
    ("sku\n!!\n", "1 to 40"),
    ("sku,price\nA-1,5,6\n", "3 cells"),
    ("sku,name\nA-1,a\x00b\n", "no text has"),
    ("sku,currency\nA-1,EUR\n", "sells in USD"),
]


@pytest.mark.parametrize(("content", "words"), WRONG, ids=[words for _, words in WRONG])
def test_a_wrong_row_says_why(brought, content, words):
    a_product("Jacket", variants=[{"sku": "A-1"}], shelf=a_shelf("Jackets"))

    found = brought(content)

    assert found.state == "checked" and counts(found) == {"wrong": 1}
    assert words in reasons(found)[2]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"sku,price\nA-1,\xe9\n", "not UTF-8"),
        (b"price\n1\n", "one of them must be sku"),
        (b"sku,colour\nA-1,x\n", "Nobody knows the columns"),
        (b"sku,co\x00lo\x1bur\nA-1,x\n", "the columns \u201cco lo ur\u201d."),
        (b"sku,price,price\nA-1,1,1\n", "there twice"),
        (b'sku,name\nA-1,"x\n', "no CSV"),
        (b"sku,price\n", "nothing below"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(brought, content, words):
    found = brought(content)

    assert found.state == "refused" and words in found.error


def test_a_file_may_be_called_what_no_screen_can_show(run_jobs):
    made = services.start_import(io.BytesIO(b"sku\n"), "go\x00ods\n\ud800\u202e.csv", GRACE)
    nameless = services.start_import(io.BytesIO(b"sku\n"), "\x00", GRACE)

    assert (made.file_name, nameless.file_name) == ("go ods .csv", "file.csv")


def test_details_written_by_hand_are_compared_by_what_they_say(brought):
    a_product("Jacket", variants=[{"sku": "A-1"}], details=[{"title": "Made of", "lines": ["Wool", "Silk"]}])

    found = brought('sku,details\nA-1,"[ {""lines"": [""Wool"", ""Silk""], ""title"": ""Made of""} ]"\n')

    assert counts(found) == {"unchanged": 1}


def test_rows_of_one_file_do_not_contradict_each_other(brought):
    a_product("Jacket", variants=[{"sku": "A-1", "size": "S"}, {"sku": "A-2", "size": "M"}])

    found = brought("sku;price;name\nA-1;5;Coat\nA-2;5;Cape\nA-1;6;Coat\n")

    assert reasons(found).keys() == {3, 4}
    assert "line 2 says something else" in reasons(found)[3] and "line 2 already" in reasons(found)[4]


def test_all_or_nothing_changes_nothing_when_one_row_cannot_be_written(brought):
    a_product("Jacket", variants=[{"sku": "A-1", "size": "S"}, {"sku": "A-2", "size": "M"}])
    found = brought("sku,price\nA-1,5\nA-2,6\n")
    with transaction() as current:
        current.execute(text("UPDATE variants SET price_minor = 700 WHERE sku = 'A-2'"))

    services.apply(found.public_id, "whole")
    services.go_on_applying(found.id)

    session().expire_all()
    after = session().get_one(CatalogImport, found.id)
    assert after.state == "checked" and "Line 3" in after.error and "changed since the check" in after.error
    assert (variant_of("A-1").price_minor, variant_of("A-2").price_minor) == (1999, 700)
    # In steps, the others are written.
    services.apply(after.public_id, "batches")
    services.go_on_applying(after.id)
    session().expire_all()
    assert (variant_of("A-1").price_minor, variant_of("A-2").price_minor) == (500, 700)
    assert "changed since" in reasons(session().get_one(CatalogImport, found.id))[3]


def test_a_worker_that_dies_costs_one_batch(monkeypatch, run_jobs):
    a_product("Jacket", variants=[{"sku": f"A-{n}", "size": f"S{n}"} for n in range(6)])
    monkeypatch.setattr(services, "BATCH", 2)
    real, calls = services.writing.write, []

    def dies_at_second(*args: Any, **how: Any) -> Any:
        calls.append(len(args[1]))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args, **how)

    made = services.start_import(io.BytesIO(b"sku,price\n" + b"".join(b"A-%d,5\n" % n for n in range(6))), "x", 7)
    import_id, public_id = made.id, made.public_id
    run_jobs()
    services.apply(public_id, "batches")
    monkeypatch.setattr(services.writing, "write", dies_at_second)
    with pytest.raises(KeyboardInterrupt):
        services.go_on_applying(import_id)
    session().expire_all()
    assert session().get_one(CatalogImport, import_id).done == 2

    run_jobs()

    session().expire_all()
    found = session().get_one(CatalogImport, import_id)
    assert (found.state, found.done, calls) == ("applied", 6, [2, 2, 2, 2])
    assert len(session().scalars(select(PriceEvent).where(PriceEvent.now_minor == 500)).all()) == 6


def test_checking_goes_on_after_the_last_batch_that_was_kept(monkeypatch, run_jobs):
    a_product("Jacket", variants=[{"sku": f"A-{n}", "size": f"S{n}"} for n in range(5)])
    monkeypatch.setattr(services, "BATCH", 2)
    monkeypatch.setattr(services, "SLICE", -1)
    lines = b"".join(b"A-%d,5\n" % n for n in (0, 1, 2, 3, 4, 0))

    made = services.start_import(io.BytesIO(b"\xef\xbb\xbfsku,price\n" + lines), "x", GRACE)
    import_id = made.id

    assert run_jobs() == 4, "one for each batch, and one that finds the end"
    session().expire_all()
    found = session().get_one(CatalogImport, import_id)
    assert (found.state, counts(found)) == ("checked", {"changed": 5, "wrong": 1})


def test_old_files_are_forgotten(exported):
    a_product()
    exported()
    key = session().scalars(select(CatalogExport.key)).one() + "-0.csv"
    with transaction() as current:
        current.execute(text("UPDATE catalog_exports SET created_at = :at"), {"at": datetime.now(UTC) - timedelta(8)})

    services.forget_old()

    assert session().scalars(select(CatalogExport)).all() == []
    with pytest.raises(FileNotFoundError):
        storage().open(key)
