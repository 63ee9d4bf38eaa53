"""Who owns the shop: by a link from the server, never by a password that came with it."""

import pytest
from sqlalchemy import select

from app.auth import services
from app.auth.cli import owner
from app.auth.links import DeadLink
from app.auth.models import User, UserEvent
from app.lib.db import db
from app.lib.errors import NotAllowed

from .people import ADA, GRACE, MALLORY, PASSWORD, a_user, log_in, the_user

FIELDS = {"name": "Grace", "email": GRACE, "password": PASSWORD}


def _path(link: str) -> str:
    return link.removeprefix("http://shop.test")


def test_the_first_owner_comes_in_by_the_link_of_the_server(browser):
    link = _path(services.owner_link())
    assert browser.get(link).status_code == 200

    answer = browser.post(link, data=FIELDS)

    assert answer.headers["Location"] == "/admin/"
    assert the_user(GRACE).role == "owner"
    assert "Hello, Grace" in browser.get("/account").text
    roles = db.session.scalars(select(UserEvent).where(UserEvent.kind == "role")).all()
    assert [(event.was, event.now) for event in roles] == [({"role": "shopper"}, {"role": "owner"})]


def test_an_owner_link_works_once_and_the_newest_alone(browser, new_browser):
    older, newer = _path(services.owner_link()), _path(services.owner_link())
    assert browser.get(older).status_code == 410
    browser.post(newer, data=FIELDS)

    assert new_browser().post(newer, data=FIELDS | {"email": MALLORY}).status_code == 410
    assert the_user(GRACE).role == "owner"


def test_a_shop_with_an_owner_gives_no_link_to_just_anybody(app):
    link = services.owner_link()
    a_user(GRACE, role="owner")

    with pytest.raises(NotAllowed):
        services.owner_link()
    with pytest.raises(DeadLink):
        services.claim_owner(link.rsplit("/", 1)[1], "Mallory", MALLORY, PASSWORD)


def test_two_at_the_same_link_make_one_owner(at_once):
    token = services.owner_link().rsplit("/", 1)[1]

    outcomes = at_once(
        lambda: services.claim_owner(token, "Grace", GRACE, PASSWORD).email,
        lambda: services.claim_owner(token, "Mallory", MALLORY, PASSWORD).email,
    )

    assert sum(isinstance(outcome, DeadLink) for outcome in outcomes) == 1
    assert len(db.session.scalars(select(User).where(User.role == "owner")).all()) == 1


def test_a_link_for_somebody_is_theirs_whatever_is_typed(browser):
    a_user(ADA)
    link = _path(services.owner_link(ADA))

    browser.post(link, data=FIELDS | {"name": "Ada", "email": MALLORY, "password": "nine blue umbrellas"})

    assert the_user(ADA).role == "owner"
    assert log_in(browser, ADA, "nine blue umbrellas").status_code == 303


def test_a_wrong_form_keeps_the_link(browser):
    link = _path(services.owner_link())

    answer = browser.post(link, data=FIELDS | {"password": "password1"})

    assert answer.status_code == 422
    assert f'value="{GRACE}"' in answer.text
    assert browser.post(link, data=FIELDS).status_code == 303


def test_the_command_prints_a_link_until_there_is_an_owner(app):
    run = app.test_cli_runner().invoke
    first = run(owner, ["--first"])
    assert "http://shop.test/auth/owner/" in first.output

    a_user(GRACE, role="owner")

    assert run(owner, ["--first"]).output == ""
    assert "http://shop.test/auth/owner/" in run(owner, [ADA]).output
    assert run(owner, []).exit_code == 2
    assert run(owner, ["not an address"]).exit_code == 2
