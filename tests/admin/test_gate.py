"""Every address of the staff desk asks who is there, and a new one that does not fails here."""

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.auth import staff
from app.auth.models import User, UserEvent
from app.lib.db import session
from app.lib.errors import Forbidden
from tests.admin.desk import GRACE, Desk, at_desk, sign_in, words
from tests.factories import PASSWORD, a_user

OWNERS = {"admin.staff", "admin.add_staff", "admin.set_role"}
SOMEBODY = "00000000-0000-0000-0000-000000000000"


def addresses(app: Flask) -> Iterator[tuple[str, str, str]]:
    """(endpoint, method, address) of everything under /admin, with names of nothing in it."""
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith("/admin"):
            continue
        filled = re.sub(r"<uuid:\w+>", SOMEBODY, rule.rule)
        filled = re.sub(r"<int:\w+>", "1", filled)
        filled = re.sub(r"<(\w+:)?\w+>", "nothing", filled)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule.endpoint, method, filled


def test_the_walk_sees_the_desk(app: Flask):
    endpoints = {endpoint for endpoint, _, _ in addresses(app)}

    assert {"admin.dashboard", "admin.orders", "admin.refund", "admin.payments", *OWNERS} <= endpoints
    assert all(endpoint.startswith("admin.") for endpoint in endpoints)


@pytest.mark.parametrize("htmx", [False, True])
def test_visitors_are_sent_to_log_in(app: Flask, browser: FlaskClient, htmx: bool):
    for endpoint, method, address in addresses(app):
        answer = browser.open(address, method=method, htmx=htmx)

        place = answer.headers.get("HX-Redirect" if htmx else "Location", "")
        assert answer.status_code == (200 if htmx else 303), f"{method} {address} ({endpoint})"
        assert place.startswith("/auth/login"), f"{method} {address} ({endpoint})"
        assert answer.headers["Cache-Control"] == "private, no-store", address


def test_after_logging_in_the_page_that_was_asked_for_comes(browser: FlaskClient):
    answer = browser.get("/admin/orders?status=paid")

    assert answer.headers["Location"] == "/auth/login?next=%2Fadmin%2Forders%3Fstatus%3Dpaid"


def test_shoppers_may_open_nothing(app: Flask, browser: FlaskClient):
    a_user()
    desk = sign_in(browser, "ada@example.com")

    for endpoint, method, address in addresses(app):
        answer = desk.browser.open(address, method=method)

        assert answer.status_code == 403, f"{method} {address} ({endpoint}) let a shopper in"


def test_nothing_changes_without_the_token_of_a_page(app: Flask, browser: FlaskClient):
    desk = at_desk(browser, role="owner")

    for endpoint, method, address in addresses(app):
        if method == "GET":
            continue
        answer = desk.browser.open(address, method=method, data={"csrf_token": "made up"})

        assert answer.status_code == 400, f"{method} {address} ({endpoint}) believed a made-up token"


@pytest.mark.parametrize("role", ["staff", "owner"])
def test_staff_may_open_everything_but_what_is_the_owners(app: Flask, browser: FlaskClient, role: str):
    desk = at_desk(browser, role=role)
    token = desk.token()

    for endpoint, method, address in addresses(app):
        answer = desk.browser.open(address, method=method, data={"csrf_token": token} if method != "GET" else None)

        refused = role != "owner" and endpoint in OWNERS
        assert (answer.status_code == 403) == refused, f"{method} {address} ({endpoint}): {answer.status}"
        assert answer.status_code < 500, f"{method} {address} ({endpoint}): {answer.status}"


# Who works here


def member(desk: Desk, email: str, role: str, **fields: str) -> object:
    user = session().scalars(select(User).where(User.email == email)).one()
    return desk.post(f"/admin/staff/{user.public_id}/role", **{"role": role, "password": PASSWORD, **fields})


def role_of(email: str) -> str:
    session().rollback()
    return session().scalars(select(User.role).where(User.email == email)).one()


@pytest.mark.parametrize("htmx", [False, True])
def test_an_owner_makes_somebody_staff_and_takes_it_back(
    browser: FlaskClient, new_browser: Callable[[], FlaskClient], htmx: bool
):
    a_user(email="mallory@example.com", name="Mallory")
    mallory = sign_in(new_browser(), "mallory@example.com")
    desk = at_desk(browser, htmx=htmx, role="owner")

    added = desk.post("/admin/staff", email="Mallory@example.com ", password=PASSWORD)

    assert added.status_code == (200 if htmx else 303)
    assert role_of("mallory@example.com") == "staff"
    assert mallory.browser.get("/account").status_code == 303, "the old session goes on"
    mallory = sign_in(mallory.browser, "mallory@example.com")
    assert mallory.browser.get("/admin/").status_code == 200

    removed = member(desk, "mallory@example.com", "shopper")

    assert removed.status_code == (200 if htmx else 303)
    assert role_of("mallory@example.com") == "shopper"
    assert mallory.browser.get("/admin/").status_code == 303
    events = session().scalars(select(UserEvent).where(UserEvent.kind == "role").order_by(UserEvent.id)).all()
    grace = session().scalars(select(User.id).where(User.email == GRACE)).one()
    assert [(e.was["role"], e.now["role"], e.actor_id) for e in events] == [
        ("shopper", "staff", grace),
        ("staff", "shopper", grace),
    ]


def test_rights_move_only_with_the_owners_password(browser: FlaskClient):
    a_user(email="mallory@example.com", name="Mallory")
    desk = at_desk(browser, role="owner")

    wrong = desk.post("/admin/staff", email="mallory@example.com", password="guess")
    missing = desk.post("/admin/staff", email="mallory@example.com", password="")

    assert (wrong.status_code, missing.status_code) == (422, 422)
    assert "That is not your password." in words(wrong.text)
    assert role_of("mallory@example.com") == "shopper"


def test_nobody_unknown_or_unconfirmed_becomes_staff(browser: FlaskClient):
    desk = at_desk(browser, role="owner")

    answer = desk.post("/admin/staff", email="nobody@example.com", password=PASSWORD)

    assert answer.status_code == 422
    assert "No account has confirmed this address." in words(answer.text)
    assert 'value="nobody@example.com"' in answer.text


def test_owners_are_not_unmade_here(browser: FlaskClient):
    desk = at_desk(browser, role="owner")

    answer = member(desk, GRACE, "shopper")

    assert answer.status_code == 409
    assert role_of(GRACE) == "owner"


def test_a_role_nobody_knows_is_refused(browser: FlaskClient):
    a_user(email="mallory@example.com", name="Mallory")
    desk = at_desk(browser, role="owner")

    assert member(desk, "mallory@example.com", "owner").status_code == 422
    assert role_of("mallory@example.com") == "shopper"


def test_the_service_itself_refuses_whoever_is_no_owner():
    ada = a_user()
    grace = a_user(email=GRACE, role="staff", name="Grace")

    with pytest.raises(Forbidden):
        staff.set_role(ada.public_id, "staff", grace.id)
    assert role_of("ada@example.com") == "shopper"
