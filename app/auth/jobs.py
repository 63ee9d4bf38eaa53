"""The letters about accounts, and tidying up."""

from flask import render_template

from app.auth import queries, services
from app.lib import clock, mail, ratelimit, runtime, sessions
from app.lib.jobs import job
from app.lib.mail import Letter

clock.every(3600, "auth.tidy")


@job("auth.mail_verify")
def mail_verify(token_id: int) -> None:
    to = queries.recipient_of_link(token_id)
    if to:
        _send("verify", f"auth.verify:{token_id}", to, f"Confirm your email for {_shop()}")


@job("auth.mail_known")
def mail_known(user_id: int, letter: str) -> None:
    to = queries.recipient(user_id)
    if to:
        _send("known", f"auth.known:{letter}", to, f"You already have an account at {_shop()}")


@job("auth.mail_reset")
def mail_reset(token_id: int) -> None:
    to = queries.recipient_of_link(token_id)
    if to:
        _send("reset", f"auth.reset:{token_id}", to, f"Choose a new password for {_shop()}")


@job("auth.mail_password")
def mail_password(user_id: int, letter: str) -> None:
    to = queries.recipient(user_id)
    if to:
        _send("password", f"auth.password:{letter}", to, f"Your password at {_shop()} was changed")


@job("auth.tidy")
def tidy() -> None:
    sessions.forget_old()
    ratelimit.forget_old()
    services.forget_old_links()


def _send(template: str, key: str, to: queries.Recipient, subject: str) -> None:
    facts = {"to": to, "shop_url": runtime.settings().shop_url, "shop_name": _shop()}
    text = render_template(f"emails/auth/{template}.txt", **facts)
    html = render_template(f"emails/auth/{template}.html", **facts)
    mail.deliver(Letter(key=key, to=to.email, subject=subject, text=text, html=html))


def _shop() -> str:
    return runtime.settings().shop_name
