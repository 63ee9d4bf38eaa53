import re

import pytest
from sqlalchemy import select

from app.catalog import services
from app.inventory.models import StockMovement
from app.lib.db import session
from tests import factories
from tests.admin.shelf_desk import Desk
from tests.catalog.goods import a_draft, a_variant


@pytest.fixture
def desk(browser):
    return Desk(browser)


@pytest.fixture
def jacket():
    """Ten on the shelf, two of them held for Ada's order."""
    variant = a_variant(a_draft("Jacket"), sku="J-1", on_hand=10)
    services.publish(variant.product_id)
    factories.an_order((variant, 2))
    return variant


def movements() -> list[StockMovement]:
    session().rollback()
    return list(session().scalars(select(StockMovement).order_by(StockMovement.id)))


class TestAChange:
    def test_five_more_with_a_reason(self, desk, jacket):
        desk.send("/admin/inventory/J-1", change="+5", note="counted again")

        assert factories.stock_of(jacket.id).on_hand == 15
        written = movements()[-1]
        assert (written.on_hand_change, written.reason, written.note) == (5, "manual", "counted again")
        assert written.actor_id == desk.user_id
        assert len(movements()) == 3

    def test_htmx_gets_the_row(self, desk, jacket):
        row = desk.send("/admin/inventory/J-1", 200, htmx=True, change="-3", note="damaged")

        assert row.lstrip().startswith("<tr") and 'id="stock-J-1"' in row
        assert re.findall(r'<td class="r[^"]*">(\d+)', row) == ["7", "2"]

    @pytest.mark.parametrize("htmx", [False, True], ids=["plain", "htmx"])
    @pytest.mark.parametrize(
        ("change", "note", "sentence"),
        [
            ("-9", "lost", "less than is reserved"),
            ("-11", "lost", "less than is reserved"),
            ("5", "", "Say why"),
            ("5", "   ", "Say why"),
            ("0", "nothing", "other than 0"),
            ("", "why", "whole number"),
            ("abc", "why", "whole number"),
            ("1.5", "why", "whole number"),
            ("1e9", "why", "whole number"),
            ("999999999", "why", "at most a million"),
            ("9" * 5000, "why", "whole number"),
            ("--5", "why", "whole number"),
        ],
    )
    def test_a_change_that_cannot_be_is_422_and_keeps_what_was_typed(self, desk, jacket, htmx, change, note, sentence):
        page = desk.send("/admin/inventory/J-1", 422, htmx=htmx, change=change, note=note)

        assert sentence in page and 'aria-invalid="true"' in page
        assert ("<html" in page) is not htmx
        if change and len(change) < 20:
            assert f'value="{change}"' in page
        assert factories.stock_of(jacket.id).on_hand == 10
        assert len(movements()) == 2

    def test_an_unknown_sku_is_404(self, desk):
        desk.send("/admin/inventory/NOPE", 404, change="1", note="x")
        desk.page("/admin/inventory/NOPE/ledger", 404)

    def test_a_plain_form_leads_back_to_its_list_and_nowhere_else(self, desk, jacket):
        fields = {"csrf_token": desk.token, "change": "1", "note": "x"}

        def back_to(back):
            return desk.browser.post("/admin/inventory/J-1", data={**fields, "back": back}).location

        assert back_to("/admin/inventory?view=low") == "/admin/inventory?view=low"
        assert back_to("https://evil.test/") == "/admin/inventory"


class TestTheList:
    def test_low_and_out(self, desk):
        for sku, on_hand in (("PLENTY", 50), ("FEW", 3), ("NONE", 0)):
            a_variant(a_draft(f"Jacket {sku}"), sku=sku, on_hand=on_hand)

        assert all(sku in desk.page("/admin/inventory") for sku in ("PLENTY", "FEW", "NONE"))
        low, out = desk.page("/admin/inventory?view=low"), desk.page("/admin/inventory?view=out")
        assert "stock-FEW" in low and "stock-PLENTY" not in low and "stock-NONE" not in low
        assert "stock-NONE" in out and "stock-FEW" not in out
        assert "stock-FEW" in desk.page("/admin/inventory?q=few")

    def test_it_costs_the_same_for_any_number_of_variants(self, desk, queries):
        for number in range(4):
            a_variant(a_draft(f"Jacket {number}"))
        desk.page("/admin/inventory")

        with queries(at_most=7):
            desk.page("/admin/inventory")


class TestTheLedger:
    def test_every_kind_of_movement_adds_up_to_what_is_there(self, desk, jacket):
        desk.send("/admin/inventory/J-1", change="-1", note="damaged in the window")

        page = desk.page("/admin/inventory/J-1/ledger")

        assert re.findall(r'data-reason="(\w+)"', page) == ["manual", "reserve", "import"]
        assert "damaged in the window" in page and "Grace Hopper" in page and "Order " in page
        assert 'id="on-hand">9<' in page
        assert [int(n) for n in re.findall(r'<td class="r">(\d+)</td>\s*</tr>', page)] == [9, 10, 10]
        assert sum(it.on_hand_change for it in movements()) == factories.stock_of(jacket.id).on_hand
