"""A provider's message as staff may read it: laid out, without what is nobody's business."""

import json
import re
from typing import Any

LONGEST = 32_768  # characters shown
MASK = "•••"
# Names of fields about a person, an account or a key, in whatever way a provider spells them.
PRIVATE = re.compile(
    r"^name$|(^|_)(e?mail|phone|telephone|mobile|msisdn|partya|phonenumber|first_?name|last_?name|full_?name|given_?name"
    r"|surname|payer_?name|account_?name|address|line[12]|street|city|post(al_?)?code|zip|ip(_?address)?|birth_?date"
    r"|last_?4|bin|fingerprint|iban|card_?number|account_?number|client_secret|authorization(_code)?|signature|token"
    r"|secret|password|passkey|credential)($|_)"
)
IN_TEXT = re.compile(r"[\w.+-]+@[\w.-]+\w|\+?\d[\d -]{7,}\d")


def readable(body: bytes) -> str:
    """The message for people: JSON is indented, private values are masked, and what is too long is cut."""
    try:
        shown = json.dumps(_masked(json.loads(body)), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        shown = IN_TEXT.sub(MASK, body.decode("utf-8", "replace"))
    shown = "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in shown[: LONGEST + 1])
    return shown if len(shown) <= LONGEST else shown[:LONGEST] + "\n…"


def _masked(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        if set(value) == {"Name", "Value"}:  # how M-Pesa tells its values
            return {"Name": value["Name"], "Value": _masked(value["Value"], str(value["Name"]))}
        return {key: _masked(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, name) for inner in value]
    return MASK if value not in (None, "") and PRIVATE.search(_snake(name)) else value


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()
