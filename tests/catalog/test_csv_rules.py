"""A file keeps the rules of the desk."""

import pytest
from sqlalchemy import select

from app.catalog import services as catalogue
from app.catalog.csv import services
from app.catalog.csv.publishing import REASON
from app.catalog.models import Product
from app.inventory.models import StockItem
from app.inventory.supply import set_supply
from app.lib.db import session
from tests.catalog.files import all_hold, counts, reasons, variant_of
from tests.catalog.goods import a_draft, a_product, a_shelf, a_variant

REFUSED = [
    ("sku,backorder_limit\nA-1,3\n", "backorder_limit: what is stocked"),
    ("sku,supply,backorder_limit\nA-1,stocked,3\n", "backorder_limit: what is stocked"),
    ("sku,ships_on\nA-1,2027-01-31\n", "ships_on: what is stocked"),
    ("sku,supply\nA-1,preorder\n", "backorder_limit: preorder needs"),
    ("sku,supply,backorder_limit\nA-1,backorder,1000001\n", "more than 1,000,000"),
    ("sku,product,price,options,supply,backorder_limit\nA-2,jacket,5,Size=M,stocked,1\n", "what is stocked"),
    ("sku,tags\nA-1,{}\n".format("|".join(f"t{n}" for n in range(31))), "tags: A product has at most 30"),
    (f"sku,tags\nA-1,{'t' * 41}\n", "of at most 40 characters"),
    ("sku,barcode\nA-1,A_1\n", "barcode: A barcode is 4 to 40"),
    ("sku,low_stock_at\nA-1,1000001\n", "low_stock_at: 1000001 is more than"),
    ("sku,min_quantity,max_quantity,quantity_step\nA-1,7,11,6\n", "max_quantity: Nothing could be bought"),
    ("sku,min_quantity,max_quantity\nA-1,3,2\n", "max_quantity: Nothing could be bought"),
    ("sku,quantity_step\nA-1,1000\n", "quantity_step: Enter a number from 1 to 999"),
    ("sku,product,name,category,price\nB-1,CSV,C,jackets,5\n", "product: the shop itself uses csv"),
    ("sku,product,name,category,price\nB-1,new,N,jackets,5\n", "product: the shop itself uses new"),
]


@pytest.mark.parametrize(("content", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_what_the_desk_refuses_is_refused(brought, content, words):
    a_product("Jacket", variants=[{"sku": "A-1", "size": "S"}], shelf=a_shelf("Jackets"))

    found = brought(content)

    assert counts(found) == {"wrong": 1} and words in reasons(found)[2]


def test_tags_and_barcodes_are_written_as_at_the_desk(brought):
    a_product("Jacket", variants=[{"sku": "A-1"}])

    found = brought("sku,tags,barcode\nA-1,Warm Wool|NEW|new,978-0 abc\n", "batches")

    assert (found.done, reasons(found)) == (1, {})
    written = variant_of("A-1")
    assert (written.product.tags, written.barcode) == (["warm wool", "new"], "978-0ABC")
    assert counts(brought("sku,tags,barcode\na-1,warm wool|New,978-0abc\n")) == {"unchanged": 1}


def limit_of(sku: str) -> int:
    limit = select(StockItem.backorder_limit).where(StockItem.variant_id == variant_of(sku).id)
    return session().scalars(limit).one()


def test_what_becomes_stocked_is_not_promised_any_more(brought):
    jacket = a_product("Jacket", variants=[{"sku": "A-1", "size": "S"}, {"sku": "A-2", "size": "M"}])
    for variant in jacket.variants:
        set_supply(variant.id, "preorder", most=5)

    found = brought("sku,supply,backorder_limit,price\nA-1,stocked,5,19.99\nA-2,preorder,5,21\n", "batches")

    assert (found.done, reasons(found)) == (2, {})
    assert limit_of("A-1") == 0 and limit_of("A-2") == 5
    assert all_hold()


def test_a_slug_of_the_shop_is_no_products(brought):
    assert a_draft("CSV").slug == "csv-2"


HEAD = "sku,product,name,category,options,price,active,status\n"


def test_what_nobody_could_buy_is_not_put_on_sale(monkeypatch, brought):
    monkeypatch.setattr(services, "BATCH", 2)
    coat = a_draft("Coat", shelf=a_shelf("Jackets"))
    a_variant(coat, sku="C-1", size="S")
    cape = a_draft("Cape", shelf=coat.category)
    a_variant(cape, sku="P-1", is_active=False)

    found = brought(
        HEAD + "C-1,coat,Coat,jackets,Size=S,5,no,active\n"  # its last one is switched off
        "P-1,cape,Cape,jackets,,5,no,active\n"
        "H-1,hat,Hat,jackets,Size=S,5,no,active\n"
        "H-2,hat,Hat,jackets,Size=M,5,no,active\n"
        "B-1,bag,Bag,jackets,Size=S,5,no,active\n"
        "B-2,bag,Bag,jackets,Size=M,5,,active\n",
    )

    assert counts(found) == {"new": 2, "wrong": 4}
    assert reasons(found) == dict.fromkeys((2, 3, 4, 5), REASON)


def test_what_can_be_bought_by_then_is_put_on_sale(brought):
    cape = a_draft("Cape", shelf=a_shelf("Jackets"))
    a_variant(cape, sku="P-1", size="S", is_active=False)
    a_variant(cape, sku="P-2", size="M")

    found = brought("sku,status,active\nP-1,active,yes\nP-2,active,no\n", "whole")

    assert (found.done, found.error, reasons(found)) == (2, "", {})
    assert session().scalars(select(Product)).one().is_on_sale
    catalogue.unpublish(cape.id)
    again = brought("sku,status,active\nP-1,active,no\n", "")
    assert reasons(again).keys() == {2}
