"""Reading parameters as Stripe does: nested form fields into typed values, or a refusal that names one.

A check is a function of a raw value and its full name; it answers the typed value or raises Refused.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from app.payments.simulators.refusal import Refusal

Check = Callable[[Any, str], Any]


class Refused(Refusal):
    """An error in Stripe's shape."""

    def __init__(
        self,
        message: str,
        *,
        param: str = "",
        code: str = "",
        status: int = 400,
        type: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        fields = {"code": code, "message": message, "param": param, "type": type}
        self.body = {"error": {key: value for key, value in fields.items() if value}}


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """`a[b][0][c]=x` as {"a": {"b": [{"c": "x"}]}}. Raises Refused for names that contradict each other."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        steps = [name.partition("[")[0], *re.findall(r"\[([^\[\]]*)\]", name)]
        here = tree
        for step in steps[:-1]:
            here = here.setdefault(step, {})
            if not isinstance(here, dict):
                raise Refused(f"Invalid hash: {name}", param=name)
        last = steps[-1] or str(len(here))
        if last in here:
            raise Refused(f"Parameter given twice: {name}", param=name)
        here[last] = value
    return {name: _lists(value) for name, value in tree.items()}


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if all(key.isdigit() for key in value):
        return [_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _lists(inner) for key, inner in value.items()}


def thing(_required: tuple[str, ...] = (), /, **fields: Check) -> Check:
    """An object with these fields and no others."""

    def check(value: Any, name: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Refused("Invalid object", param=name)
        for key in value:
            if key not in fields:
                full = _inside(name, key)
                raise Refused(f"Received unknown parameter: {full}", param=full, code="parameter_unknown")
        for key in _required:
            if key not in value:
                full = _inside(name, key)
                raise Refused(f"Missing required param: {full}.", param=full, code="parameter_missing")
        return {key: fields[key](inner, _inside(name, key)) for key, inner in value.items()}

    return check


def many(of: Check, most: int = 100) -> Check:
    def check(value: Any, name: str) -> list[Any]:
        if not isinstance(value, list):
            raise Refused("Invalid array", param=name)
        if len(value) > most:
            raise Refused(f"Array {name} exceeded maximum {most} allowed elements.", param=name)
        return [of(inner, f"{name}[{index}]") for index, inner in enumerate(value)]

    return check


def text(most: int = 5000) -> Check:
    def check(value: Any, name: str) -> str:
        if not isinstance(value, str):
            raise Refused("Invalid string", param=name)
        if not value:
            raise Refused(f"You passed an empty string for '{name}'.", param=name, code="parameter_invalid_empty")
        if len(value) > most:
            raise Refused(f"Invalid string: must be at most {most} characters", param=name)
        return value

    return check


def whole(least: int = 0, most: int = 2**53) -> Check:
    def check(value: Any, name: str) -> int:
        if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,16}", value):
            raise Refused(f"Invalid integer: {value}", param=name, code="parameter_invalid_integer")
        number = int(value)
        if number < least:
            raise Refused(f"This value must be greater than or equal to {least}.", param=name)
        if number > most:
            raise Refused(f"This value must be less than or equal to {most}.", param=name)
        return number

    return check


def choice(*words: str) -> Check:
    def check(value: Any, name: str) -> str:
        if value not in words:
            raise Refused(f"Invalid {name}: must be one of {', '.join(words)}", param=name)
        return str(value)

    return check


def address(value: Any, name: str) -> str:
    """An absolute web address."""
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refused("Not a valid URL", param=name, code="url_invalid")
    return str(value)


def mail_address(value: Any, name: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", value):
        raise Refused(f"Invalid email address: {value}", param=name, code="email_invalid")
    return value


def metadata(value: Any, name: str) -> dict[str, str]:
    """Up to 50 keys of 40 characters with values of 500."""
    if not isinstance(value, dict) or len(value) > 50:
        raise Refused("Metadata must be a hash of at most 50 keys.", param=name)
    for key, inner in value.items():
        if not isinstance(inner, str) or len(key) > 40 or len(inner) > 500:
            raise Refused("Metadata keys have at most 40 characters, values 500.", param=f"{name}[{key}]")
    return value


def _inside(name: str, key: str) -> str:
    return f"{name}[{key}]" if name else key
