"""What staff type to give a part of an order back: a row for each line, and the amounts below."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, Length

from app.admin.order_forms import LONGEST_PASSWORD
from app.auth.forms import Form
from app.lib.errors import Invalid, ShopError
from app.lib.money import Money
from app.orders.models import OrderLine
from app.payments.credit_plan import Left, LineLeft, LineWish, Wishes

LONGEST_AMOUNT = Length(max=20, message="An amount is shorter than that.")


@dataclass
class Row:
    """One line of the order with what was typed beside it. `away` units can go back on the shelf."""

    line: OrderLine
    left: LineLeft
    away: int
    typed: str = "0"
    restock: bool = False
    errors: list[str] = field(default_factory=list)

    @property
    def units(self) -> int:
        """The number typed, for the stepper; 0 for anything that is none."""
        return int(self.typed) if re.fullmatch(r"[0-9]{1,6}", self.typed) else 0


class GiveBackForm(Form):
    """`units-<line>` and `shelf-<line>` come with it.

    `seen` is the total the page showed: nothing else is agreed to. `key` makes a second click harmless.
    """

    shipping = StringField("Delivery", [LONGEST_AMOUNT])
    other = StringField("Another amount", [LONGEST_AMOUNT])
    reason = StringField("Reason", [Length(max=200, message="Use at most 200 characters.")])
    password = PasswordField("Your password", [DataRequired("Enter your password."), LONGEST_PASSWORD])
    key = HiddenField(validators=[Length(max=100)])
    seen = HiddenField()

    rows: list[Row]
    left: Left

    def take_lines(
        self, lines: list[OrderLine], left: Left, away: Mapping[int, int], typed: Mapping[str, str], *, all_of_it: bool
    ) -> None:
        """Lay what was typed beside the order's lines, or everything that is left of them."""
        self.left = left
        each = {line.id: line for line in left.lines}
        self.rows = [
            Row(
                line=line,
                left=each[line.id],
                away=min(each[line.id].units, away.get(line.variant_id or 0, 0)),
                typed=str(each[line.id].units) if all_of_it else typed.get(f"units-{line.id}", "0").strip() or "0",
                restock=f"shelf-{line.id}" in typed,
            )
            for line in lines
        ]
        if all_of_it:
            self.shipping.data = left.money(left.shipping).plain() if left.shipping else ""

    @property
    def wishes(self) -> Wishes:
        """Raises Invalid, its field named."""
        return Wishes(
            lines=tuple(LineWish(row.line.id, _units(row), restock=row.restock) for row in self.rows if _units(row)),
            shipping_minor=self._amount("shipping"),
            other_minor=self._amount("other"),
        )

    def refuse(self, error: ShopError) -> None:
        """The sentence beside the row or the field it speaks of, else above the form."""
        named = error.field if isinstance(error, Invalid) else None
        row = next((row for row in self.rows if f"units-{row.line.id}" == named), None)
        if row is None:
            super().refuse(error)
        else:
            row.errors = [error.sentence]

    def _amount(self, name: str) -> int:
        typed = (self[name].data or "").strip()
        if not typed:
            return 0
        try:
            return Money.parse(typed, self.left.currency).minor
        except Invalid as error:
            raise Invalid(error.sentence, name) from None


def _units(row: Row) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", row.typed):
        raise Invalid("Enter how many units.", f"units-{row.line.id}")
    return int(row.typed)
