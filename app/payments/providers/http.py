"""Asking a provider that speaks JSON: patient only so long, and every bad answer becomes one of our errors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from app.payments.providers.base import Patience, ProviderUnavailable

if TYPE_CHECKING:
    from requests import Response, Session

LARGEST = 8 * 1024 * 1024  # bytes of an answer; a list of a hundred payments is far smaller


@dataclass(frozen=True)
class Answer:
    """A provider's answer: `body` is the JSON document, always an object."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def is_fine(self) -> bool:
        return 200 <= self.status < 300


class Caller:
    """One provider's server. Connections are used again; redirects are not followed."""

    def __init__(self, title: str, base: str, patience: Patience) -> None:
        self._title = title
        self._base = base.rstrip("/")
        self._patience = patience

    def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        data: bytes | None = None,
        auth: tuple[str, str] | None = None,
    ) -> Answer:
        """The answer to one call, whatever its status but 429. Nothing is tried twice here.

        `params` go into the address, `body` is sent as JSON, `form` urlencoded, `data` as it is. Numbers with a
        point come back as text, never as floats. Raises ProviderUnavailable for silence, 429, and anything but a
        JSON object; its `outcome_unknown` is False only when the request certainly did nothing.
        """
        import requests

        try:
            response = self._session.request(
                method,
                self._base + path,
                headers=dict(headers or {}),
                params=params,
                json=body,
                data=data if form is None else form,
                auth=auth,
                timeout=(self._patience.connect, self._patience.answer),
                allow_redirects=False,
                stream=True,
            )
            raw = _limited(response)
        except requests.exceptions.ConnectTimeout:
            raise ProviderUnavailable(f"{self._title} cannot be reached.", outcome_unknown=False) from None
        except requests.exceptions.RequestException as error:
            unknown = not _never_connected(error)
            raise ProviderUnavailable(
                f"{self._title} does not answer ({type(error).__name__}).", outcome_unknown=unknown
            ) from None
        return self._read(response, raw)

    def _read(self, response: "Response", raw: bytes | None) -> Answer:
        status = response.status_code
        body = _object(raw)
        # A 5xx with data is handed on: M-Pesa says "still being processed" with a 500 and a code of its own.
        if body is None or status == 429:
            unknown = status >= 500 or status < 400
            raise ProviderUnavailable(f"{self._title} answered {status} without data.", outcome_unknown=unknown)
        return Answer(status, body, dict(response.headers))

    @cached_property
    def _session(self) -> "Session":
        from app.payments.providers import deadline  # slow to load, and most processes never talk to a provider

        session = deadline.session()
        session.headers["User-Agent"] = "Sokoni"
        return session


def _limited(response: "Response") -> bytes | None:
    with response:
        parts, size = [], 0
        for part in response.iter_content(65536):
            size += len(part)
            if size > LARGEST:
                return None
            parts.append(part)
    return b"".join(parts)


def _object(raw: bytes | None) -> Mapping[str, Any] | None:
    try:
        found = json.loads(raw or b"", parse_float=str)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _never_connected(error: Exception) -> bool:
    """Whether the request cannot have arrived: nobody listens there, or the name is not known."""
    import urllib3

    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(reason, urllib3.exceptions.NewConnectionError)
