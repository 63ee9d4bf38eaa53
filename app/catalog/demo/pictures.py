"""Draws the demo pictures anew: python -m app.catalog.demo.pictures [STEM …]

A tool for developers: the pictures are in the repository, and the shop only copies them. It needs Playwright and a
Chromium (CHROMIUM names one, else the one on PATH or Playwright's own).
"""

import io
import os
import shutil
import sys
from collections.abc import Iterator

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from app.catalog.demo.catalogue import PICTURES, PORTRAIT, SIZE_OF, Catalogue, Picture, load, stem_files
from app.catalog.demo.drawing import Tone, picture
from app.catalog.demo.scenes import SCENES
from app.catalog.demo.shapes import SHAPES

QUALITY = 80
LYING = {  # shapes that hang or lie flat cast no shadow on a floor
    *(
        "jacket",
        "jacket_back",
        "puffer",
        "gilet",
        "coat",
        "tee",
        "striped_tee",
        "sweater",
        "roll_neck",
        "cardigan",
    ),
    *(
        "hoodie",
        "shirt",
        "checked_shirt",
        "trousers",
        "shorts",
        "dress",
        "skirt",
        "apron",
        "scarf",
        "gloves",
        "socks",
    ),
    *(
        "mittens",
        "earrings",
        "belt",
        "watch",
        "umbrella",
        "plate",
        "tea_towel",
        "pendant",
        "rug",
        "clock",
        "poster",
    ),
    *("mirror", "planner", "pens", "envelope_set", "tape", "hammock", "sunglasses"),
}


def main(wanted: list[str]) -> None:
    PICTURES.mkdir(exist_ok=True)
    catalogue = load()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        for stem, svg in drawings(catalogue):
            if not wanted or stem in wanted:
                write(stem, rasterise(page, svg, SIZE_OF.get(stem, PORTRAIT)))
        browser.close()


def drawings(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Every picture as (stem, SVG)."""
    for stem, scene in SCENES.items():
        yield stem, scene()
    for product in catalogue.products:
        for it in product.pictures:
            yield it.file, draw(it, catalogue.colours[it.colour].swatch)


def draw(it: Picture, colour: str) -> str:
    tone = Tone(colour)
    stands = it.shape not in LYING
    return picture(SHAPES[it.shape](tone), it.backdrop, tone, stands=stands, view=it.crop or "0 0 400 500")


def rasterise(page: Page, svg: str, size: tuple[int, int]) -> Image.Image:
    width, height = size
    page.set_viewport_size({"width": width, "height": height})
    sized = svg.replace("<svg ", f'<svg width="{width}" height="{height}" style="display:block" ', 1)
    page.set_content(f'<body style="margin:0">{sized}</body>')
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def write(stem: str, image: Image.Image) -> None:
    for width, file in stem_files(stem).items():
        height = round(image.height * width / image.width)
        image.resize((width, height), Image.Resampling.LANCZOS).save(file, "WEBP", quality=QUALITY, method=6)


if __name__ == "__main__":
    main(sys.argv[1:])
