"""Sales by the clock, quantities, and goods sold before they are there: at the desk, in the shop, in the order."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import select, text

from app import invariants
from app.cart import queries as carts
from app.cart import services as cart_services
from app.catalog import services
from app.catalog.models import PriceEvent, Variant
from app.catalog.quantities import Quantities
from app.checkout import services as checkout
from app.checkout.services import CartNeedsLook, SummaryChanged
from app.inventory.supply import set_supply
from app.lib.db import session, transaction
from app.lib.errors import Invalid
from app.orders.models import OrderLine
from app.orders.services import Actor
from tests.admin.desk import a_paid_order, words
from tests.admin.shelf_desk import Desk
from tests.catalog.goods import a_product, money
from tests.factories import a_cart, a_user, a_variant, order_named, place, stock_of, wishes


def hours(number: float) -> datetime:
    return datetime.now(UTC) + timedelta(hours=number)


def clock_of(variant: Variant, *, starts: float | None = None, ends: float | None = None) -> None:
    """Move a sale's moments, in hours from now, as time would."""
    with transaction() as current:
        current.execute(
            text("UPDATE variants SET sale_starts_at = :starts, sale_ends_at = :ends WHERE id = :id"),
            {"id": variant.id, "starts": starts and hours(starts), "ends": ends and hours(ends)},
        )


def offer_of(page: str) -> dict:
    """The first offer of a product's page, as search engines read it."""
    facts = [
        json.loads(found) for found in re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.S)
    ]
    offers = next(fact for fact in facts if fact["@type"] == "Product")["offers"]
    return offers["offers"][0] if offers["@type"] == "AggregateOffer" else offers


class TestSales:
    def test_a_sale_begins_and_ends_by_the_clock_in_every_place(self, browser):
        shirt = a_variant(price=2000)
        address = f"/p/{shirt.product.slug}"
        services.plan_sale(shirt.id, money(1500), starts_at=hours(1), ends_at=hours(2))
        whose = a_cart(shirt)

        before = (browser.get(address).text, carts.view(whose).lines[0].unit_price.minor)
        clock_of(shirt, starts=-1, ends=1)
        during = (browser.get(address).text, carts.view(whose).lines[0].unit_price.minor)
        clock_of(shirt, starts=-2, ends=-1)
        after = (browser.get(address).text, carts.view(whose).lines[0].unit_price.minor)

        assert [minor for _, minor in (before, during, after)] == [2000, 1500, 2000]
        assert [offer_of(page)["price"] for page, _ in (before, during, after)] == ["20.00", "15.00", "20.00"]
        assert "Now $15.00" in words(during[0]) and "Was $20.00" in words(during[0])
        assert "Was $20.00" not in words(after[0])

    def test_what_fell_is_simply_charged_and_what_rose_is_asked_about(self):
        shirt = a_variant(price=2000)
        dear = a_cart(shirt)
        services.plan_sale(shirt.id, money(1500), ends_at=hours(1))
        cheap = a_cart(shirt)

        number, _ = place(dear)
        clock_of(shirt, ends=-1)

        assert order_named(number).subtotal_minor == 1500
        with pytest.raises(SummaryChanged):
            place(cheap)
        checkout.accept_prices(cheap)
        number, _ = place(cheap)
        assert order_named(number).subtotal_minor == 2000

    def test_the_total_seen_during_a_sale_is_not_charged_after_it(self):
        shirt = a_variant(price=2000)
        services.plan_sale(shirt.id, money(1500), ends_at=hours(1))
        whose = a_cart(shirt)
        seen = checkout.summarise_cart(carts.view(whose), "US", "standard").fingerprint
        clock_of(shirt, ends=-1)

        with pytest.raises(SummaryChanged):
            checkout.place_order(whose, wishes(), key="one", actor=Actor("Ada"), reviewed=seen)

    def test_every_change_is_an_event_with_its_actor_and_none_without_a_change(self):
        shirt, grace = a_variant(price=2000), a_user(role="staff").id
        services.plan_sale(shirt.id, money(1500), ends_at=hours(1), actor_id=grace)
        services.plan_sale(shirt.id, money(1500), ends_at=session().get(Variant, shirt.id).sale_ends_at, actor_id=grace)
        services.plan_sale(shirt.id, None, actor_id=grace)

        events = session().scalars(select(PriceEvent).where(PriceEvent.variant_id == shirt.id).order_by(PriceEvent.id))

        assert [(event.now_minor, event.sale_minor, event.actor_id) for event in events] == [
            (2000, 1500, grace),
            (2000, None, grace),
        ]

    def test_the_lowest_price_of_the_30_days_before_stands_beside_a_reduced_one(self, browser):
        product = a_product(variants=[{"sku": "FJ-1", "price": 2000}])
        [shirt] = product.variants
        services.edit_variant(shirt.id, sku="FJ-1", price=money(1800))
        services.edit_variant(shirt.id, sku="FJ-1", price=money(2500))
        services.plan_sale(shirt.id, money(1900))

        page = words(browser.get("/p/field-jacket").text)

        assert "Now $19.00 Was $25.00" in page
        assert "Lowest price in the 30 days before: $18.00" in page

    @pytest.mark.parametrize(
        ("sale", "how", "field"),
        [
            (2000, {}, "sale"),
            (1500, {"starts_at": hours(2), "ends_at": hours(1)}, "sale_ends_at"),
            (1500, {"ends_at": hours(-1)}, "sale_ends_at"),
        ],
    )
    def test_a_sale_that_makes_no_sense_is_refused(self, sale, how, field):
        shirt = a_variant(price=2000)

        with pytest.raises(Invalid) as refused:
            services.plan_sale(shirt.id, money(sale), **how)

        assert refused.value.field == field

    def test_a_price_is_not_set_below_its_own_sale(self):
        shirt = a_variant(price=2000)
        services.plan_sale(shirt.id, money(1500))

        with pytest.raises(Invalid, match="The sale price of"):
            services.edit_variant(shirt.id, sku=shirt.sku, price=money(1400))


def test_a_sale_and_an_edit_at_once_wait_for_each_other(at_once):
    """Both end with the product's document: whoever takes the variant before its product meets the other half way."""
    shirt = a_variant(price=2000, on_hand=5)
    shirt_id, sku = shirt.id, shirt.sku
    session().rollback()

    for _ in range(5):
        outcomes = at_once(
            lambda: services.plan_sale(shirt_id, money(1500)) and None,
            lambda: services.edit_variant(shirt_id, sku=sku, price=money(2500)) and None,
            lambda: services.set_terms(shirt_id) and None,
        )
        assert outcomes == [None, None, None]


class TestQuantities:
    def six_packs(self, **how):
        bottle = a_variant(**{"on_hand": 40, **how})
        services.set_terms(bottle.id, quantities=Quantities(least=12, most=24, step=6))
        return bottle

    @pytest.mark.parametrize("quantity", [12, 18, 24])
    def test_what_is_allowed_is_sold(self, quantity):
        assert place(a_cart((self.six_packs(), quantity)))

    @pytest.mark.parametrize(
        ("quantity", "sentence"),
        [
            (6, "is sold from 12 up, in steps of 6"),
            (13, "is sold in steps of 6: choose 12 or 18"),
            (30, "At most 24 of"),
        ],
    )
    def test_what_is_not_is_422_and_says_what_is_possible(self, browser, quantity, sentence):
        bottle = self.six_packs()

        answer = browser.post("/cart/lines", data={"sku": bottle.sku, "quantity": quantity}, htmx=True)

        assert answer.status_code == 422 and sentence in words(answer.text)
        browser.post("/cart/lines", data={"sku": bottle.sku, "quantity": 12})
        line = re.search(r'action="(/cart/lines/[0-9a-f-]{36})"', browser.get("/cart").text)[1]
        changed = browser.post(line, data={"quantity": quantity}, htmx=True)
        assert changed.status_code == 422 and sentence in words(changed.text)

    def test_the_stepper_goes_by_what_is_possible(self, browser):
        bottle = self.six_packs(on_hand=23)

        page = browser.get(f"/p/{bottle.product.slug}").text

        assert 'value="12" min="12" max="18" step="6"' in page
        assert "Sold from 12 up, in steps of 6, at most 24 in one order." in words(page)

    def test_the_feed_says_the_same_as_the_page(self, browser):
        bottle = self.six_packs(on_hand=11)

        assert "<g:availability>out_of_stock<" in browser.get("/feeds/products.xml").text
        assert "OutOfStock" in browser.get(f"/p/{bottle.product.slug}").text

    def test_a_card_offers_no_single_one(self, browser):
        bottle, cup = self.six_packs(on_hand=23), a_variant()

        page = browser.get(f"/c/{bottle.product.category.slug}").text + browser.get("/").text

        assert f'id="add-{cup.sku}"' in page and bottle.product.slug in page
        assert f'id="add-{bottle.sku}"' not in page

    def test_fewer_than_the_smallest_quantity_are_sold_out(self, browser):
        bottle = self.six_packs(on_hand=11)

        assert "Sold out" in browser.get(f"/p/{bottle.product.slug}").text
        with pytest.raises(Invalid, match="Only 11 of"):
            a_cart((bottle, 12))

    def test_merging_keeps_to_the_steps(self):
        bottle, ada = self.six_packs(on_hand=23), a_user()
        a_cart((bottle, 12), user=ada)
        brought = a_cart((bottle, 12))

        merged = cart_services.merge(brought.token, ada.id)

        assert merged.quantity == 18

    def test_a_rule_set_after_adding_stops_the_checkout_with_a_sentence(self):
        bottle = a_variant(on_hand=40)
        whose = a_cart((bottle, 5))
        services.set_terms(bottle.id, quantities=Quantities(least=6))

        [line] = carts.view(whose).lines

        assert "is sold from 6 up" in line.problem
        with pytest.raises(CartNeedsLook):
            place(whose)

    def test_a_rule_nothing_fits_is_refused(self):
        with pytest.raises(Invalid, match="no multiple of 7"):
            services.set_terms(a_variant().id, quantities=Quantities(least=8, most=13, step=7))


class TestSupply:
    def late(self, supply="backorder", *, on_hand=0, most=3):
        shirt = a_variant(on_hand=on_hand)
        set_supply(shirt.id, supply, most=most, ships_on=datetime(2027, 3, 1, tzinfo=UTC).date())
        return shirt

    @pytest.mark.parametrize(
        ("supply", "sentence", "schema"),
        [
            ("backorder", "On backorder: ships on 1 Mar 2027", "BackOrder"),
            ("preorder", "Preorder: ships on 1 Mar 2027", "PreOrder"),
        ],
    )
    def test_it_is_sold_at_0_and_every_place_says_when_it_leaves(
        self, browser, run_jobs, mails, supply, sentence, schema
    ):
        shirt = self.late(supply)

        page = browser.get(f"/p/{shirt.product.slug}").text
        browser.post("/cart/lines", data={"sku": shirt.sku, "quantity": 2})
        cart = browser.get("/cart").text
        mails()
        order = a_paid_order((shirt, 2))
        run_jobs()

        assert sentence in words(page) and offer_of(page)["availability"].endswith(schema)
        assert sentence in words(cart)
        assert session().scalar(select(OrderLine.ships).where(OrderLine.order_id == order.id)) == f"{sentence}."
        assert sentence in words(browser.get(f"/orders/{order.number}?key={order.key}", follow_redirects=True).text)
        assert any(sentence in letter.get_body(("plain",)).get_content() for letter in mails())
        assert (stock_of(shirt).on_hand, stock_of(shirt).reserved) == (-2, 0)
        assert not [finding for finding in invariants.check() if finding.broken]

    def test_a_part_from_the_shelf_and_the_rest_later(self):
        shirt = self.late(on_hand=1)

        [line] = carts.view(a_cart((shirt, 3))).lines

        assert line.ships == "1 in stock; the rest is on backorder and ships on 1 Mar 2027."
        assert carts.view(a_cart(shirt)).lines[0].ships == ""

    def test_beyond_the_limit_nothing_is_sold(self):
        shirt = self.late(on_hand=1, most=2)
        place(a_cart((shirt, 3)))

        with pytest.raises(cart_services.TooFew):
            a_cart(shirt)

    def test_the_limit_never_falls_below_what_is_owed(self):
        shirt = self.late(most=5)
        a_paid_order((shirt, 2))
        place(a_cart((shirt, 1)))

        with pytest.raises(Invalid, match="owed 3 already"):
            set_supply(shirt.id, "backorder", most=2)
        with pytest.raises(Invalid, match="owed 3 already"):
            set_supply(shirt.id, "stocked")
        assert session().get(Variant, shirt.id).supply == "backorder"
        set_supply(shirt.id, "backorder", most=3)

    def test_what_arrives_fills_what_is_owed_and_a_cancelled_order_gives_back(self):
        shirt = self.late(most=5)
        order = a_paid_order((shirt, 2))
        checkout.cancel(order.number, actor=Actor("Ada"), reason="", by_shopper=True)

        assert stock_of(shirt).on_hand == 0
        assert carts.view(a_cart((shirt, 5))).lines[0].can_be_bought


def seen_in(page, card):
    """What the form of a card says that it shows."""
    form = re.search(f'id="variant-{card}".*?name="seen" value="([^"]*)"', page, re.S)
    return unescape(form[1])


class TestTheDesk:
    def test_grace_plans_a_sale_and_reads_what_comes_of_it(self, browser):
        shirt = a_variant(price=2000)
        desk, at = Desk(browser), f"/admin/products/{shirt.product.slug}/variants/{shirt.sku}"
        ends = hours(30).strftime("%Y-%m-%dT%H:%M")

        page = desk.send(f"{at}/sale", sale="15", sale_starts_at="", sale_ends_at=ends)

        assert "Costs $15.00 now, $20.00 struck through beside it" in words(page)
        assert "Changes by itself at" in words(page) and f'value="{ends}"' in page
        history = words(desk.page(f"/admin/products/{shirt.product.slug}/prices"))
        assert "Grace Hopper $20.00 $15.00" in history

    @pytest.mark.parametrize(
        ("card", "fields", "sentence"),
        [
            ("sale", {"sale": "19.999"}, "decimal places"),
            ("sale", {"sale": "15", "sale_ends_at": "tomorrow"}, "Enter a date and a time"),
            ("sale", {"sale": "15", "sale_ends_at": "9999-12-31T23:59:59-14:00"}, "Enter a date and a time"),
            ("terms", {"least": "0", "step": "1"}, "from 1 to 999"),
            ("terms", {"least": "1", "step": "x"}, "whole number"),
            ("terms", {"least": "1", "step": "1", "barcode": "!!"}, "barcode is 4 to 40"),
            ("supply", {"supply": "magic"}, "Choose how it is supplied"),
            ("supply", {"supply": "backorder", "most": ""}, "Enter how many"),
            ("supply", {"supply": "preorder", "most": "3", "ships_on": "soon"}, "Enter a date"),
            ("supply", {"supply": "preorder", "most": "3", "ships_on": "2020-01-01"}, "This day is over"),
        ],
    )
    def test_wrong_input_is_422_with_what_was_typed(self, browser, card, fields, sentence):
        shirt = a_variant()
        desk = Desk(browser)

        page = desk.send(f"/admin/products/{shirt.product.slug}/variants/{shirt.sku}/{card}", 422, **fields)

        assert sentence in words(page)
        assert all(f'value="{typed}"' in page for typed in fields.values() if typed not in ("", "magic"))

    @pytest.mark.parametrize(
        ("card", "hers", "his"),
        [
            ("sale", {"sale": "15.00"}, {"sale": "14.00"}),
            ("terms", {"least": "2", "step": "1"}, {"least": "1", "step": "1", "barcode": "4006381333931"}),
            ("supply", {"supply": "backorder", "most": "5"}, {"supply": "preorder", "most": "3"}),
        ],
    )
    def test_what_somebody_saved_meanwhile_is_told_and_not_overwritten(self, browser, card, hers, his):
        shirt = a_variant()
        desk, at = Desk(browser), f"/admin/products/{shirt.product.slug}/variants/{shirt.sku}"
        opened = seen_in(desk.page(at), card)
        desk.send(f"{at}/{card}", **hers, seen=opened)

        refused = desk.send(f"{at}/{card}", 409, **his, seen=opened)
        theirs = seen_in(desk.page(at), card)
        desk.send(f"{at}/{card}", **hers, seen=opened)
        desk.send(f"{at}/{card}", **his, seen=seen_in(refused, card))

        assert "Somebody changed this meanwhile" in words(refused)
        assert all(f'value="{typed}"' in refused for typed in his.values())
        assert theirs == seen_in(refused, card)
        assert dict(parse_qsl(seen_in(desk.page(at), card))).items() >= his.items()

    def test_a_sale_for_nothing_is_ended_like_any_other(self, browser):
        shirt = a_variant()
        desk, at = Desk(browser), f"/admin/products/{shirt.product.slug}/variants/{shirt.sku}"
        services.plan_sale(shirt.id, money(0))

        page = desk.page(at)
        desk.send(f"{at}/sale", sale="", seen=seen_in(page, "sale"))

        assert session().get(Variant, shirt.id, populate_existing=True).sale_minor is None

    def test_a_barcode_is_one_variants_and_finds_it(self, browser):
        shirt, other = a_variant(), a_variant()
        desk = Desk(browser)
        services.set_terms(shirt.id, barcode="4006381 333931")

        with pytest.raises(Invalid, match="Another variant has the barcode"):
            services.set_terms(other.id, barcode="4006381333931")
        assert shirt.sku in desk.page("/admin/inventory?q=4006381333931")
        assert f"/admin/products/{shirt.product.slug}" in desk.page("/admin/products?q=4006381333931")

    def test_what_is_low_is_said_by_the_variant_or_else_by_the_shop(self, browser):
        fast, slow, plain = a_variant(on_hand=20), a_variant(on_hand=3), a_variant(on_hand=5)
        services.set_terms(fast.id, low_stock_at=25)
        services.set_terms(slow.id, low_stock_at=0)
        desk = Desk(browser)

        found = desk.page("/admin/inventory?view=low")
        first_page = desk.page("/admin/")

        for page in (found, first_page):
            assert fast.product.name in page and plain.product.name in page and slow.product.name not in page
