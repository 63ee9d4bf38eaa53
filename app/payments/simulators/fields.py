"""Reading JSON and form fields as strict providers do: known names, right types, nothing left out.

A check is a function of a raw value; it answers the value or raises ValueError with what is wrong about it.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

Check = Callable[[Any], Any]


class Wrong(ValueError):
    """A field that is missing, unknown or not what it should be."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem


def checked(raw: Any, fields: Mapping[str, Check], required: Collection[str] = ()) -> dict[str, Any]:
    """The fields of an object, each by its check. Raises Wrong for the first that does not pass."""
    if not isinstance(raw, Mapping):
        raise Wrong("body", "must be an object")
    for name in raw:
        if name not in fields:
            raise Wrong(str(name), "is not known here")
    for name in required:
        if raw.get(name) in (None, ""):
            raise Wrong(name, "is required")
    return {name: _passed(name, value, fields[name]) for name, value in raw.items()}


def _passed(name: str, value: Any, check: Check) -> Any:
    try:
        return check(value)
    except ValueError as error:
        raise Wrong(name, str(error)) from None


def words(longest: int = 5000, like: str = r".*") -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str) or len(value) > longest or not re.fullmatch(like, value, re.DOTALL):
            raise ValueError(f"must be text of at most {longest} characters in the form {like}")
        return value

    return check


def whole(least: int, most: int = 10**12) -> Check:
    """A number, not the text of one."""

    def check(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return value

    return check


def digits(value: Any) -> int:
    """A number as it stands in an address."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,12}", value):
        raise ValueError("must be a whole number")
    return int(value)


def one_of(*choices: str) -> Check:
    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return str(value)

    return check


def web_address(value: Any) -> str:
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an absolute web address")
    return str(value)


def mail_address(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", value):
        raise ValueError("must be a valid email")
    return value


def thing(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    return value
