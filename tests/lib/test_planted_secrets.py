"""Keys, tokens and card numbers, planted wherever they are used or typed, reach no log line and no error page."""

import logging
import re

import pytest
from sqlalchemy import text

from app.lib import runtime
from app.lib.db import session
from app.lib.telemetry import Lines
from app.payments import callbacks, health
from app.payments import services as payments
from app.payments.providers.base import ProviderError
from tests.factories import a_variant
from tests.journeys.shopping import Shopper
from tests.races.stories import deed_letters

CARD = "4242 4242 4242 4242"
CARDS = (CARD, CARD.replace(" ", ""), CARD.replace(" ", "-"))
FAULTS = ("500", "401", "truncated")
LATEST = text("""
    SELECT reference, provider_ref FROM payment_attempts
    WHERE provider = :provider AND provider_ref IS NOT NULL AND state = 'pending' ORDER BY id DESC LIMIT 1
""")
NO_SECRETS = ("_API_BASE", "_SHORTCODE")


@pytest.fixture
def written():
    """What is written to the log, at the most talkative level, as production would write it."""
    lines = []

    class Keep(logging.Handler):
        def emit(self, record):
            lines.append(Lines().format(record))

    handler, root = Keep(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel("DEBUG")
    yield lines
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.mark.parametrize(("currency", "country"), [("USD", "US"), ("KES", "KE")])
def test_no_planted_secret_is_written_or_shown(new_browser, run_jobs, street, written, currency, country):
    pages = []
    with street.in_use(CURRENCY=currency, TAX_RATE="0", RATE_LIMITS="off"):
        shirt = a_variant(on_hand=1000, price=20000).sku
        tokens = set()
        for name in _offered(street, currency):
            for turn, fault in enumerate(["", *FAULTS]):
                simulator = street.simulators[name]
                if fault:
                    simulator.faults.add(fault)
                pages += _buy(new_browser(), shirt, name, country, f"07{turn:04}{len(name):04}")
                simulator.faults.clear()
                health.answered(name)
            row = session().execute(LATEST, {"provider": name}).one()
            session().rollback()
            tokens.add(callbacks.url_of(name, row.reference).rsplit("/", 1)[1])
            pages += _messages(new_browser(), street, name, row)
            run_jobs()
            _ask_on_a_bad_day(street, name, row.reference)
        tokens |= {token for one in street.simulators.values() for token in getattr(one, "_tokens", ())}
        planted = {value for name, value in street.keys.items() if not name.endswith(NO_SECRETS)} | tokens
        planted = {one for one in planted if len(one) >= 8} | {runtime.settings().secret_key}

    said = "\n".join(written)
    assert "urllib3" in said, "Nothing talkative was heard."
    assert not [secret for secret in (*planted, *CARDS) if secret in said]
    for status, page in pages:
        assert not [secret for secret in planted if secret in page]
        assert status < 400 or status == 422 or not [card for card in CARDS if card in page]


def test_an_accident_with_secrets_in_its_words_tells_nobody(browser, street, written, monkeypatch):
    with street.in_use():
        passkey = street.keys["MPESA_PASSKEY"]

        def stumble(*_):
            raise RuntimeError(f"{passkey} {CARD} Bearer abcdefgh12345678")

        monkeypatch.setattr("app.payments.webhooks.receive", stumble)
        answer = browser.post("/payments/demo/webhook", data=b"{}")

    assert answer.status_code == 500
    for words in (answer.text, "\n".join(written)):
        assert not re.search(f"{passkey}|4242|abcdefgh12345678", words)


def _offered(street, currency):
    takes = {"USD": {"stripe", "paypal", "chapa", "paystack"}, "KES": {"mpesa"}}[currency]
    return [name for name in street.simulators if name in takes]


def _buy(browser, sku, provider, country, phone):
    """Cart, checkout with a card number in every free field, payment page; gives back what was answered."""
    shopper = Shopper(browser)
    shopper.add(sku)
    typed = {"provider": provider, "country": country, "name": CARD, "line1": CARDS[1], "line2": CARDS[2]}
    typed |= {"city": f"Portland {CARD}", "phone": phone if country == "KE" else "", "payer_phone": phone}
    answer = shopper.place(**typed)
    return [(answer.status_code, answer.text)]


def _messages(browser, street, name, row):
    """One right message, and one with every mistake."""
    letters = deed_letters(street, name, "pay", row.reference, row.provider_ref)
    answers = []
    for letter in letters:
        answers += [
            browser.post(letter.path, data=letter.body, headers=letter.headers),
            browser.post(letter.path, data=letter.body + b" ", headers=letter.headers),
            browser.post(letter.path, data=b"\xff" + CARD.encode(), headers=letter.headers),
            browser.post(letter.path + "0", data=letter.body, headers=letter.headers),
        ]
    return [(answer.status_code, answer.text) for answer in answers]


def _ask_on_a_bad_day(street, name, reference):
    for fault in FAULTS:
        street.simulators[name].faults.add(fault)
        try:
            payments.check(reference, channel="poller", in_a_job=False)
        except ProviderError:
            logging.getLogger("app.test").exception("Asking failed")
        session().rollback()
        street.simulators[name].faults.clear()
        health.answered(name)
