"""From a form to an account that can be used."""

import json
import re
from datetime import timedelta

from flask import render_template
from sqlalchemy import func, select, text, update

from app.auth import services
from app.auth.models import User, UserEvent, UserToken
from app.lib.db import db, transaction
from app.lib.outbox import Outbox

from .people import ADA, PASSWORD, a_user, is_logged_in, link_in, log_in, the_user, words

FIELDS = {"name": "Ada", "email": "Ada@Example.com", "password": PASSWORD}


def test_an_account_opens_after_its_letter_was_answered(browser, mails, run_jobs):
    assert browser.post("/auth/register", data=FIELDS).status_code == 303
    run_jobs()
    [letter] = mails()
    assert letter["To"] == ADA
    assert letter.get_body(("html",)) is not None

    page = browser.get(link_in(mails(), "verify"))
    assert ADA in page.text
    answer = browser.post(link_in(mails(), "verify"))

    assert answer.headers["Location"] == "/auth/login"
    assert log_in(browser).headers["Location"] == "/account"
    assert "Hello, Ada" in browser.get("/account").text


def test_opening_the_link_is_not_enough_so_that_a_mail_scanner_cannot_use_it_up(browser, mails, run_jobs):
    browser.post("/auth/register", data=FIELDS)
    run_jobs()

    for _ in range(3):
        assert browser.get(link_in(mails(), "verify")).status_code == 200

    assert not the_user().is_verified


def test_a_verify_link_works_once(browser, mails, run_jobs):
    browser.post("/auth/register", data=FIELDS)
    run_jobs()
    link = link_in(mails(), "verify")
    browser.post(link)

    assert browser.post(link).status_code == 410
    assert browser.get(link).status_code == 410


def test_a_verify_link_works_for_a_day(browser, mails, run_jobs):
    browser.post("/auth/register", data=FIELDS)
    run_jobs()
    link = link_in(mails(), "verify")
    with transaction() as current:
        current.execute(update(UserToken).values(expires_at=UserToken.expires_at - timedelta(hours=24)))

    answer = browser.post(link)

    assert answer.status_code == 410
    assert "/auth/verify" in answer.text
    assert not the_user().is_verified


def test_an_invented_link_opens_nothing(browser):
    for kind in ("verify", "reset", "owner"):
        assert browser.get(f"/auth/{kind}/invented").status_code == 410
        assert browser.post(f"/auth/{kind}/invented", data={"password": PASSWORD}).status_code == 410


def test_a_link_of_one_kind_does_not_serve_another(browser, mails, run_jobs):
    a_user()
    browser.post("/auth/forgot", data={"email": ADA})
    run_jobs()
    token = link_in(mails(), "reset").rsplit("/", 1)[1]

    assert browser.post(f"/auth/verify/{token}").status_code == 410
    assert browser.post(f"/auth/owner/{token}", data=FIELDS).status_code == 410


def test_the_token_lies_neither_in_the_outbox_nor_in_the_table(browser, mails, run_jobs):
    browser.post("/auth/register", data=FIELDS)
    run_jobs()
    token = link_in(mails(), "verify").rsplit("/", 1)[1]

    rows = [json.dumps(row.payload) for row in db.session.scalars(select(Outbox))]
    rows += [str(row) for row in db.session.execute(text("SELECT * FROM user_tokens"))]

    assert rows
    assert not any(token in row for row in rows)


def test_a_known_and_an_unknown_address_get_the_same_answer(browser, new_browser, mails, run_jobs):
    a_user(ADA)

    known = browser.post("/auth/register", data=FIELDS)
    unknown = new_browser().post("/auth/register", data=FIELDS | {"email": "new@example.com"})

    assert (known.status_code, known.headers["Location"]) == (
        unknown.status_code,
        unknown.headers["Location"],
    )
    assert known.text == unknown.text
    known = browser.post("/auth/register", data=FIELDS, htmx=True)
    unknown = browser.post("/auth/register", data=FIELDS | {"email": "new@example.com"}, htmx=True)
    assert known.text.replace("Ada@Example.com", "") == unknown.text.replace("new@example.com", "")
    run_jobs()
    subjects = {letter["To"]: letter["Subject"] for letter in mails()}
    assert subjects[ADA].startswith("You already have an account")
    assert subjects["new@example.com"].startswith("Confirm your email")


def test_registering_again_changes_nothing_about_an_account(browser):
    a_user(ADA)

    browser.post("/auth/register", data=FIELDS | {"name": "Mallory", "password": "another long password"})

    assert the_user().name == "Ada"
    assert log_in(browser).status_code == 303


def test_each_link_stands_for_the_password_it_was_asked_with(browser, mails, run_jobs):
    """Mallory registers Ada's address after Ada did; Ada opens her own letter."""
    browser.post("/auth/register", data=FIELDS)
    run_jobs()
    adas = link_in(mails(), "verify")
    browser.post("/auth/register", data=FIELDS | {"name": "Mallory", "password": "a trap for careless people"})
    run_jobs()
    mallorys = link_in([letter for letter in mails() if adas not in words(letter)], "verify")

    browser.post(adas)

    assert the_user().name == "Ada"
    assert log_in(browser).status_code == 303
    assert browser.post(mallorys).status_code == 410


def test_two_people_registering_one_address_at_once_make_one_account(at_once, app):
    outcomes = at_once(*[lambda: services.register(ADA, "Ada", PASSWORD)] * 4)

    assert outcomes == [None] * 4
    assert db.session.scalar(select(func.count()).select_from(User)) == 1
    assert db.session.scalar(select(func.count()).select_from(UserEvent)) == 1


def test_the_same_link_opened_twice_at_once_proves_the_address_once(at_once, browser, mails, run_jobs):
    browser.post("/auth/register", data=FIELDS)
    run_jobs()
    token = link_in(mails(), "verify").rsplit("/", 1)[1]

    outcomes = at_once(*[lambda: services.verify(token).id] * 4)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "DeadLink",
        "DeadLink",
        "DeadLink",
        "int",
    ]
    kinds = [event.kind for event in db.session.scalars(select(UserEvent).order_by(UserEvent.id))]
    assert kinds == ["registered", "verified"]


def test_proving_an_address_asks_for_its_guest_orders(browser, mails, run_jobs):
    browser.post("/auth/register", data=FIELDS)
    run_jobs()

    browser.post(link_in(mails(), "verify"))

    rows = db.session.scalars(select(Outbox).where(Outbox.topic == "orders.claim")).all()
    assert [row.payload for row in rows] == [{"user_id": the_user().id}]


def test_an_unproved_account_cannot_log_in_and_is_offered_the_link_again(browser, mails, run_jobs):
    a_user(is_verified=False)

    answer = log_in(browser)

    assert answer.status_code == 403
    assert "Confirm your email first" in answer.text
    assert not is_logged_in(browser)
    assert browser.post("/auth/verify", data={"email": ADA}).status_code == 303
    run_jobs()
    browser.post(link_in(mails(), "verify"))
    assert log_in(browser).status_code == 303


def test_asking_for_the_link_again_tells_nothing_and_has_an_end(browser, mails, run_jobs):
    a_user(is_verified=False)

    answers = [browser.post("/auth/verify", data={"email": ADA}) for _ in range(8)]
    stranger = browser.post("/auth/verify", data={"email": "nobody@example.com"})

    assert {answer.text for answer in [*answers, stranger]} == {stranger.text}
    run_jobs()
    assert len(mails()) == 5


def test_the_form_on_an_orders_page_asks_for_the_password_alone(app, browser):
    with app.test_request_context():
        form = render_template("auth/_claim.html", claim_email=ADA, claim_name="Ada")

    assert f'type="hidden" name="email" value="{ADA}"' in form
    assert form.count("<label") == 1
    again = browser.post("/auth/claim", data=FIELDS | {"password": "short"}, htmx=True)
    assert again.status_code == 422
    assert 'id="claim-password-error"' in again.text
    assert 'name="email" value="Ada@Example.com"' in again.text


def test_an_account_kept_from_an_order_works_like_any_other(browser, mails, run_jobs):
    answer = browser.post("/auth/claim", data=FIELDS, htmx=True)

    assert "Check your mail" in answer.text
    assert 'id="auth-claim"' in answer.text
    run_jobs()
    browser.post(link_in(mails(), "verify"))
    assert log_in(browser).status_code == 303


def test_what_was_typed_comes_back_but_never_the_password(browser):
    wrong = {"name": "Ada <3", "email": "not an address", "password": "short"}

    for htmx in (False, True):
        answer = browser.post("/auth/register", data=wrong, htmx=htmx)

        assert answer.status_code == 422
        assert 'value="Ada &lt;3"' in answer.text
        assert 'value="not an address"' in answer.text
        assert "short" not in re.sub(r"<p class=.*?</p>", "", answer.text)
        assert 'id="errs"' in answer.text
        for field in ("email", "password"):
            assert f'id="{field}-error"' in answer.text
            assert re.search(rf'id="{field}"[^>]*aria-describedby="[^"]*{field}-error', answer.text)
        assert ("<html" in answer.text) is not htmx


def test_passwords_that_everybody_tries_first_are_refused(browser):
    for guess in ("password1", "Password1", "1234567890", "aaaaaaaaaaaa", ADA, "ab1"):
        answer = browser.post("/auth/register", data=FIELDS | {"password": guess, "email": ADA})

        assert answer.status_code == 422, guess


def test_any_characters_make_a_password_and_none_is_cut_off(browser, mails, run_jobs):
    long = "Ünïcödé 🚲 " + "x" * 150 + "end"
    browser.post("/auth/register", data=FIELDS | {"password": long})
    run_jobs()
    browser.post(link_in(mails(), "verify"))

    assert log_in(browser, password=long[:-1] + "D").status_code == 422
    assert log_in(browser, password=long).status_code == 303
