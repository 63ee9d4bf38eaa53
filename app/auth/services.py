"""What people do about their accounts: register, prove an address, sign in, change a password, own the shop.

Nothing here tells a stranger whether an address has an account: the same answer, in about the same time.
"""

import logging
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from app.auth import links, passwords, throttle
from app.auth.emails import normal_email
from app.auth.links import DeadLink
from app.auth.models import User, UserEvent
from app.lib import outbox, ratelimit, sessions
from app.lib.db import retrying, transaction
from app.lib.errors import Forbidden, Invalid, NotAllowed, TooMany
from app.lib.ratelimit import Limit, in_words
from app.lib.tokens import random_key

log = logging.getLogger(__name__)

LONGEST_NAME = 100
LETTERS = Limit("account-letters", 5, 3600)  # of one kind to one mailbox: nobody is flooded through us
ASKED = Limit("account-asks", 60, 600)  # of one network address: registering and asking for letters


class WrongPassword(Invalid):
    """The e-mail and the password do not belong together, or there is no such account."""

    def __init__(self, tried: throttle.Try):
        super().__init__(" ".join(["That email and password do not match.", _warning(tried)]).strip())


class Unverified(Forbidden):
    """The password was right, but nobody has proved the address yet."""

    def __init__(self, email: str):
        super().__init__("Confirm your email first: open the link in the letter we sent you.")
        self.email = email


def register(email: str, name: str, password: str, *, address: str = "") -> None:
    """Begin an account; a letter says how it goes on, also to one who has one. Raises Invalid, TooMany."""
    email = normal_email(email)
    name = checked_name(name)
    passwords.refuse_weak(password, email)
    _limit_asking(address)
    kept = passwords.hashed(password)
    if _may_write("register", email):
        _register(email, name, kept)


@retrying
def _register(email: str, name: str, kept: str) -> None:
    with transaction() as current:
        added = current.scalar(
            upsert(User)
            .values(email=email, name=name, password_hash=kept)
            .on_conflict_do_nothing(index_elements=[User.email])
            .returning(User.id)
        )
        user = _by_email(current, email)
        if user is None:
            raise RuntimeError("A user that was just written is not there.")
        if user.is_verified:
            outbox.send("auth.mail_known", user_id=user.id, letter=random_key())
            return
        if added:
            _write(current, user, "registered", now={"role": user.role})
        # Two people may name one mailbox. Each link stands for its own name and password, so
        # whoever reads the mailbox decides; a sign-in before that is compared with the latest.
        user.name, user.password_hash = name, kept
        _send_verify(current, user)


def resend(email: str, *, address: str = "") -> None:
    """Another verify link, if an account waits for one. Raises Invalid, TooMany."""
    email = normal_email(email)
    _limit_asking(address)
    if not _may_write("verify", email):
        return
    with transaction() as current:
        user = _by_email(current, email)
        if user and not user.is_verified:
            _send_verify(current, user)


@retrying
def verify(token: str) -> User:
    """The address is proved. Raises DeadLink when the link was used or is older than 24 hours."""
    with transaction() as current:
        link, user = links.take(current, token, "verify")
        if user is None or link.password_hash is None:
            raise DeadLink
        user.name, user.password_hash = link.name or user.name, link.password_hash
        _prove(current, user)
        log.info("User %s verified their address", user.public_id)
    return user


def sign_in(email: str, password: str, address: str) -> User:
    """Who this is. Raises Invalid, WrongPassword, Unverified, and TooMany while account or address must wait.

    `address` is the client's network address. A try is counted first, so guesses sent at once all count.
    """
    email = normal_email(email)
    try:
        tried = throttle.count_try(email, address)
    except TooMany:
        log.warning("Sign-in refused: too many tries from %s", address)
        raise
    with transaction() as current:
        row = current.execute(select(User.id, User.password_hash).where(User.email == email)).one_or_none()
    kept = row.password_hash if row else None
    if not passwords.is_right(kept, password) or row is None or kept is None:
        log.warning("Sign-in failed from %s", address)
        raise WrongPassword(tried)
    throttle.succeeded(email, address)
    return _admit(row.id, kept, password, tried)


def _admit(user_id: int, kept: str, password: str, tried: throttle.Try) -> User:
    fresh = passwords.hashed(password) if passwords.is_dated(kept) else kept
    with transaction() as current:
        user = links.locked(current, user_id)
        if user.password_hash != kept:  # changed while the old one was being compared
            raise WrongPassword(tried)
        if not user.is_verified:
            raise Unverified(user.email)
        user.password_hash = fresh
        log.info("User %s signed in", user.public_id)
    return user


def ask_reset(email: str, *, address: str = "") -> None:
    """Mail a link for a new password, if there is such an account. Raises Invalid, TooMany."""
    email = normal_email(email)
    _limit_asking(address)
    if not _may_write("reset", email):
        return
    with transaction() as current:
        user = _by_email(current, email)
        if user:
            link = links.make(current, "reset", user_id=user.id)
            outbox.send("auth.mail_reset", token_id=link.id)


def reset(token: str, password: str) -> User:
    """A new password by a mailed link, which proves the address too; every session ends.

    Raises DeadLink when the link was used or is older than 30 minutes, Invalid for a weak password.
    """
    passwords.refuse_weak(password, check_link(token, "reset") or "")
    user = _reset(token, passwords.hashed(password))
    throttle.forgive(user.email)
    return user


@retrying
def _reset(token: str, kept: str) -> User:
    with transaction() as current:
        _, user = links.take(current, token, "reset")
        if user is None:
            raise DeadLink
        _set_password(current, user, kept, "password reset")
        log.info("User %s set a new password by link", user.public_id)
        if not user.is_verified:
            _prove(current, user)
    return user


def change_password(user_id: int, old: str, new: str) -> User:
    """Another password for somebody signed in; every session ends, so the view begins theirs anew.

    Raises Invalid (field "current" or "password") and TooMany.
    """
    with transaction() as current:
        user = current.get_one(User, user_id)
        email, kept = user.email, user.password_hash
    throttle.count_try_on(email)
    if not passwords.is_right(kept, old):
        raise Invalid("That is not your password.", field="current")
    throttle.forgive(email)
    passwords.refuse_weak(new, email)
    fresh = passwords.hashed(new)
    with transaction() as current:
        user = links.locked(current, user_id)
        if user.password_hash != kept:
            raise Invalid("That is not your password.", field="current")
        _set_password(current, user, fresh, "password changed", actor_id=user_id)
        log.info("User %s changed their password", user.public_id)
    return user


def change_name(user_id: int, name: str) -> User:
    """What the shop calls them. Raises Invalid."""
    name = checked_name(name)
    with transaction() as current:
        user = links.locked(current, user_id)
        if user.name != name:
            _write(current, user, "renamed", was={"name": user.name}, now={"name": name}, actor_id=user_id)
            user.name = name
    return user


def owner_link(email: str | None = None) -> str:
    """The address of a page that makes an owner: single use, 24 hours; earlier ones for the same person end.

    Without an e-mail it is for the first owner only. Raises NotAllowed when the shop has one, Invalid.
    """
    email = normal_email(email) if email else None
    with transaction() as current:
        _one_owner_at_a_time(current)
        if email is None and has_owner(current):
            raise NotAllowed("This shop has an owner. Name the email of the next one.")
        current.execute(
            text("""
                UPDATE user_tokens SET used_at = now()
                WHERE purpose = 'owner' AND used_at IS NULL AND email IS NOT DISTINCT FROM :email
            """),
            {"email": email},
        )
        return links.url_of(links.make(current, "owner", email=email))


def claim_owner(token: str, name: str, email: str, password: str) -> User:
    """The bearer of an owner link is an owner from now on, with this password. Raises DeadLink, Invalid.

    When the link names an e-mail, that one counts and not what was typed.
    """
    email = normal_email(check_link(token, "owner") or email)
    name = checked_name(name)
    passwords.refuse_weak(password, email)
    user = _claim_owner(token, name, email, passwords.hashed(password))
    throttle.forgive(email)
    return user


@retrying
def _claim_owner(token: str, name: str, email: str, kept: str) -> User:
    with transaction() as current:
        _one_owner_at_a_time(current)
        link, _ = links.take(current, token, "owner")
        if link.email is None and has_owner(current):
            raise DeadLink
        current.execute(upsert(User).values(email=email, name=name).on_conflict_do_nothing(index_elements=[User.email]))
        user = _by_email(current, email)
        if user is None:
            raise RuntimeError("A user that was just written is not there.")
        _write(current, user, "role", was={"role": user.role}, now={"role": "owner"})
        user.name, user.role = name, "owner"
        user.email_verified_at = user.email_verified_at or func.now()
        _set_password(current, user, kept, "password set", tell=False)
        log.warning("User %s became an owner by link", user.public_id)
    return user


def check_link(token: str, purpose: str) -> str | None:
    """The e-mail a link is for (None: an owner link for anybody). Raises DeadLink."""
    with transaction() as current:
        link = links.find(current, token, purpose)
        if link.user_id is None:
            return link.email
        return current.get_one(User, link.user_id).email


def has_owner(current: Session) -> bool:
    return current.scalar(select(User.id).where(User.role == "owner").limit(1)) is not None


def forget_old_links() -> None:
    """Drop links a week after they ended."""
    with transaction() as current:
        current.execute(text("DELETE FROM user_tokens WHERE expires_at < now() - interval '7 days'"))


def checked_name(typed: str) -> str:
    """A name on one line. Raises Invalid."""
    name = " ".join(typed.split())
    if not name:
        raise Invalid("Enter your name.", field="name")
    if len(name) > LONGEST_NAME:
        raise Invalid(f"Use at most {LONGEST_NAME} characters.", field="name")
    return name


def _send_verify(current: Session, user: User) -> None:
    link = links.make(current, "verify", user_id=user.id, name=user.name, password_hash=user.password_hash)
    outbox.send("auth.mail_verify", token_id=link.id)


def _prove(current: Session, user: User) -> None:
    user.email_verified_at = func.now()
    links.end(current, user.id, "verify")
    _write(current, user, "verified", actor_id=user.id)
    outbox.send("orders.claim", key=f"orders.claim:{user.id}", user_id=user.id)


def _set_password(
    current: Session, user: User, kept: str, kind: str, *, actor_id: int | None = None, tell: bool = True
) -> None:
    user.password_hash = kept
    user.session_version += 1
    links.end(current, user.id, "reset", "verify")
    sessions.end_all(user.id)
    _write(current, user, kind, actor_id=actor_id or user.id)
    if tell:
        outbox.send("auth.mail_password", user_id=user.id, letter=random_key())


def _write(
    current: Session,
    user: User,
    kind: str,
    *,
    was: dict[str, Any] | None = None,
    now: dict[str, Any] | None = None,
    actor_id: int | None = None,
) -> None:
    current.add(UserEvent(user_id=user.id, actor_id=actor_id, kind=kind, was=was or {}, now=now or {}))


def _by_email(current: Session, email: str) -> User | None:
    return current.scalars(select(User).where(User.email == email).with_for_update()).one_or_none()


def _one_owner_at_a_time(current: Session) -> None:
    current.execute(text("SELECT pg_advisory_xact_lock(hashtext('owner'))"))


def _limit_asking(address: str) -> None:
    if address:
        ratelimit.hit(ASKED, ratelimit.network_of(address))


def _may_write(kind: str, email: str) -> bool:
    """Silent when it says no: a refusal would tell that letters go to this address.

    Each kind counts alone, so a stranger who registers somebody's address cannot use up their reset letters.
    """
    try:
        ratelimit.hit(LETTERS, f"{kind}:{email}")
    except TooMany:
        log.warning("A mailbox had %s account letters within the hour; this one is not sent", LETTERS.most)
        return False
    return True


def _warning(tried: throttle.Try) -> str:
    if tried.wait:
        return f"Log in is paused for {in_words(tried.wait)}."
    if tried.left > 2:
        return ""
    return f"{tried.left} {'try' if tried.left == 1 else 'tries'} left before a pause."
