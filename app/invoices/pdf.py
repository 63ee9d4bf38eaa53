"""A paper drawn as PDF: A4, text that can be selected, in every script the fonts cover.

The same paper gives the same bytes, so a letter that is sent again carries the same attachment.
"""

import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.enums import MethodReturnValue, XPos, YPos

from app.invoices.wording import Paper, Row, Sum

FONTS = Path(__file__).parent / "fonts"
MAIN, OTHERS = "NotoSans", ("NotoSansExtended", "NotoSansArabic", "NotoSansEthiopic")
STYLES = {"": "Regular", "B": "Bold"}
INSTEAD = str.maketrans({"\u2212": "\u2013"})  # the fonts have no minus sign; a dash as long is what they have
UNKNOWN = "\ufffd"
BREAKS = re.compile(r"[ \t\n\r\v\f\x85\u2028\u2029]+")  # not the spaces that hold an amount together

# Millimetres and points.
SIDE, TOP, BOTTOM, WIDTH = 18, 18, 24, 174
LINE, SMALL_LINE, GAP = 4.6, 3.9, 3.0
SIZE, SMALL, SMALLEST = 9.0, 8.0, 6.0
LEAST_NAME = 52
INK, QUIET, BRAND, RULE = (29, 38, 34), (93, 104, 99), (29, 74, 55), (214, 210, 201)


def drawn(shown: Paper) -> bytes:
    """The paper as PDF. Characters that no font has are drawn as a question mark on a diamond."""
    sheet = _Sheet(shown)
    sheet.draw()
    return bytes(sheet.output())


class _Sheet(FPDF):
    def __init__(self, shown: Paper) -> None:
        super().__init__(format="A4")
        self.shown = shown
        self.set_margins(SIDE, TOP, SIDE)
        self.c_margin = 0
        self.set_auto_page_break(True, BOTTOM)
        self.set_title(f"{shown.title} {shown.number}")
        self.set_author(_known(shown.shop))
        self.set_lang("en")
        self.set_creation_date(shown.issued_at)
        self._load_fonts()
        self.set_text_shaping(True)

    def _load_fonts(self) -> None:
        """Reading a font costs more than drawing a page, so only those that are needed are read."""
        needed = _fonts_for(_everything(self.shown))
        for family in needed:
            for style, weight in STYLES.items():
                self.add_font(family, style, FONTS / f"{family}-{weight}.ttf")
        self.set_fallback_fonts([family for family in needed if family != MAIN], exact_match=True)

    def draw(self) -> None:
        self.add_page()
        self._letterhead()
        size, widths = self._widths()
        self._table(size, widths)
        self._sums(size)
        self._notes()
        self._feet()

    def _letterhead(self) -> None:
        half = WIDTH / 2
        self._ink(BRAND, 15, "B")
        self._write(self.shown.shop, half, 8)
        top = self.get_y()
        self.set_xy(SIDE + half, TOP)
        self._ink(INK, 15, "B")
        self._write(self.shown.title, half, 8, align="R")
        self.set_xy(SIDE + half, top + GAP)
        for label, value in self.shown.facts:
            self._fact(label, value, SIDE + half, half)
        right = self.get_y()
        self.set_xy(SIDE, top + GAP)
        self._lines(self.shown.seller, half - GAP, QUIET)
        self.set_xy(SIDE, self.get_y() + 2 * GAP)
        self._ink(QUIET, SMALL)
        self._write("For", half, SMALL_LINE)
        self._lines(self.shown.buyer, half - GAP, INK)
        self.set_y(max(right, self.get_y()) + 3 * GAP)

    def _fact(self, label: str, value: str, x: float, width: float) -> None:
        y = self.get_y()
        self.set_x(x)
        self._ink(QUIET, SIZE)
        self._write(label, width / 2, LINE, align="R")
        self.set_xy(x + width / 2, y)
        self._ink(INK, SIZE)
        self._write(value, width / 2, LINE, align="R")

    def _lines(self, lines: tuple[str, ...], width: float, ink: tuple[int, int, int]) -> None:
        self._ink(ink, SIZE)
        for line in lines:
            self.set_x(SIDE)
            self._write(line, width, LINE)

    def _widths(self) -> tuple[float, list[float]]:
        """The size of the letters and the width of each narrow column: amounts are never broken, names are."""
        columns = list(zip(self.shown.columns, *(row.cells for row in self.shown.rows), strict=True))
        size = SIZE
        while True:
            self.set_font(MAIN, "B", size)
            widths = [max(self.get_string_width(_known(cell)) for cell in column) + GAP for column in columns]
            if WIDTH - sum(widths) >= LEAST_NAME or size <= SMALLEST:
                return size, widths
            size -= 0.5

    def _table(self, size: float, widths: list[float]) -> None:
        self._table_head(size, widths)
        for row in self.shown.rows:
            name = WIDTH - sum(widths)
            if self.get_y() + self._height(row, name, size) > self.h - BOTTOM:
                self.add_page()
                self._table_head(size, widths)
            self._row(row, name, size, widths)

    def _table_head(self, size: float, widths: list[float]) -> None:
        y = self.get_y()
        self._ink(QUIET, size)
        self._write(self.shown.first_column, WIDTH - sum(widths), LINE)
        self._cells(self.shown.columns, widths, y)
        self.set_xy(SIDE, y + LINE)
        self._rule(0.3)

    def _height(self, row: Row, name: float, size: float) -> float:
        self.set_font(MAIN, "", size)
        height = self._tall(row.name, name - GAP, LINE)
        if row.detail:
            self.set_font(MAIN, "", min(SMALL, size))
            height += self._tall(row.detail, name - GAP, SMALL_LINE)
        return height + GAP

    def _tall(self, text: str, width: float, height: float) -> float:
        return cast(float, self.multi_cell(width, height, _known(text), dry_run=True, output=MethodReturnValue.HEIGHT))

    def _row(self, row: Row, name: float, size: float, widths: list[float]) -> None:
        """What it is comes first, then its figures: so it is read aloud, and copied."""
        y = self.get_y()
        self._ink(INK, size)
        self._write(row.name, name - GAP, LINE)
        if row.detail:
            self._ink(QUIET, min(SMALL, size))
            self._write(row.detail, name - GAP, SMALL_LINE)
        below = self.get_y()
        self._ink(INK, size)
        self._cells(row.cells, widths, y)
        self.set_xy(SIDE, max(below, y + LINE))
        self._rule(0.1)

    def _cells(self, cells: tuple[str, ...], widths: list[float], y: float) -> None:
        self.set_xy(SIDE + WIDTH - sum(widths), y)
        for text, width in zip(cells, widths, strict=True):
            self.cell(width, LINE, _known(text), align="R")

    def _rule(self, thickness: float) -> None:
        y = self.get_y() + GAP / 2
        self.set_draw_color(*RULE)
        self.set_line_width(thickness)
        self.line(SIDE, y, SIDE + WIDTH, y)
        self.set_xy(SIDE, y + GAP / 2)

    def _sums(self, size: float) -> None:
        """Kept together with the notes below, so that no page holds nothing but thanks."""
        notes = sum(self._tall(note, WIDTH, LINE) for note in self.shown.notes)
        if self.get_y() + len(self.shown.sums) * 7 + 2 * GAP + notes > self.h - BOTTOM:
            self.add_page()
        for figure in self.shown.sums:
            self._sum(figure, size)

    def _sum(self, figure: Sum, size: float) -> None:
        half = WIDTH / 2
        strong = figure.tone == "strong"
        height = 7.0 if strong else LINE + 0.6
        y = self.get_y()
        self._ink(QUIET if figure.tone == "quiet" else INK, size + 2 if strong else size, "B" if strong else "")
        amount = self.get_string_width(_known(figure.amount)) + GAP
        self.set_xy(SIDE + half - GAP, y)
        self._write(figure.label, half + GAP - amount, height)
        below = self.get_y()
        self.set_xy(SIDE + WIDTH - amount, y)
        self.cell(amount, height, _known(figure.amount), align="R")
        self.set_xy(SIDE, below)

    def _notes(self) -> None:
        self.set_y(self.get_y() + 2 * GAP)
        for note in self.shown.notes:
            self.set_x(SIDE)
            self._ink(INK, SIZE)
            self._write(note, WIDTH, LINE)

    def _feet(self) -> None:
        """Written at the end, when it is known how many pages there are."""
        self.set_auto_page_break(False)
        pages = self.pages_count
        for number in range(1, pages + 1):
            self.page = number
            self.set_xy(SIDE, self.h - 16)
            self._ink(QUIET, SMALL)
            self.cell(WIDTH, SMALL_LINE, f"{self.shown.title} {self.shown.number}")
            self.set_xy(SIDE, self.h - 16)
            self.cell(WIDTH, SMALL_LINE, f"Page {number} of {pages}", align="R")

    def _ink(self, colour: tuple[int, int, int], size: float, style: str = "") -> None:
        self.set_text_color(*colour)
        self.set_font(MAIN, style, size)

    def _write(self, text: str, width: float, height: float, *, align: str = "L") -> None:
        self.multi_cell(width, height, _known(text), align=align, new_x=XPos.LEFT, new_y=YPos.NEXT)

    def _render_styled_text_line(self, *line: Any, **how: Any) -> bool:
        # A font chosen within a line ends with it, yet fpdf2 goes on as if the page had it: so each line says its own.
        self.current_font_is_set_on_page = False
        return super()._render_styled_text_line(*line, **how)


def _everything(shown: Paper) -> str:
    rows = [part for row in shown.rows for part in (row.name, row.detail, *row.cells)]
    sums = [part for figure in shown.sums for part in (figure.label, figure.amount)]
    facts = [value for _, value in shown.facts]
    return "".join((shown.shop, *shown.seller, *shown.buyer, *facts, *rows, *sums, *shown.notes))


def _fonts_for(text: str) -> list[str]:
    missing = {ord(letter) for letter in _known(text)} - _covered(MAIN)
    return [MAIN, *(family for family in OTHERS if missing & _covered(family))]


def _known(text: str) -> str:
    """The text without what no font has: a tab or a line break becomes a space, a stranger's letter a sign for it."""
    composed = unicodedata.normalize("NFC", text)  # a letter and its accent come from the same font
    spaced = BREAKS.sub(" ", composed.translate(INSTEAD)).strip()
    return "".join(letter if ord(letter) in _covered(MAIN, *OTHERS) else UNKNOWN for letter in spaced)


@lru_cache(maxsize=8)
def _covered(*families: str) -> frozenset[int]:
    """The characters these fonts have, read once."""
    covered: set[int] = set()
    for family in families:
        with TTFont(FONTS / f"{family}-Regular.ttf", lazy=True) as font:
            covered.update(font.getBestCmap())
    return frozenset(covered)
