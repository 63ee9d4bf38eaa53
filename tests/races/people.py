"""Shoppers by the dozen, and what they hold in their hands before they press a button."""

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import text

from app.cart import services as carts
from app.cart.queries import Whose
from app.lib.db import session
from tests.factories import ADA


def sku_of(variant_id: int) -> str:
    return str(session().scalar(text("SELECT sku FROM variants WHERE id = :id"), {"id": variant_id}))


def cart_of(*variant_ids: int) -> Whose:
    """A cart with one unit of each; ids, because a thread must not touch rows of another's session."""
    whose = Whose()
    for variant_id in variant_ids:
        whose = Whose(carts.add_line(whose, sku_of(variant_id), 1).token)
    return whose


def filled_form(browser: FlaskClient, variant_id: int, key: str) -> dict[str, str]:
    """The checkout form as this browser's shopper filled it in, with one unit in the cart."""
    browser.post("/cart/lines", data={"sku": sku_of(variant_id), "quantity": "1"})
    chosen = {"shipping_method": "standard", "provider": "demo", "accept_terms": "1", "idempotency_key": key}
    return {**ADA, **chosen}


def press_button(browser: FlaskClient, form: dict[str, str], number: int) -> Any:
    """Send the form; every shopper sits somewhere else."""
    return browser.post(
        "/checkout", data=form, environ_base={"REMOTE_ADDR": f"10.0.{number // 250}.{number % 250 + 1}"}
    )
