"""Talking to a provider's server: how long it is waited for, and what cannot be believed of what it says."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.lib.money import Money
from app.payments.providers.base import Patience, ProviderUnavailable
from app.payments.providers.http import Caller
from app.payments.providers.mpesa import MpesaProvider
from app.payments.providers.stripe_objects import Unreadable, money
from tests.payments.ends import a_request

SHORT = Patience(connect=1.0, answer=0.4, retries=0)


class Talker:
    """A server that gives everybody the same bytes, a letter each `pause` seconds when there is one."""

    def __init__(self, answer: bytes, pause: float) -> None:
        self.answer, self.pause = answer, pause
        self.hung_up = threading.Event()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                guest, _ = self._door.accept()
            except OSError:
                return
            with guest:
                self._talk(guest)

    def _talk(self, guest: socket.socket) -> None:
        guest.recv(65536)
        pieces = [self.answer] if not self.pause else [bytes([letter]) for letter in self.answer]
        try:
            for piece in pieces:
                guest.sendall(piece)
                self.hung_up.wait(self.pause)
        except OSError:
            self.hung_up.set()

    def close(self) -> None:
        self._door.close()


@contextmanager
def talking(body: dict[str, object], *, head: bytes = b"", pause: float = 0.0) -> Iterator[Talker]:
    raw = json.dumps(body).encode()
    start = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n" % (len(raw), head)
    talker = Talker(start + raw, pause)
    yield talker
    talker.close()


@pytest.mark.parametrize("head", [b"", b"X-Long: " + b"a" * 200 + b"\r\n"], ids=["body", "head"])
def test_a_server_that_drips_is_waited_for_no_longer_than_any_other(head: bytes) -> None:
    with talking({"fine": "a" * 200}, head=head, pause=0.02) as talker:
        with pytest.raises(ProviderUnavailable) as silence:
            Caller("Somebody", talker.url, SHORT).ask("POST", "/pay", body={})

        assert silence.value.outcome_unknown
        assert talker.hung_up.wait(20)


def test_a_server_that_takes_its_time_within_the_limit_is_heard() -> None:
    with talking({"fine": True}, pause=0.001) as talker:
        assert Caller("Somebody", talker.url, SHORT).ask("POST", "/pay", body={}).body == {"fine": True}


@pytest.mark.parametrize("name", [None, "", "ws_CO\0", 7, "ws CO 1"])
def test_a_push_that_was_sent_under_a_name_nobody_can_read_may_have_rung(name: object) -> None:
    said = {"access_token": "token", "expires_in": "3599", "ResponseCode": "0", "CheckoutRequestID": name}
    with talking(said) as talker:
        provider = MpesaProvider("key", "secret", "174379", "passkey", api_base=talker.url, patience=SHORT)

        with pytest.raises(ProviderUnavailable) as silence:
            provider.start(a_request(amount=Money(40000, "KES"), phone="+254712345678", country="KE"))

        assert silence.value.outcome_unknown


def test_what_a_provider_says_can_be_written_down() -> None:
    with talking({"access_token": "token", "expires_in": "3599", "errorCode": "error\0Code"}) as talker:
        provider = MpesaProvider("key", "secret", "174379", "passkey", api_base=talker.url, patience=SHORT)

        with pytest.raises(ProviderUnavailable) as silence:
            provider.look_up("att-1", "ws_CO_1")

        assert str(silence.value).isprintable()
    assert str(ProviderUnavailable(f"{Money(40000, 'KES')} was asked\n for.")) == "KES 400.00 was asked for."


@pytest.mark.parametrize("number", [-1, 10**15, 10**30, True, "5", None])
def test_an_amount_that_is_none_is_not_understood(number: object) -> None:
    with pytest.raises(Unreadable):
        money(number, "usd")
