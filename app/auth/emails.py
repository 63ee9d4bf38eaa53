"""E-mail addresses as the shop keeps them."""

from email_validator import EmailNotValidError, validate_email

from app.lib import runtime
from app.lib.errors import Invalid

LONGEST = 254


def normal_email(typed: str) -> str:
    """The address in lower case, its domain in ASCII, so that one mailbox is one account. Raises Invalid.

    A shop in development takes addresses of a local network too, such as ada@shop.test.
    """
    try:
        found = validate_email(
            typed.strip(),
            allow_smtputf8=False,
            check_deliverability=False,
            globally_deliverable=runtime.settings().is_production,
        )
    except (EmailNotValidError, UnicodeError):
        raise Invalid("Enter an email address such as ada@example.com.", field="email") from None
    return (found.ascii_email or found.normalized).lower()
