"""Request ids and logs: one JSON line each, with nothing secret in it."""

import json
import logging
import random
import re
import sys
from datetime import UTC, datetime

from flask import Flask, Response, g, has_request_context, request

from app.lib import runtime

# Keys, tokens and card numbers that must never reach a log, whoever put them into a message.
SECRETS = re.compile(
    r"(sk|rk|pk)_(live|test)_\w+|whsec_\w+|Bearer\s+\S+|\b(?:\d[ -]?){13,19}\b"
    r"|(?<=\batt-[a-z2-7]{6})[a-z2-7]{20}\b"  # the return address of an attempt opens its order
    r"|(?<=\batt-[a-z2-7]{26}/)[\w.-]+"  # the address where a provider that signs nothing tells about an attempt
    r"|(?<=/auth/verify/)[\w.-]+|(?<=/auth/reset/)[\w.-]+|(?<=/auth/owner/)[\w.-]+|(?<=[?&]key=)[\w.-]+|postgresql\S*://\S+|rediss?://\S+",
)


GIVEN_ID = re.compile(r"[\w-]{8,64}")


def scrub(text: str) -> str:
    """The text without this shop's secrets or anything that looks like one, and on one line."""
    for secret in runtime.secrets():
        text = text.replace(secret, "[removed]")
    return SECRETS.sub("[removed]", text).replace("\r", "\\r").replace("\n", "\\n")


class Lines(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": scrub(record.getMessage()),
        }
        if has_request_context() and "request_id" in g:
            line["request"] = g.request_id
        if record.exc_info:
            line["traceback"] = scrub(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def start_logging(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("rq", "alembic", "werkzeug", "stripe", "fontTools", "fpdf"):
        logging.getLogger(chatty).setLevel("WARNING")


def request_id(given: str) -> str:
    """The name of a request: the one a proxy gave it, when it is a sensible one, else a new one."""
    return given if given and GIVEN_ID.fullmatch(given) else f"{random.getrandbits(96):024x}"


def init_app(app: Flask) -> None:
    @app.before_request
    def begin() -> None:
        g.request_id = request_id(request.headers.get("X-Request-Id", ""))

    @app.after_request
    def end(answer: Response) -> Response:
        answer.headers["X-Request-Id"] = g.get("request_id", "-")
        if answer.status_code >= 500:
            app.logger.error("%s %s answered %s", request.method, request.path, answer.status_code)
        return answer
