"""Grace changes many variants in one save: all of it or nothing, and nobody's work is overwritten unseen."""

import re

import pytest
from sqlalchemy import select

from app.catalog import services
from app.catalog.models import PriceEvent, Product, Variant
from app.catalog.queries import forget_menu
from app.inventory.models import StockMovement
from app.lib.db import session
from tests.admin.desk import words
from tests.admin.shelf_desk import Desk
from tests.catalog.goods import a_draft, a_product, a_shelf, a_variant, money
from tests.factories import stock_of

GRID = "/admin/products/bulk"
FIELDS = ("sku", "seen", "price", "compare_at", "change", "status")


@pytest.fixture
def desk(browser):
    forget_menu()
    return Desk(browser)


class Sheet:
    """The grid as it is open in a browser; rows by SKU, each a dict of its fields."""

    def __init__(self, desk, address=GRID):
        self.desk, self.address = desk, address
        self.note = ""
        self.rows = read(desk.page(address))

    def save(self, status=303, **how):
        columns = {name: [row[name] for row in self.rows.values()] for name in FIELDS}
        return self.desk.send(self.address, status, note=self.note, **columns, **how)


def read(page):
    found = {}
    for row in re.findall(r"<tr>\s*<th scope=\"row\".*?</tr>", page, re.S):
        values = dict(re.findall(r'name="(\w+)" value="([^"]*)"', row))
        chosen = re.search(r'<option value="(\w+)" selected', row)
        values.setdefault("status", chosen and chosen[1])
        found[values["sku"]] = values
    return found


def variant(sku):
    session().rollback()
    return session().scalars(select(Variant).where(Variant.sku == sku).execution_options(populate_existing=True)).one()


@pytest.fixture
def shelf():
    jacket = a_product("Field jacket", variants=[{"sku": "FJ-M", "size": "M"}, {"sku": "FJ-L", "size": "L"}])
    hat = a_product("Hat", variants=[{"sku": "HAT", "price": 900, "on_hand": 4}])
    return jacket, hat


def test_prices_stock_and_status_are_saved_together_with_their_events(desk, shelf):
    _, hat = shelf
    sheet = Sheet(desk)
    sheet.rows["FJ-M"] |= {"price": "15.50", "compare_at": "25"}
    sheet.rows["HAT"] |= {"change": "+6", "status": "archived"}
    sheet.note = "counted"

    page = sheet.save()

    assert "2 variants saved." in words(page)
    assert (variant("FJ-M").price_minor, variant("FJ-M").compare_at_minor) == (1550, 2500)
    assert variant("FJ-L").price_minor == 1999
    assert stock_of(variant("HAT")).on_hand == 10
    assert session().get(Product, hat.id, populate_existing=True).status == "archived"
    [event] = session().scalars(select(PriceEvent).where(PriceEvent.was_minor.is_not(None)))
    assert (event.was_minor, event.now_minor, event.actor_id) == (1999, 1550, desk.user_id)
    moved = session().scalars(select(StockMovement).where(StockMovement.reason == "manual")).one()
    assert (moved.on_hand_change, moved.note, moved.actor_id) == (6, "counted", desk.user_id)


@pytest.mark.parametrize("htmx", [False, True])
def test_one_wrong_row_saves_nothing_says_so_beside_it_and_keeps_what_was_typed(desk, shelf, htmx):
    sheet = Sheet(desk)
    sheet.rows["FJ-M"]["price"] = "15.50"
    sheet.rows["FJ-L"]["price"] = "free"
    sheet.rows["HAT"] |= {"compare_at": "8.999"}

    page = sheet.save(422, htmx=htmx)

    assert variant("FJ-M").price_minor == 1999
    assert "Nothing was saved: 2 rows need a look." in words(page)
    assert 'value="15.50"' in page and 'value="free"' in page and 'value="8.999"' in page
    assert page.count('aria-invalid="true"') == 2
    assert page.startswith("<section") == htmx


@pytest.mark.parametrize(
    ("sku", "typed", "sentence"),
    [
        ("FJ-M", {"compare_at": "10"}, "Above the price, or empty."),
        ("HAT", {"change": "-5"}, "4 on hand, 0 of them reserved."),
        ("HAT", {"status": "sold"}, "Live, draft or archived."),
        ("FJ-L", {"price": "10"}, "Above its sale price, $12.00"),
    ],
)
def test_what_the_shop_does_not_allow_is_said_beside_the_row(desk, shelf, sku, typed, sentence):
    services.plan_sale(variant("FJ-L").id, money(1200))
    sheet = Sheet(desk)
    sheet.rows[sku] |= typed
    sheet.note = "counted"

    assert sentence in words(sheet.save(422))


def test_a_change_of_stock_wants_its_reason(desk, shelf):
    sheet = Sheet(desk)
    sheet.rows["HAT"]["change"] = "-1"

    page = sheet.save(422)

    assert "Say why the stock changes" in page and 'value="-1"' in page
    assert stock_of(variant("HAT")).on_hand == 4


def test_whoever_was_overtaken_is_told_both_values_and_may_save_again(desk, shelf):
    sheet = Sheet(desk)
    services.edit_variant(variant("HAT").id, sku="HAT", price=money(950))
    sheet.rows["HAT"]["price"] = "8.00"

    page = sheet.save(409)

    assert variant("HAT").price_minor == 950
    assert 'value="8.00"' in page and "Saved by now: $9.50." in words(page)
    sheet.rows = read(page)
    sheet.save()
    assert variant("HAT").price_minor == 800


def test_two_who_change_different_fields_of_a_row_do_not_disturb_each_other(desk, shelf):
    sheet = Sheet(desk)
    services.edit_variant(variant("HAT").id, sku="HAT", price=money(950))
    sheet.rows["HAT"]["compare_at"] = "12.00"

    sheet.save()

    assert (variant("HAT").price_minor, variant("HAT").compare_at_minor) == (950, 1200)


def test_a_draft_without_anything_to_buy_does_not_go_live(desk):
    a_variant(a_draft(shelf=a_shelf()), sku="OFF", is_active=False)
    sheet = Sheet(desk)
    sheet.rows["OFF"]["status"] = "active"

    assert "Nothing of it can be bought yet." in words(sheet.save(422))


def test_hundreds_of_rows_cost_as_many_statements_as_two(desk, queries):
    shelf = a_shelf()
    product = a_product("Field jacket", shelf=shelf, variants=[{"sku": f"S-{n}", "size": f"{n}"} for n in range(60)])
    sheet = Sheet(desk, f"{GRID}?size=500")
    for row in sheet.rows.values():
        row |= {"price": "30.00", "change": "+1"}
    sheet.note = "delivered"
    data = {name: [row[name] for row in sheet.rows.values()] for name in FIELDS}

    with queries(at_most=16):
        answer = desk.browser.post(sheet.address, data={"csrf_token": desk.token, "note": "delivered", **data})

    assert answer.status_code == 303
    assert {each.price_minor for each in session().get(Product, product.id, populate_existing=True).variants} == {3000}


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"sku": ["FJ-M", "HAT"], "seen": ["1999//active"]},
        {name: ["FJ-M"] * 2 if name == "sku" else ["1999//active"] * 2 for name in FIELDS},
        {"sku": "FJ-M", "seen": "x", "price": "1", "compare_at": "", "change": "", "status": "active"},
        {"sku": "GONE", "seen": "1//active", "price": "2", "compare_at": "", "change": "", "status": "active"},
        {"sku": "FJ-M", "seen": "1999//active", "price": "9" * 30, "compare_at": "", "change": "", "status": "active"},
        {"sku": "FJ-M", "seen": "1999//active", "price": "1", "compare_at": "", "change": "9" * 30, "status": "active"},
    ],
)
def test_a_form_that_is_none_is_no_fault(desk, shelf, form):
    answer = desk.browser.post(GRID, data={"csrf_token": desk.token, **form})

    assert answer.status_code in (303, 422)


class TestWhatOthersSavedMeanwhile:
    """The grid was open at 20.00, then the price became 30.00. What nobody touched is judged as it is now."""

    @pytest.fixture
    def sheet(self, desk):
        a_product(variants=[{"sku": "A-1", "price": 2000}])
        sheet = Sheet(desk)
        services.edit_variant(variant("A-1").id, sku="A-1", price=money(3000))
        return sheet

    def test_a_price_before_below_the_one_of_now_is_a_sentence(self, sheet):
        sheet.rows["A-1"]["compare_at"] = "25.00"

        assert "Above the price" in sheet.save(422)
        assert (variant("A-1").price_minor, variant("A-1").compare_at_minor) == (3000, None)

    def test_a_sale_below_the_price_of_now_is_no_trouble(self, sheet):
        services.plan_sale(variant("A-1").id, money(2500))
        sheet.rows["A-1"]["compare_at"] = "40.00"

        sheet.save()

        assert (variant("A-1").price_minor, variant("A-1").compare_at_minor) == (3000, 4000)
