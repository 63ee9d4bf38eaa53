"""The cast and their accounts: Ada shops, Grace is staff, Mallory tries what she should not."""

import functools
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.message import EmailMessage

from flask.testing import FlaskClient

from app.auth import passwords
from app.auth.models import User
from app.lib.db import transaction

PASSWORD = "seven green umbrellas"
ADA = "ada@example.com"
GRACE = "grace@example.com"
MALLORY = "mallory@example.com"


@functools.cache
def kept(password: str = PASSWORD) -> str:
    """Hashed once for the whole run."""
    return passwords.hashed(password)


def a_user(email: str = ADA, *, name: str = "Ada", role: str = "shopper", is_verified: bool = True) -> int:
    """An account with PASSWORD; gives back its row's id."""
    with transaction() as current:
        user = User(email=email, name=name, role=role, password_hash=kept())
        user.email_verified_at = datetime.now(UTC) if is_verified else None
        current.add(user)
        current.flush()
        return user.id


def the_user(email: str = ADA) -> User:
    with transaction() as current:
        user = current.query(User).filter_by(email=email).one()
        current.expunge(user)
    return user


def log_in(browser: FlaskClient, email: str = ADA, password: str = PASSWORD, **fields: str):
    return browser.post("/auth/login", data={"email": email, "password": password, **fields})


def is_logged_in(browser: FlaskClient) -> bool:
    return browser.get("/account").status_code == 200


def words(letter: EmailMessage) -> str:
    return letter.get_body(("plain",)).get_content()


def link_in(letters: Iterable[EmailMessage], kind: str) -> str:
    """The path of the newest mailed link of the kind, such as /auth/verify/…"""
    found = [path for letter in letters for path in re.findall(rf"/auth/{kind}/[\w-]+", words(letter))]
    assert found, f"No letter holds a link to /auth/{kind}/."
    return found[-1]
