"""Mail: one letter for each key, in text and HTML, by SMTP or into a folder that /dev/mail shows."""

import smtplib
import ssl
import time
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import DateTime, func, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Mapped, mapped_column

from app.lib import runtime
from app.lib.db import Base, CreatedAt, transaction
from app.lib.tokens import digest

TIMEOUT = 15  # seconds
SLOW = 5  # seconds; a server that fails only after so long holds up everything else a worker has to do,
PAUSE = 60  # so for that many seconds it is left alone

_left_alone_until = 0.0


class ServerIsSilent(OSError):
    """The mail server kept us waiting for nothing a moment ago; the letter is tried again later."""


@dataclass(frozen=True)
class Attachment:
    """A PDF that goes with a letter."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Letter:
    """What is sent. `key` names it for good: the same key is delivered once."""

    key: str
    to: str
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...] = ()


class SentMail(Base):
    """The delivery log: one row for each letter, written when it was first tried."""

    __tablename__ = "sent_mails"

    key: Mapped[str] = mapped_column(primary_key=True)
    to: Mapped[str]
    subject: Mapped[str]
    created_at: Mapped[CreatedAt]
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    refused_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    error: Mapped[str | None]


def deliver(letter: Letter) -> str:
    """Send the letter unless that is done. Raises OSError or SMTPException when it should be tried again.

    Gives back an empty text, or what the mail server said when it refused the recipient for good (5xx): that
    is written down and not tried again.
    """
    if not _open_entry(letter):
        return ""
    try:
        _transport(letter)
    except smtplib.SMTPRecipientsRefused as refusal:
        code, answer = next(iter(refusal.recipients.values()))
        if code < 500:
            raise
        refused = f"{code} {answer.decode(errors='replace')}"[:300]
        _close_entry(letter, refused_at=func.now(), error=refused)
        return refused
    _close_entry(letter, sent_at=func.now(), error=None)
    return ""


def _open_entry(letter: Letter) -> bool:
    """Write the letter into the log; False when it has gone out, or never can."""
    entry = {"key": letter.key, "to": letter.to, "subject": letter.subject}
    with transaction() as current:
        current.execute(upsert(SentMail).values(**entry).on_conflict_do_nothing())
        row = current.get_one(SentMail, letter.key)
        return row.sent_at is None and row.refused_at is None


def _close_entry(letter: Letter, **values: object) -> None:
    with transaction() as current:
        current.execute(update(SentMail).where(SentMail.key == letter.key).values(**values))


def _transport(letter: Letter) -> None:
    url = runtime.settings().mail_url
    message = _message(letter)
    if not url:
        capture_folder().mkdir(parents=True, exist_ok=True)
        name = f"{digest(letter.key).hex()[:32]}.eml"
        (capture_folder() / name).write_bytes(message.as_bytes())
        return
    _send(url, message)


def _send(url: str, message: EmailMessage) -> None:
    """Hand the message over, unless the server was silent a moment ago: payments wait behind letters."""
    global _left_alone_until
    began = time.monotonic()
    if began < _left_alone_until:
        raise ServerIsSilent("The mail server did not answer a moment ago.")
    try:
        _converse(url, message)
    except OSError:  # as is every error of smtplib
        if time.monotonic() - began > SLOW:
            _left_alone_until = time.monotonic() + PAUSE
        raise


def _converse(url: str, message: EmailMessage) -> None:
    parts = urlsplit(url)
    with _connect(parts.scheme, parts.hostname or "localhost", parts.port) as server:
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.send_message(message)


def _connect(scheme: str, host: str, port: int | None) -> smtplib.SMTP:
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port or 465, timeout=TIMEOUT, context=ssl.create_default_context())
    server = smtplib.SMTP(host, port or 587, timeout=TIMEOUT)
    server.ehlo()
    if server.has_extn("starttls"):
        server.starttls(context=ssl.create_default_context())
    return server


def _message(letter: Letter) -> EmailMessage:
    settings = runtime.settings()
    sender = settings.mail_from
    message = EmailMessage()
    message["From"] = Address(one_line(settings.shop_name), addr_spec=sender)
    message["To"] = one_line(letter.to)
    message["Subject"] = one_line(letter.subject)
    message["Date"] = format_datetime(datetime.now().astimezone())
    # The same letter always has the same id, so a mailbox that got it twice shows it once.
    message["Message-ID"] = f"<{digest(letter.key).hex()[:40]}@{sender.rsplit('@', 1)[-1]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    for file in letter.attachments:
        message.add_attachment(file.content, maintype="application", subtype="pdf", filename=file.name)
    return message


def one_line(text: str) -> str:
    """A header has no line breaks: what a person typed must not start a header of its own."""
    return " ".join(text.split())


def capture_folder() -> Path:
    return runtime.settings().data_dir / "mail"


def captured() -> list[EmailMessage]:
    """The letters that were kept because there is no MAIL_URL, oldest first."""
    files = sorted(capture_folder().glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
    return [message_from_bytes(file.read_bytes(), policy=default) for file in files]
