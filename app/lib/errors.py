"""Errors that are sentences for the person who meets them."""

from typing import ClassVar


class ShopError(Exception):
    """Something a person may be told. `sentence` says what happened and what to do next."""

    status: ClassVar[int] = 422
    title: ClassVar[str] = "That did not work"

    def __init__(self, sentence: str):
        super().__init__(sentence)
        self.sentence = sentence

    def headers(self) -> dict[str, str]:
        return {}


class NotAllowed(ShopError):
    """The thing exists, but its state does not let this happen."""

    status = 409
    title = "Not possible now"


class NotFound(ShopError):
    status = 404
    title = "Nothing here"


class Gone(ShopError):
    """It was here and will not come back."""

    status = 410
    title = "No longer here"


class Forbidden(ShopError):
    status = 403
    title = "Not allowed"


class Invalid(ShopError):
    """What was typed cannot be used; `field` names the form field where the sentence belongs."""

    def __init__(self, sentence: str, field: str | None = None):
        super().__init__(sentence)
        self.field = field


class TooMany(ShopError):
    """Asked too often; `wait` is in seconds."""

    status = 429
    title = "Too many tries"

    def __init__(self, sentence: str, wait: int):
        super().__init__(sentence)
        self.wait = wait

    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.wait)}


class Busy(ShopError):
    status = 503
    title = "Very busy"

    def __init__(self, sentence: str = "The shop is very busy. Nothing was lost; try again in a few seconds."):
        super().__init__(sentence)

    def headers(self) -> dict[str, str]:
        return {"Retry-After": "3"}
