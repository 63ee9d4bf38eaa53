"""A shop that listens, a worker that works, and one Chromium for every story of this folder."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, sync_playwright

from app.lib import runtime
from tests.browser.goods import Goods, stock_the_shop
from tests.browser.live import LiveShop, working
from tests.browser.trouble import Trouble
from tests.kept import laid_down

HERE = Path(__file__).parent
# The first is the same engine without a window: two fifths of the processor time.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 5_000  # milliseconds for anything to appear


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The browser on PATH, else the one that Playwright installed."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def live(application: Flask) -> Iterator[LiveShop]:
    server = LiveShop(application)
    yield server
    server.stop()


@pytest.fixture
def shop(app: Flask, live: LiveShop, mails: object) -> Iterator[str]:
    """The address of the running shop. Its links in letters and at providers lead there too."""
    usual = runtime.settings()
    runtime.use(replace(usual, shop_url=live.url))
    with working(app):
        yield live.url
        live.settle()
    live.settle()
    runtime.use(usual)


@pytest.fixture
def goods(shop: str) -> Goods:
    return laid_down(stock_the_shop)


@pytest.fixture
def trouble() -> Iterator[Trouble]:
    """What the browser complained about; a story ends well only when there is nothing left of it."""
    noted = Trouble()
    yield noted
    assert noted.unforgiven == []


@pytest.fixture
def visit(chromium: Browser, shop: str, trouble: Trouble) -> Iterator[Callable[..., Page]]:
    """`visit("/cart", scripts=False, width=390)`: another person, with cookies of their own."""
    contexts = []

    def open_page(path: str = "/", *, scripts: bool = True, width: int = 1280, scheme: str = "light") -> Page:
        context = chromium.new_context(
            base_url=shop,
            java_script_enabled=scripts,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        trouble.watch(context, scripts=scripts)
        page = context.new_page()
        page.goto(path)
        if scripts:
            page.evaluate("new Promise((resolve) => setTimeout(resolve))")  # htmx begins in a timer set before this one
        return page

    yield open_page
    for context in contexts:
        context.close()
