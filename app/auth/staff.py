"""Who works here: owners name their staff, and staff prove that it is still them."""

import logging
import uuid

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from app.auth import links, passwords, throttle
from app.auth.emails import normal_email
from app.auth.models import User, UserEvent
from app.lib import sessions
from app.lib.db import retrying, session, transaction
from app.lib.errors import Forbidden, Invalid, NotAllowed, NotFound

log = logging.getLogger(__name__)

MOST = 200  # members on one page


def members() -> list[User]:
    """Everybody who works here, owners first."""
    rank = case((User.role == "owner", 0), else_=1)
    return list(
        session().scalars(select(User).where(User.role.in_(("owner", "staff"))).order_by(rank, User.id).limit(MOST))
    )


def confirm_password(user_id: int, password: str) -> None:
    """Before money or rights move: is it still the same person? Raises Invalid (field "password"), TooMany."""
    with transaction() as current:
        user = current.get_one(User, user_id)
        email, kept, public_id = user.email, user.password_hash, user.public_id
    throttle.count_try_on(email)
    if not passwords.is_right(kept, password):
        log.warning("User %s gave a wrong password where it was asked for again", public_id)
        raise Invalid("That is not your password.", field="password")
    throttle.forgive(email)


@retrying
def add_member(email: str, actor_id: int) -> User:
    """Make the verified account with this address staff. Raises Invalid (field "email"), Forbidden, NotAllowed."""
    email = normal_email(email)
    with transaction() as current:
        public_id = current.scalar(
            select(User.public_id).where(User.email == email, User.email_verified_at.is_not(None))
        )
        if public_id is None:
            raise Invalid(
                "No account has confirmed this address. Ask them to register and confirm it first.", field="email"
            )
        return set_role(public_id, "staff", actor_id)


@retrying
def set_role(public_id: uuid.UUID, role: str, actor_id: int) -> User:
    """Make somebody staff, or a shopper again; their sessions end, so the new rights count at once.

    Asked again it changes nothing. Raises Forbidden unless the actor is an owner, NotFound, Invalid for
    another role, and NotAllowed for an owner: ownership is given by link only.
    """
    if role not in ("staff", "shopper"):
        raise Invalid("Choose staff or shopper.", field="role")
    with transaction() as current:
        _refuse_unless_owner(current, actor_id)
        user_id = current.scalar(select(User.id).where(User.public_id == public_id))
        if user_id is None:
            raise NotFound("There is no such account.")
        user = links.locked(current, user_id)
        if user.role == "owner":
            raise NotAllowed(f"{user.name} is an owner. Owners are made by a link from the command line.")
        if not user.is_verified:
            raise NotAllowed(f"{user.name} has not confirmed their address yet.")
        if user.role != role:
            _change(current, user, role, actor_id)
    return user


def _refuse_unless_owner(current: Session, actor_id: int) -> None:
    """Asked under a lock, so that somebody who is losing the role at this moment cannot use it."""
    if links.locked(current, actor_id).role != "owner":
        raise Forbidden("Only an owner of the shop may say who works here.")


def _change(current: Session, user: User, role: str, actor_id: int) -> None:
    current.add(UserEvent(user_id=user.id, actor_id=actor_id, kind="role", was={"role": user.role}, now={"role": role}))
    user.role = role
    user.session_version += 1
    sessions.end_all(user.id)
    log.warning("User %s is %s from now on", user.public_id, role)
