"""A document in words: everything that is printed, laid out for whatever draws it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from babel.dates import format_date
from babel.numbers import format_percent

from app.invoices.models import Document
from app.lib.money import Money

TITLES = {"invoice": "Invoice", "credit_note": "Credit note"}


@dataclass(frozen=True)
class Row:
    """One line of the table: what it is, a smaller line below, and the other cells."""

    name: str
    detail: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Sum:
    label: str
    amount: str
    tone: str = ""  # strong, quiet or neither


@dataclass(frozen=True)
class Paper:
    """`first_column` names the rows, `columns` their cells, which are written to the right."""

    title: str
    number: str
    shop: str
    locale: str
    issued_at: datetime
    seller: tuple[str, ...]
    buyer: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    first_column: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    sums: tuple[Sum, ...]
    notes: tuple[str, ...]


def paper(document: Document) -> Paper:
    """The document as it was issued; nothing of it comes from the shop as it is now."""
    words = _Words(document)
    return words.invoice() if document.kind == "invoice" else words.credit_note()


def file_name(document: Document) -> str:
    return f"{document.number}.pdf"


class _Words:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.content: dict[str, Any] = document.content

    def invoice(self) -> Paper:
        content, on_top = self.content, not self.content["prices_include_tax"]
        has_discount = any(line["discount_minor"] for line in content["lines"])
        return self._paper(
            facts=(
                ("Invoice number", self.document.number),
                ("Invoice date", self._day(self.document.issued_at)),
                ("Order number", content["order_number"]),
                ("Order date", self._day(content["placed_at"])),
            ),
            first_column="Item",
            columns=(
                "Quantity",
                "Unit price",
                *(["Discount"] if has_discount else []),
                "Tax" if on_top else "Including tax",
                "Net amount" if on_top else "Amount",
            ),
            rows=tuple(
                self._row(
                    line,
                    str(line["quantity"]),
                    self._money(line["unit_price_minor"]),
                    *([self._less(line["discount_minor"])] if has_discount else []),
                    self._money(line["tax_minor"]),
                    self._money(line["total_minor"]),
                )
                for line in content["lines"]
            ),
            sums=self._five_figures(on_top),
            notes=(f"Paid on {self._day(content['paid_at'])}. Thank you.",) if content["paid_at"] else (),
        )

    def _five_figures(self, on_top: bool) -> tuple[Sum, ...]:
        figures = self.content["figures"]
        total, of_it = figures["total_minor"], figures["tax_minor"]
        sums = [Sum("Subtotal", self._money(figures["subtotal_minor"]))]
        if figures["discount_minor"]:
            sums.append(Sum("Discount", self._less(figures["discount_minor"])))
        sums.append(Sum(f"Delivery, {self.content['shipping_name']}", self._money(figures["shipping_minor"])))
        if on_top:
            sums.append(Sum(f"Tax, {self._rate()}", self._money(of_it)))
        sums.append(Sum("Total", self._money(total), "strong"))
        if not on_top and of_it:
            sums.append(Sum(f"Including tax, {self._rate()}", self._money(of_it), "quiet"))
        sums.append(Sum("Total without tax", self._money(total - of_it), "quiet"))
        return tuple(sums)

    def credit_note(self) -> Paper:
        content, document = self.content, self.document
        invoice_day = self._day(content["invoice_issued_at"])
        about = f"This takes back {self._money(document.amount_minor)} of invoice {content['invoice_number']}"
        return self._paper(
            facts=(
                ("Credit note number", document.number),
                ("Date", self._day(document.issued_at)),
                ("For invoice", content["invoice_number"]),
                ("Invoice date", invoice_day),
                ("Order number", content["order_number"]),
            ),
            first_column="Given back",
            columns=("Quantity", "Including tax", "Amount"),
            rows=tuple(
                self._row(
                    line,
                    str(line["quantity"] or ""),
                    self._money(line["tax_minor"]),
                    self._money(line["amount_minor"]),
                )
                for line in content["lines"]
            ),
            sums=(
                Sum("Total given back", self._money(document.amount_minor), "strong"),
                Sum(f"Including tax, {self._rate()}", self._money(document.tax_minor), "quiet"),
                Sum("Total without tax", self._money(document.amount_minor - document.tax_minor), "quiet"),
            ),
            notes=(f"{about} of {invoice_day}.", *([f"Reason: {content['reason']}"] if content["reason"] else [])),
        )

    def _paper(self, **parts: Any) -> Paper:
        return Paper(
            title=TITLES[self.document.kind],
            number=self.document.number,
            shop=self.content["shop"],
            locale=self.content["locale"],
            issued_at=self.document.issued_at,
            seller=tuple(self.content["seller"]),
            buyer=tuple(self.content["buyer"]),
            **parts,
        )

    def _row(self, line: dict[str, Any], *cells: str) -> Row:
        detail = " · ".join(part for part in (line["options"], line["sku"]) if part)
        return Row(line["name"], detail, cells)

    def _money(self, minor: int) -> str:
        return Money(minor, self.document.currency).written(self.content["locale"])

    def _less(self, minor: int) -> str:
        return f"\u2212{self._money(minor)}" if minor else self._money(0)

    def _rate(self) -> str:
        return str(format_percent(Decimal(self.content["tax_rate"]), "#,##0.###%", locale=self.content["locale"]))

    def _day(self, at: datetime | str) -> str:
        moment = datetime.fromisoformat(at) if isinstance(at, str) else at
        return str(format_date(moment, "long", locale=self.content["locale"]))
