"""How often somebody may guess."""

import multiprocessing
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.auth import services, throttle
from app.lib import ratelimit
from app.lib.db import transaction
from app.lib.errors import TooMany
from app.lib.ratelimit import RateLimit

from .people import ADA, MALLORY, PASSWORD, a_user, link_in, log_in


def _pass(seconds: int) -> None:
    """As if so much time had gone by."""
    with transaction() as current:
        current.execute(update(RateLimit).values(ends_at=RateLimit.ends_at - timedelta(seconds=seconds)))


@pytest.fixture
def quick_hashes(monkeypatch):
    """Guesses are counted before their password is looked at, so these tests need not look."""
    monkeypatch.setattr(services.passwords, "is_right", lambda kept, password: bool(kept) and password == PASSWORD)


def test_the_sixth_guess_has_to_wait_and_so_has_the_right_password(browser, new_browser):
    a_user()
    for left in (4, 3, 2, 1):
        assert log_in(browser, password="wrong guess").status_code == 422, left
    fifth = log_in(browser, password="wrong guess")
    assert "paused for 1 minute" in fifth.text

    sixth = log_in(browser, password=PASSWORD)

    assert sixth.status_code == 429
    assert 0 < int(sixth.headers["Retry-After"]) <= 60
    assert "Wait" in sixth.text
    assert f'value="{ADA}"' in sixth.text
    assert log_in(new_browser(), password=PASSWORD).status_code == 429


def test_the_wait_grows_and_ends(browser, quick_hashes):
    a_user()
    for _ in range(5):
        log_in(browser, password="wrong")

    for wait in (60, 300, 900, 900):
        _pass(wait - 10)
        assert int(log_in(browser).headers["Retry-After"]) <= 10
        _pass(10)
        assert log_in(browser, password="wrong").status_code == 422
    _pass(900)

    assert log_in(browser).status_code == 303


def test_a_right_password_forgets_the_failures(browser, quick_hashes):
    a_user()

    for _ in range(5):
        for _ in range(4):
            log_in(browser, password="wrong")
        assert log_in(browser).status_code == 303
        _pass(600)


def test_failures_of_an_hour_ago_are_forgotten(browser, quick_hashes):
    a_user()
    for _ in range(5):
        log_in(browser, password="wrong")

    _pass(throttle.FORGET)

    assert [log_in(browser, password="wrong").status_code for _ in range(6)] == [422] * 5 + [429]


def test_other_accounts_are_not_held_up(browser, quick_hashes):
    a_user()
    a_user("charles@example.com")
    for _ in range(7):
        log_in(browser, password="wrong")

    assert log_in(browser, "charles@example.com").status_code == 303


def test_an_account_that_does_not_exist_is_held_up_just_the_same(browser, quick_hashes):
    statuses = [log_in(browser, MALLORY, "wrong").status_code for _ in range(6)]

    assert statuses == [422] * 5 + [429]


def test_one_address_cannot_try_many_accounts(browser, quick_hashes):
    a_user()
    statuses = [log_in(browser, f"guess{number}@example.com").status_code for number in range(21)]

    assert statuses == [422] * 20 + [429]
    assert log_in(browser).status_code == 429
    elsewhere = browser.post(
        "/auth/login", data={"email": ADA, "password": PASSWORD}, environ_base={"REMOTE_ADDR": "10.1.1.1"}
    )
    assert elsewhere.status_code == 303


def test_a_busy_house_that_knows_its_passwords_is_never_held_up(browser, quick_hashes):
    a_user()

    assert {log_in(browser).status_code for _ in range(25)} == {303}


@pytest.mark.pure
def test_a_house_is_one_address():
    assert ratelimit.network_of("2001:db8:1:2:3::4") == ratelimit.network_of("2001:db8:1:2:ffff::1")
    assert ratelimit.network_of("2001:db8:1:3::4") != ratelimit.network_of("2001:db8:1:2::4")
    assert ratelimit.network_of("::ffff:10.0.0.1") == "10.0.0.1"
    assert ratelimit.network_of("not an address") == "not an address"


def test_guesses_sent_at_once_are_all_counted(at_once, quick_hashes):
    a_user()

    def guess() -> str:
        try:
            services.sign_in(ADA, "wrong", "10.0.0.1")
        except Exception as error:
            return type(error).__name__
        return "in"

    outcomes = at_once(*[guess] * 12)

    assert sorted(outcomes) == ["TooMany"] * 7 + ["WrongPassword"] * 5


def test_every_process_counts_in_the_same_book(environ, browser):
    a_user()
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        pool.apply(_guess_elsewhere, (dict(environ),))

    assert log_in(browser).status_code == 429


def _guess_elsewhere(environ: dict[str, str]) -> None:
    from app import create_app

    with create_app(environ).app_context():
        for _ in range(throttle.FREE):
            with pytest.raises(services.WrongPassword):
                services.sign_in(ADA, "wrong", "10.9.9.9")


def test_the_owner_of_a_held_up_account_comes_in_by_mail(browser, mails, run_jobs):
    a_user()
    for _ in range(6):
        with pytest.raises((services.WrongPassword, TooMany)):
            services.sign_in(ADA, "wrong", "10.0.0.1")

    browser.post("/auth/forgot", data={"email": ADA})
    run_jobs()
    browser.post(link_in(mails(), "reset"), data={"password": "nine blue umbrellas"})

    assert log_in(browser, password="nine blue umbrellas").status_code == 303
