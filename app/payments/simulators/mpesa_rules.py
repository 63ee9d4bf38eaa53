"""What Daraja takes, and the errors it answers with."""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from app.payments.simulators.refusal import Refusal

MOST = 250_000  # shillings
OWN_NETWORK = ("127.0.0.1", "localhost")


class Refused(Refusal):
    """An error in Daraja's shape."""

    def __init__(self, code: str, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status or int(code[:3])
        self.body = {"requestId": "16813-1590513-1", "errorCode": code, "errorMessage": message}


Rule = Callable[[Any], bool]


def _digits(pattern: str) -> Rule:
    return lambda value: (
        isinstance(value, str | int) and not isinstance(value, bool) and bool(re.fullmatch(pattern, str(value)))
    )


def _text(longest: int) -> Rule:
    return lambda value: isinstance(value, str) and 1 <= len(value) <= longest


def _amount(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST


def _address(value: Any) -> bool:
    """Only https, but for shops that are no further away than this simulator."""
    parts = urlsplit(value if isinstance(value, str) else "")
    host = parts.hostname or ""
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and (host in OWN_NETWORK or host.endswith(".test")))
    )


WHO: dict[str, Rule] = {
    "BusinessShortCode": _digits(r"[0-9]{5,7}"),
    "Password": _text(500),
    "Timestamp": _digits(r"20[0-9]{12}"),
}
PUSH: dict[str, Rule] = WHO | {
    "TransactionType": lambda value: value in ("CustomerPayBillOnline", "CustomerBuyGoodsOnline"),
    "Amount": _amount,
    "PartyA": _digits(r"254[17][0-9]{8}"),
    "PartyB": _digits(r"[0-9]{5,7}"),
    "PhoneNumber": _digits(r"254[17][0-9]{8}"),
    "CallBackURL": _address,
    "AccountReference": _text(12),
    "TransactionDesc": _text(13),
}
QUERY: dict[str, Rule] = WHO | {"CheckoutRequestID": _text(100)}


def check(wanted: Mapping[str, Rule], params: Mapping[str, Any]) -> None:
    """Raises Refused for the first field that is missing, unknown or wrong."""
    for name in params:
        if name not in wanted:
            raise Refused("400.002.02", f"Bad Request - Unknown field {name}")
    for name, rule in wanted.items():
        if not rule(params.get(name)):
            raise Refused("400.002.02", f"Bad Request - Invalid {name}")


def check_password(params: Mapping[str, Any], shortcode: str, passkey: str) -> None:
    """Raises Refused unless the password is made of this shortcode, its passkey and the time beside it."""
    right = base64.b64encode(f"{shortcode}{passkey}{params['Timestamp']}".encode()).decode()
    if str(params["BusinessShortCode"]) != shortcode or params["Password"] != right:
        raise Refused("500.001.1001", "[STK_CB - ]Wrong credentials")
