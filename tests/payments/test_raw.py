"""What staff may read of a message."""

import json

import pytest

from app.payments.raw import LONGEST, readable

pytestmark = pytest.mark.pure

NOBODYS_BUSINESS = {
    "stripe": {"customer_details": {"email": "ada@example.com", "name": "Ada", "address": {"line1": "1 Main St"}}},
    "card": {"card": {"brand": "visa", "last4": "4242", "fingerprint": "fp", "exp_month": 9}},
    "paypal": {"payer": {"name": {"given_name": "Ada", "surname": "Lovelace"}, "email_address": "a@b.example"}},
    "paystack": {"authorization": {"authorization_code": "AUTH_1", "bin": "408408"}, "customer": {"phone": "0712"}},
    "chapa": {"first_name": "Ada", "mobile": "0911000000"},
    "mpesa": {"Item": [{"Name": "PhoneNumber", "Value": 254712345678}, {"Name": "Amount", "Value": 400}]},
}


@pytest.mark.parametrize("kind", NOBODYS_BUSINESS)
def test_people_and_accounts_are_masked_and_money_is_not(kind: str) -> None:
    shown = readable(json.dumps({"amount": 1999, **NOBODYS_BUSINESS[kind]}).encode())

    private = ["ada@", "Ada", "1 Main", "4242", "fp", "Lovelace", "a@b", "AUTH_1", "408408", "0712", "0911", "2547"]
    assert not [word for word in private if f'"{word}' in shown or f" {word}" in shown]
    assert '"amount": 1999' in shown


def test_what_is_not_json_is_shown_as_it_is_but_for_addresses_and_long_numbers() -> None:
    assert readable(b"tx_ref=att-1&email=ada@example.com&mobile=0911000000") == "tx_ref=att-1&email=•••&mobile=•••"
    assert "�" in readable(b"\xff\x00<script>")


def test_what_is_long_is_cut_and_what_is_deep_is_no_fault() -> None:
    assert len(readable(b'"' + b"x" * LONGEST * 2 + b'"')) < LONGEST + 10
    assert readable(b"[" * 200_000).startswith("[[[")
