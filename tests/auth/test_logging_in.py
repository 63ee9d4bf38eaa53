"""In, out, and what a session is worth."""

import logging
import re
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import func, select, update

from app.auth import current, passwords, services
from app.auth.models import User
from app.lib.db import db, transaction
from app.lib.sessions import SessionRow

from .people import ADA, GRACE, MALLORY, PASSWORD, a_user, is_logged_in, link_in, log_in, the_user


def _cookie(browser) -> str:
    return browser.get_cookie("session", domain="localhost").value


def test_logging_out_ends_the_session_on_the_server(browser, new_browser):
    a_user()
    log_in(browser)
    copied = new_browser()
    copied.set_cookie("session", _cookie(browser))
    assert is_logged_in(copied)

    assert browser.post("/auth/logout").status_code == 303

    assert not is_logged_in(browser)
    assert not is_logged_in(copied)
    assert db.session.scalar(select(func.count()).select_from(SessionRow)) == 0


def test_logging_in_gives_the_session_another_name(browser, new_browser):
    """A cookie that Mallory planted before is worth nothing after."""
    a_user()
    a_user(MALLORY)
    log_in(browser, MALLORY)
    planted = _cookie(browser)

    log_in(browser)

    assert _cookie(browser) != planted
    other = new_browser()
    other.set_cookie("session", planted)
    assert not is_logged_in(other)


def test_private_pages_are_kept_nowhere(browser):
    a_user()
    pages = ["/auth/login", "/auth/register", "/auth/forgot", "/account"]
    log_in(browser)

    answers = [browser.get(page) for page in pages] + [browser.post("/auth/logout")]

    assert {answer.headers["Cache-Control"] for answer in answers} == {"private, no-store"}


def test_visitors_who_look_at_the_forms_get_no_cookie(browser):
    for page in ("/auth/login", "/auth/register", "/auth/forgot", "/auth/verify"):
        assert "Set-Cookie" not in browser.get(page).headers


def test_the_account_page_leads_through_the_login_and_back(browser):
    a_user()
    asked = browser.get("/account?tab=1")
    assert asked.headers["Location"] == "/auth/login?next=%2Faccount%3Ftab%3D1"

    page = browser.get(asked.headers["Location"])

    assert 'name="next" value="/account?tab=1"' in page.text
    assert log_in(browser, next="/account?tab=1").headers["Location"] == "/account?tab=1"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "http:evil.example",
        "evil.example",
    ],
)
def test_no_login_leads_to_another_site(browser, elsewhere):
    a_user()

    page = browser.get("/auth/login", query_string={"next": elsewhere})

    assert "evil.example" not in page.text
    assert log_in(browser, next=elsewhere).headers["Location"] == "/account"
    assert browser.get("/auth/login", query_string={"next": elsewhere}).headers["Location"] == "/account"


def test_htmx_is_sent_on_by_a_header(browser):
    a_user()
    fields = {"email": ADA, "password": PASSWORD, "next": "/cart"}

    answer = browser.post("/auth/login", data=fields, htmx=True)

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, "/cart")


def test_a_wrong_password_and_an_unknown_address_look_the_same(browser, new_browser):
    a_user()

    wrong = log_in(browser, ADA, "something else")
    unknown = log_in(new_browser(), MALLORY, "something else")

    assert wrong.status_code == unknown.status_code == 422
    assert wrong.text.replace(ADA, "") == unknown.text.replace(MALLORY, "")
    assert f'value="{ADA}"' in wrong.text
    assert "something else" not in wrong.text
    assert 'id="errs"' in wrong.text


def test_an_unknown_address_costs_one_comparison_too(monkeypatch):
    """The time of an answer is the time of its hash: both kinds compare exactly one."""
    a_user()
    compared = []
    verify = PasswordHasher.verify
    monkeypatch.setattr(PasswordHasher, "verify", lambda *args: compared.append(1) or verify(*args))

    for email in (ADA, MALLORY):
        with pytest.raises(services.WrongPassword):
            services.sign_in(email, "something else", "10.0.0.1")

    assert len(compared) == 2


def test_raised_parameters_reach_an_account_at_its_next_login(monkeypatch):
    a_user()
    stronger = PasswordHasher(time_cost=3, memory_cost=19 * 1024, parallelism=1)
    monkeypatch.setattr(passwords, "HASHER", stronger)

    services.sign_in(ADA, PASSWORD, "10.0.0.1")

    assert "t=3" in str(the_user().password_hash)
    assert services.sign_in(ADA, PASSWORD, "10.0.0.1").email == ADA


def test_the_cart_hears_who_signed_in(browser, app: Flask):
    user_id = a_user()
    heard = []

    def hear(_app, user):
        heard.append(user.id)

    with current.signed_in_signal.connected_to(hear):
        log_in(browser)

    assert heard == [user_id]


def test_a_request_of_somebody_signed_in_costs_one_statement_more(browser, queries):
    a_user()
    log_in(browser)
    browser.get("/account")

    with queries(at_most=3) as seen:
        assert browser.get("/account").status_code == 200

    assert sum("FROM users" in statement for statement in seen) == 1
    assert sum("sessions" in statement for statement in seen) == 1


def test_another_site_cannot_log_anybody_in_or_out(browser, new_browser):
    a_user()
    log_in(browser)
    fields = {"email": ADA, "password": PASSWORD}

    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none", "Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "junk"},
    ):
        assert browser.post("/auth/logout", headers=headers).status_code == 403
        assert new_browser().post("/auth/login", data=fields, headers=headers).status_code == 403
    assert is_logged_in(browser)


def test_account_forms_need_their_token(browser):
    a_user()
    log_in(browser)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("/account").text)

    without = browser.post("/account", data={"name": "Mallory"})
    with_one = browser.post("/account", data={"name": "Ada Lovelace", "csrf_token": token[1]})

    assert without.status_code == 422
    assert "open for too long" in without.text
    assert 'value="Mallory"' in without.text
    assert with_one.status_code == 303
    assert the_user().name == "Ada Lovelace"


@pytest.mark.parametrize("field", ["email", "password", "name", "next", "current"])
@pytest.mark.parametrize("junk", ["\x00", "a\x00b@example.com", "x" * 10_000, "\u202e", "🚲" * 300, "' OR 1=1 --"])
def test_whatever_is_typed_is_answered(browser, field, junk):
    fields = {"name": "Ada", "email": ADA, "password": PASSWORD} | {field: junk}

    for address in ("/auth/login", "/auth/register", "/auth/forgot", "/auth/verify", "/auth/claim"):
        assert browser.post(address, data=fields).status_code in (303, 422)


def test_odd_addresses_and_bodies_are_answered(browser):
    for path in ("/auth/verify/" + "x" * 3000, "/auth/reset/%00", "/auth/owner/%ff%fe", "/auth/verify/..%2f"):
        assert browser.get(path).status_code in (404, 410, 422)
    for address in ("/auth/login", "/auth/register", "/auth/forgot"):
        assert browser.post(address, json={"email": [{"a": 1}]}).status_code == 422
        assert browser.post(address, data={"email": [ADA, MALLORY]}).status_code in (303, 422)
        assert browser.post(address, data=b"\xff\xfe=\x80&email=%ff").status_code == 422


def test_no_log_tells_a_password_or_a_link(browser, mails, run_jobs, caplog):
    secret = "planted-secret-passphrase"
    with caplog.at_level(logging.DEBUG):
        browser.post("/auth/register", data={"name": "Ada", "email": ADA, "password": secret})
        run_jobs()
        link = link_in(mails(), "verify")
        browser.post(link)
        browser.post(link, headers={"Sec-Fetch-Site": "cross-site"})
        log_in(browser, password=secret)
        log_in(browser, password=secret + "!")
        browser.post("/auth/forgot", data={"email": ADA})
        run_jobs()
        reset = link_in(mails(), "reset")
        browser.post(reset, data={"password": secret + "2"})
        logs = "\n".join(map(_as_written, caplog.records))

    assert "signed in" in logs
    assert "Sign-in failed" in logs
    assert secret not in logs
    assert not re.search(r"argon2id\$", logs)
    for address in (link, reset):
        assert address.rsplit("/", 1)[1] not in logs


def _as_written(record: logging.LogRecord) -> str:
    from app.lib.telemetry import Lines

    return Lines().format(record)


def test_staff_are_logged_out_after_half_an_hour_of_nothing(browser):
    a_user(GRACE, role="staff")
    assert log_in(browser, GRACE).headers["Location"] == "/admin/"
    _age_sessions(seen=timedelta(minutes=29))
    assert is_logged_in(browser)

    _age_sessions(seen=timedelta(minutes=31))

    assert not is_logged_in(browser)
    assert db.session.scalar(select(func.count()).select_from(SessionRow)) == 0


def test_staff_are_logged_out_after_twelve_hours_of_work(browser):
    a_user(GRACE, role="owner")
    log_in(browser, GRACE)

    _age_sessions(begun=timedelta(hours=12, minutes=1))

    assert not is_logged_in(browser)


def test_shoppers_stay_logged_in_for_weeks(browser):
    a_user()
    log_in(browser)

    _age_sessions(seen=timedelta(days=20), begun=timedelta(days=60))

    assert is_logged_in(browser)


def test_another_role_ends_what_was_open_before(browser):
    user_id = a_user()
    log_in(browser)

    with transaction() as db_session:
        changes = {"role": "staff", "session_version": User.session_version + 1}
        db_session.execute(update(User).where(User.id == user_id).values(**changes))

    assert not is_logged_in(browser)


def test_staff_pages_are_for_staff(app, browser):
    from app.lib.errors import Forbidden

    guarded = current.staff_only(lambda: "the desk")
    with app.test_request_context("/admin/orders?page=2"):
        assert guarded().headers["Location"] == "/auth/login?next=%2Fadmin%2Forders%3Fpage%3D2"
    for role, may in (("shopper", False), ("staff", True), ("owner", True)):
        user_id = a_user(f"{role}@example.com", role=role)
        with app.test_request_context("/admin/orders"):
            current.begin(db.session.get(User, user_id))
            if may:
                assert guarded() == "the desk"
                continue
            with pytest.raises(Forbidden):
                guarded()


def _age_sessions(*, seen: timedelta = timedelta(), begun: timedelta = timedelta()) -> None:
    with transaction() as db_session:
        older = {"seen_at": SessionRow.seen_at - seen, "created_at": SessionRow.created_at - begun}
        db_session.execute(update(SessionRow).values(**older))
