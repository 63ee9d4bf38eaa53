"""The paper itself: every script, long papers, strange letters, and the same bytes each time."""

from io import BytesIO

import pytest
from flask import Flask
from pypdf import PdfReader

from app.invoices import pdf
from app.orders.models import OrderLine
from tests.invoices.papers import invoice_of, one, pdf_of, read

NAMES = {
    "Latin": "Żółte buty Øresund",
    "Greek": "Ψάθινο καπέλο ηλίου",
    "Cyrillic": "Шерстяной свитер Ђорђе",
    "Arabic": "قميص قطني أزرق",
    "Ethiopic": "የሐበሻ ቀሚስ",
    "Vietnamese": "Nguyễn Thị Ánh",
    "Yoruba": "Ọláńrewájú",
}


@pytest.fixture(autouse=True)
def settings(application: Flask) -> None:
    """The shop's name and locale are printed."""


@pytest.mark.parametrize("script", NAMES)
def test_names_can_be_read_in_every_script(script: str) -> None:
    name = NAMES[script]

    lines = read(pdf_of(invoice_of(one(name, name=name))))

    # Copied from a PDF, words from right to left may come in another sequence; each is whole all the same.
    assert [line for line in lines if sorted(line.split()) == sorted(name.split())] != []
    assert len([line for line in lines if set(name.split()) <= set(line.split())]) == 2, "the buyer and the line"


def test_the_text_after_another_script_keeps_its_size() -> None:
    document = invoice_of(one("قميص", name="محمد", line1="1 Main Street", city="አዲስ አበባ"))

    sizes: dict[str, float] = {}
    page = PdfReader(BytesIO(pdf_of(document))).pages[0]
    page.extract_text(visitor_text=lambda text, _m, _t, _font, size: sizes.setdefault(text.strip(), size))

    assert sizes["1 Main Street"] == sizes["ada@example.com"] == pdf.SIZE


@pytest.mark.parametrize(
    "strange",
    [
        "漢字テスト",
        "🎉👩‍👩‍👧",
        "\x00\x07\u202e\u2066\ufeff",
        "שלום",
        "हिन्दी",
        "e\u0301\u0327" * 40,
        "x" * 300,
        " ",
        "\ud7ff\ue000",
    ],
)
def test_a_letter_no_font_has_does_no_harm(strange: str) -> None:
    lines = read(pdf_of(invoice_of(one(strange, name=strange))))

    assert "Total $24.00" in lines


def test_a_long_paper_has_its_head_on_every_page() -> None:
    order = one("Shirt")
    order.lines = [
        OrderLine(
            sku=f"SKU-{index}",
            name="A shirt with a name that goes on, and on, and does not end before its third line",
            options_text="Moss, M",
            quantity=1,
            unit_price_minor=100,
            discount_minor=0,
            tax_minor=17,
            total_minor=100,
        )
        for index in range(24)
    ]

    pages = [page.extract_text().splitlines() for page in PdfReader(BytesIO(pdf_of(invoice_of(order)))).pages]

    assert len(pages) == 3
    assert [any(line.startswith("Item Quantity") for line in page) for page in pages] == [True, True, False]
    assert {"Total $24.00", "Paid on March 7, 2026. Thank you."} <= set(pages[2])
    assert [page[-1] for page in pages] == [f"Invoice INV-000001 Page {number} of 3" for number in (1, 2, 3)]
    assert [sum(f"SKU-{index}" in " ".join(page) for page in pages) for index in range(24)].count(0) == 0


def test_amounts_of_any_size_stand_on_one() -> None:
    order = one("Ship", currency="IDR", total_minor=10**12, tax_minor=10**11, subtotal_minor=10**12)
    order.lines[0].unit_price_minor = order.lines[0].total_minor = 10**12

    lines = read(pdf_of(invoice_of(order)))

    assert "Total IDR 10,000,000,000.00" in lines
    assert any(line.endswith("IDR 10,000,000,000.00 IDR 4.00 IDR 10,000,000,000.00") for line in lines)


def test_a_paper_says_what_it_is() -> None:
    document = PdfReader(BytesIO(pdf_of(invoice_of(one("Shirt")))))

    assert document.metadata is not None
    assert document.metadata.title == "Invoice INV-000001"
    assert document.metadata.creation_date == invoice_of(one("Shirt")).issued_at
    assert document.trailer["/Root"]["/Lang"] == "en"
