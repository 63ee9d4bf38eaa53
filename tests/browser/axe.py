"""What axe-core and a narrow screen find on the page as it is now."""

import os
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SOURCE = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")
# A page's structure is the same at both widths; `make prove` looks twice, the suite where more of it is in sight.
WIDTHS = (1280, 390) if os.environ.get("ROUNDS") else (1280,)
NARROWEST = 320  # pixels: the width of WCAG's reflow
HEIGHT = 900

# Structure is the same in both schemes; only what is about colour needs a second look.
ABOUT_COLOUR = ["color-contrast", "link-in-text-block"]

RUN = """
async (rules) => {
  const only = rules.length ? { runOnly: { type: "rule", values: rules } } : {};
  const { violations } = await axe.run(document, { resultTypes: ["violations"], ...only });
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((it) => it.target.join(" ")).join(", ")}`);
}
"""
IS_TOO_WIDE = "document.documentElement.scrollWidth > innerWidth"


def findings(page: Page, name: str) -> list[str]:
    """One sentence for each thing that is wrong with this page, in either scheme, at any width."""
    page.evaluate(SOURCE)
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        found += _look(page, f"{name}, light, {width} px", "light", [])
    found += _look(page, f"{name}, dark", "dark", ABOUT_COLOUR)
    page.set_viewport_size({"width": NARROWEST, "height": HEIGHT})
    if page.evaluate(IS_TOO_WIDE):
        found.append(f"{name}: scrolls sideways at {NARROWEST} px")
    page.set_viewport_size({"width": WIDTHS[0], "height": HEIGHT})
    page.emulate_media(color_scheme="light")
    return found


def _look(page: Page, name: str, scheme: Any, rules: list[str]) -> list[str]:
    page.emulate_media(color_scheme=scheme)
    return [f"{name}: {it}" for it in page.evaluate(RUN, rules)]
