"""Letters reach a real mail server once, whole, and again when they did not; a silent server holds nobody up."""

import dataclasses
import smtplib
import socket
import time
from email import message_from_bytes
from email.policy import default

import pytest
from aiosmtpd.controller import Controller

from app.lib import mail, runtime
from app.lib.db import session
from app.lib.mail import Letter, SentMail, ServerIsSilent
from app.lib.private_store import free_port

LETTER = Letter("order-confirmation:7", "ada@example.com", "Your order S7", "Thank you, Ada.", "<p>Thank you, Ada.</p>")


class Server(Controller):
    def __init__(self):
        self.letters, self.answer_to_recipient = [], ""
        super().__init__(self, hostname="127.0.0.1", port=free_port())

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.answer_to_recipient:
            return self.answer_to_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.letters.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def use_server(app, monkeypatch):
    """Deliver to this port of loopback from now on."""
    before = runtime.settings()
    monkeypatch.setattr(mail, "_left_alone_until", 0.0)
    yield lambda port: runtime.use(dataclasses.replace(before, mail_url=f"smtp://127.0.0.1:{port}"))
    runtime.use(before)


@pytest.fixture
def server(use_server):
    server = Server()
    server.start()
    use_server(server.port)
    yield server
    server.stop()


@pytest.fixture
def silent_port():
    """Somebody who takes every call and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_letter_has_two_bodies_and_says_who_sends_it(server):
    mail.deliver(LETTER)

    (letter,) = server.letters
    assert (letter["To"], letter["Subject"]) == ("ada@example.com", "Your order S7")
    assert "shop@localhost" in letter["From"]
    assert letter.get_body(("plain",)).get_content().strip() == "Thank you, Ada."
    assert letter.get_body(("html",)).get_content().strip() == "<p>Thank you, Ada.</p>"


def test_the_same_letter_is_delivered_once(server):
    mail.deliver(LETTER)
    mail.deliver(LETTER)

    assert len(server.letters) == 1


def test_a_letter_sent_again_after_a_crash_has_the_same_id(server):
    mail.deliver(LETTER)
    session().query(SentMail).update({"sent_at": None})
    session().commit()

    mail.deliver(LETTER)

    first, second = server.letters
    assert first["Message-ID"] == second["Message-ID"]


def test_what_a_shopper_typed_starts_no_header_of_its_own(server):
    mail.deliver(dataclasses.replace(LETTER, subject="Hello\r\nBcc: mallory@example.com"))

    (letter,) = server.letters
    assert letter["Bcc"] is None
    assert letter["Subject"] == "Hello Bcc: mallory@example.com"


def test_a_recipient_refused_for_good_is_written_down_and_not_tried_again(server):
    server.answer_to_recipient = "550 No such user"

    assert mail.deliver(LETTER).startswith("550")

    server.answer_to_recipient = ""
    mail.deliver(LETTER)
    assert not server.letters
    assert session().query(SentMail).one().refused_at is not None


def test_a_recipient_refused_for_now_is_tried_again(server):
    server.answer_to_recipient = "451 Greylisted"
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        mail.deliver(LETTER)

    server.answer_to_recipient = ""
    mail.deliver(LETTER)

    assert len(server.letters) == 1


def test_a_server_that_is_not_there_is_tried_again_at_once(use_server, server):
    use_server(free_port())
    with pytest.raises(ConnectionRefusedError):
        mail.deliver(LETTER)

    use_server(server.port)
    mail.deliver(LETTER)

    assert len(server.letters) == 1


def test_a_silent_server_is_left_alone_so_that_other_work_goes_on(use_server, silent_port, server, monkeypatch):
    monkeypatch.setattr(mail, "TIMEOUT", 0.3)
    monkeypatch.setattr(mail, "SLOW", 0.2)
    use_server(silent_port)
    with pytest.raises(OSError, match="timed out"):
        mail.deliver(LETTER)

    asked_at = time.monotonic()
    with pytest.raises(ServerIsSilent):
        mail.deliver(LETTER)

    assert time.monotonic() - asked_at < 0.2
    use_server(server.port)
    monkeypatch.setattr(mail, "_left_alone_until", time.monotonic() - 1)
    mail.deliver(LETTER)
    assert len(server.letters) == 1
