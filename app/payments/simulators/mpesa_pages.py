"""The pages of our M-Pesa: a phone with its prompt, and a desk with every push."""

import time
from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from app.payments.simulators.mpesa_phones import Push
from app.payments.simulators.pages import buttons, shell, table

TITLE = "M-Pesa (simulated)"

DEEDS = {
    "pay": "Enter the PIN",
    "wrong_pin": "Enter a wrong PIN",
    "cancel": "Cancel",
    "no_answer": "Do not answer",
    "low_balance": "Pay with too low a balance",
    "late": "Enter the PIN, and be told late",
}


def phone(root: str, push: Push, notice: str = "") -> str:
    """The screen of one phone; `root` is where this M-Pesa is mounted."""
    asked = push.asked
    alert = Markup('<p role="alert">{}</p>').format(notice) if notice else ""
    prompt = Markup("<p><strong>Pay KES {:,} to {} account no. {}?</strong></p>").format(
        asked["Amount"], asked["PartyB"], asked["AccountReference"]
    )
    end = Markup("<p>This request is over: {}.</p>").format(_state(push))
    body = Markup('<p>Phone {}</p>{}{}{}<p><a href="{}/">All phones</a></p>').format(
        push.phone,
        alert,
        prompt,
        buttons(f"{root}/phone/{push.name}", "do", DEEDS) if push.rings else end,
        root,
    )
    return shell(TITLE, body)


def desk(root: str, pushes: Iterable[Push]) -> str:
    """Every push with its buttons."""
    body = Markup('{}<p><a href="{}/_requests">Requests</a> <a href="{}/_deliveries">Callbacks sent</a></p>').format(
        table(("Phone", "For", "Amount", "State", ""), (_row(root, push) for push in pushes)), root, root
    )
    return shell(TITLE, body)


def problem(sentence: str) -> str:
    return shell(TITLE, Markup('<p role="alert">{}</p>').format(sentence))


def _row(root: str, push: Push) -> tuple[Any, ...]:
    after_all = {"pay_after_all": "Take the money after all"}
    paid = push.result is not None and push.result[0] == "0"
    return (
        Markup('<a href="{}/phone/{}">{}</a> {}').format(
            root, push.name, push.phone, time.strftime("%H:%M:%S", time.gmtime(push.at))
        ),
        push.asked["AccountReference"],
        f"KES {push.asked['Amount']:,}",
        _state(push),
        buttons(f"{root}/phone/{push.name}", "do", DEEDS if push.rings else {} if paid else after_all),
    )


def _state(push: Push) -> str:
    if push.rings:
        return "rings"
    if push.result is None:
        return "paid, and nobody was told yet"
    return f"{push.result[0]}, {push.result[1]}"
