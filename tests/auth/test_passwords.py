"""Changing a password, and getting back in without it."""

import re
from datetime import timedelta

from sqlalchemy import select, update

from app.auth import passwords, services
from app.auth.models import UserEvent, UserToken
from app.lib.db import db, transaction

from .people import ADA, MALLORY, PASSWORD, a_user, is_logged_in, link_in, log_in, the_user

NEW = "nine blue umbrellas"


def _ask(browser, mails, run_jobs) -> str:
    browser.post("/auth/forgot", data={"email": ADA})
    run_jobs()
    return link_in(mails(), "reset")


def _change(browser, **fields: str):
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("/account").text)
    typed = {"current": PASSWORD, "password": NEW, "csrf_token": token[1] if token else ""}
    return browser.post("/account/password", data=typed | fields)


def test_a_password_is_kept_behind_as_much_work_as_owasp_asks_for(monkeypatch, slow_hasher):
    monkeypatch.setattr(passwords, "HASHER", slow_hasher)

    kept = passwords.hashed(NEW)

    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.is_right(kept, NEW) and not passwords.is_right(kept, PASSWORD)
    assert not passwords.is_dated(kept)


def test_a_mailed_link_sets_a_new_password_and_ends_every_session(browser, new_browser, mails, run_jobs):
    a_user()
    phone = new_browser()
    log_in(phone)
    link = _ask(browser, mails, run_jobs)
    assert browser.get(link).status_code == 200

    answer = browser.post(link, data={"password": NEW})

    assert answer.headers["Location"] == "/auth/login"
    assert not is_logged_in(phone)
    assert log_in(browser, password=PASSWORD).status_code == 422
    assert log_in(browser, password=NEW).status_code == 303
    run_jobs()
    assert mails()[-1]["Subject"].startswith("Your password at")


def test_a_reset_link_works_once_and_the_others_end_with_it(browser, mails, run_jobs):
    a_user()
    first = _ask(browser, mails, run_jobs)
    browser.post("/auth/forgot", data={"email": ADA})
    browser.post(first, data={"password": NEW})

    assert browser.post(first, data={"password": "a third long one"}).status_code == 410
    alive = db.session.scalars(select(UserToken).where(UserToken.used_at.is_(None))).all()
    assert alive == []
    assert log_in(browser, password=NEW).status_code == 303


def test_a_reset_link_works_for_half_an_hour(browser, mails, run_jobs):
    a_user()
    link = _ask(browser, mails, run_jobs)
    with transaction() as current:
        current.execute(update(UserToken).values(expires_at=UserToken.expires_at - timedelta(minutes=30)))

    assert browser.get(link).status_code == 410
    assert browser.post(link, data={"password": NEW}).status_code == 410
    assert log_in(browser).status_code == 303


def test_a_weak_password_does_not_use_the_link_up(browser, mails, run_jobs):
    a_user()
    link = _ask(browser, mails, run_jobs)

    for weak in ("", "short", "password1", ADA):
        assert browser.post(link, data={"password": weak}).status_code == 422, weak

    assert browser.post(link, data={"password": NEW}).status_code == 303


def test_asking_answers_the_same_for_everybody(browser, mails, run_jobs):
    a_user()

    known, unknown = (browser.post("/auth/forgot", data={"email": email}) for email in (ADA, MALLORY))

    assert (known.status_code, known.headers["Location"], known.text) == (
        unknown.status_code,
        unknown.headers["Location"],
        unknown.text,
    )
    run_jobs()
    assert [letter["To"] for letter in mails()] == [ADA]


def test_links_are_built_from_the_settings_never_from_the_request(browser, mails, run_jobs):
    a_user()
    browser.post("/auth/forgot", data={"email": ADA}, headers={"Host": "evil.example"})
    run_jobs()

    [letter] = mails()

    assert "http://shop.test/auth/reset/" in letter.get_body(("plain",)).get_content()
    assert "evil.example" not in letter.as_string()


def test_a_reset_proves_an_address_too(browser, mails, run_jobs):
    a_user(is_verified=False)

    browser.post(_ask(browser, mails, run_jobs), data={"password": NEW})

    assert the_user().is_verified
    assert log_in(browser, password=NEW).status_code == 303


def test_the_letters_to_one_mailbox_have_an_end_and_strangers_cannot_use_them_up(browser, mails, run_jobs):
    a_user()
    for _ in range(8):
        browser.post("/auth/register", data={"name": "Mallory", "email": ADA, "password": NEW})
    browser.post("/auth/forgot", data={"email": ADA})
    run_jobs()

    subjects = [letter["Subject"] for letter in mails()]

    assert sum(subject.startswith("You already") for subject in subjects) == 5
    assert sum(subject.startswith("Choose a new") for subject in subjects) == 1


def test_changing_the_password_ends_every_other_session(browser, new_browser):
    a_user()
    phone = new_browser()
    log_in(phone)
    log_in(browser)
    before = browser.get_cookie("session", domain="localhost").value

    answer = _change(browser)

    assert answer.status_code == 303
    assert is_logged_in(browser)
    assert browser.get_cookie("session", domain="localhost").value != before
    assert not is_logged_in(phone)
    assert log_in(phone, password=NEW).status_code == 303


def test_changing_the_password_needs_the_old_one(browser):
    a_user()
    log_in(browser)

    for htmx_fields in ({"current": "a wrong guess"}, {"current": ""}, {"password": "password1"}):
        answer = _change(browser, **htmx_fields)

        assert answer.status_code == 422
        assert PASSWORD not in answer.text
        assert NEW not in answer.text
    assert log_in(browser).status_code == 303


def test_a_stolen_session_cannot_guess_the_password_forever(browser):
    a_user()
    log_in(browser)

    statuses = [_change(browser, current="a wrong guess").status_code for _ in range(6)]

    assert statuses == [422] * 5 + [429]


def test_a_login_that_began_with_the_old_password_does_not_outlive_it(browser, mails, run_jobs):
    """The session's row may be written just after the reset ended all rows: its version tells it is late."""
    user_id = a_user()
    log_in(browser)
    with transaction() as current:
        current.connection().exec_driver_sql(
            "UPDATE users SET session_version = session_version + 1 WHERE id = %s", (user_id,)
        )

    assert not is_logged_in(browser)


def test_what_changes_leaves_footprints(browser, mails, run_jobs):
    user_id = a_user()
    log_in(browser)
    services.change_name(user_id, "Ada Lovelace")
    _change(browser)
    browser.post(_ask(browser, mails, run_jobs), data={"password": "ten grey umbrellas"})

    events = db.session.scalars(select(UserEvent).order_by(UserEvent.id)).all()

    assert [event.kind for event in events] == ["renamed", "password changed", "password reset"]
    assert (events[0].was, events[0].now) == ({"name": "Ada"}, {"name": "Ada Lovelace"})
    assert {event.actor_id for event in events} == {user_id}
