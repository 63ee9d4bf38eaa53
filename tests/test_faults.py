"""A fault of ours is a calm page, whenever in the request it comes."""

from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from app.lib.db import session
from app.lib.sessions import RowSessions
from tests.admin.desk import at_desk
from tests.factories import PASSWORD, a_user


def lose_the_database(*_args: Any, **_more: Any) -> None:
    raise OperationalError("SELECT 1", {}, Exception("server closed the connection unexpectedly"))


@pytest.mark.parametrize("htmx", [False, True])
def test_a_database_lost_while_the_session_is_written_is_503(
    browser: Any, monkeypatch: pytest.MonkeyPatch, htmx: bool
) -> None:
    a_user()
    session().rollback()
    monkeypatch.setattr(RowSessions, "_write", lose_the_database)

    answer = browser.post("/auth/login", data={"email": "ada@example.com", "password": PASSWORD}, htmx=htmx)

    assert answer.status_code == 503
    assert "Nothing was lost" in answer.text and answer.headers["Retry-After"]
    assert not any(cookie.startswith("session=") for cookie in answer.headers.getlist("Set-Cookie"))


def test_the_desk_says_503_too_while_nobody_knows_who_is_there(browser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    at_desk(browser)
    session().rollback()
    monkeypatch.setattr(RowSessions, "_found", lose_the_database)

    answer = browser.get("/admin/orders")

    assert answer.status_code == 503
    assert "Nothing was lost" in answer.text
