"""What the first visit to the home page costs: bytes on the wire and requests, images aside. In a real browser."""

import shutil
from typing import Any

from bench.table import Figure

KILOBYTES, REQUESTS = 40, 5
CHROMIUM = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")


def browser_path() -> str | None:
    return next((found for name in CHROMIUM if (found := shutil.which(name))), None)


def measure(port: int) -> list[Figure]:
    path = browser_path()
    if path is None:
        note = "no Chromium on PATH"
        return [Figure("first visit, home, without images", None, "KB", note=note)]
    from playwright.sync_api import sync_playwright

    asked: dict[str, str] = {}
    sizes: dict[str, float] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-background-networking", "--no-first-run"]
        )
        page = browser.new_page(viewport={"width": 390, "height": 844})
        wire = page.context.new_cdp_session(page)

        def sent(it: Any) -> None:
            asked[it["requestId"]] = it.get("type", "")

        def arrived(it: Any) -> None:
            sizes[it["requestId"]] = it["encodedDataLength"]

        wire.on("Network.requestWillBeSent", sent)
        wire.on("Network.loadingFinished", arrived)
        wire.send("Network.enable")
        page.goto(f"http://127.0.0.1:{port}/", wait_until="networkidle", timeout=120_000)
        browser.close()
    counted = [name for name, kind in asked.items() if kind != "Image"]
    return [
        Figure(
            "first visit, home, without images", sum(sizes.get(name, 0) for name in counted) / 1000, "KB", KILOBYTES
        ),
        Figure("first visit, home, without images: requests", len(counted), "requests", REQUESTS),
    ]
