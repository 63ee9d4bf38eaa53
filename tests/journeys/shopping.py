"""What a shopper does, through HTTP, with a browser that has htmx or one that has not."""

import re
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask.testing import FlaskClient

from tests.factories import ADA


@dataclass
class Shopper:
    """Clicks through the shop. With `htmx` every form is sent as htmx would send it."""

    browser: FlaskClient
    htmx: bool = False

    def add(self, sku: str, quantity: Any = 1) -> Any:
        return self.browser.post("/cart/lines", data={"sku": sku, "quantity": quantity}, htmx=self.htmx)

    def cart(self) -> str:
        return self.browser.get("/cart").text

    def lines(self) -> list[str]:
        """The addresses of the cart's lines."""
        return re.findall(r'action="(/cart/lines/[0-9a-f-]{36})"', self.cart())

    def checkout_form(self, **changes: Any) -> dict[str, Any]:
        page = self.browser.get("/checkout").text
        hidden = dict(re.findall(r'name="(idempotency_key|reviewed)" value="([^"]*)"', page))
        return {
            **ADA,
            **hidden,
            "shipping_method": "standard",
            "provider": "demo",
            "accept_terms": "1",
            **changes,
        }

    def place(self, **changes: Any) -> Any:
        return self.browser.post("/checkout", data=self.checkout_form(**changes), htmx=self.htmx)

    def press(self, page: str, outcome: str) -> str:
        """Press a button of the demo provider's page; gives back the order's address."""
        back = goes_to(self.browser.post(page, data={"outcome": outcome}, htmx=self.htmx))
        return goes_to(self.browser.get(path_of(back)))

    def buy(self, sku: str, quantity: int = 1, **changes: Any) -> str:
        """A whole purchase; gives back the address of the paid order, with its key."""
        self.add(sku, quantity)
        return self.press(goes_to(self.place(**changes)), "pay")


def goes_to(answer: Any) -> str:
    """Where an answer leads: a redirect, or htmx's way of saying so."""
    place = answer.headers.get("HX-Redirect") or answer.headers.get("Location")
    assert place, f"{answer.status} leads nowhere: {words(answer.text)[:600]}"
    return str(place)


def path_of(address: str) -> str:
    parts = urlsplit(address)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def number_of(address: str) -> str:
    return urlsplit(address).path.rsplit("/", 1)[-1]


def key_of(address: str) -> str:
    return parse_qs(urlsplit(address).query)["key"][0]


def words(html: str) -> str:
    """The text a person reads."""
    return " ".join(unescape(re.sub(r"<(style|script).*?</\1>|<[^>]+>", " ", html, flags=re.S)).split())


def states(page: str) -> tuple[str, str]:
    """The order's and the payment's state, as the status fragment names them."""
    found = re.search(r'data-order="(\w+)" data-payment="(\w+)"', page)
    assert found, words(page)[:400]
    return found[1], found[2]
