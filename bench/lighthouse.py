"""python -m bench.lighthouse: what Lighthouse says of the main pages on a phone. Needs npx (Node.js) and Chromium."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import goods
from bench.load import Ask, send
from bench.stand import Stand
from bench.visit import browser_path

PINNED = "lighthouse@12.8.2"
SCORES = ("performance", "accessibility", "best-practices", "seo")
TIMES = {"LCP ms": "largest-contentful-paint", "TBT ms": "total-blocking-time", "CLS": "cumulative-layout-shift"}


def main() -> int:
    """Print the table; 1 when a page scores below 100 anywhere."""
    chrome, npx = browser_path(), shutil.which("npx")
    if chrome is None or npx is None:
        raise SystemExit("Lighthouse needs Chromium and npx (Node.js) on PATH.")
    folder = Path(tempfile.mkdtemp(prefix="sokoni-lighthouse-"))
    stand = Stand(folder)
    rows = []
    try:
        stand.open_stores()
        stand.flask("db", "upgrade")
        stand.flask("shop", "seed", "--products", os.environ.get("PRODUCTS", "1000"))
        stand.open_web()
        for name, address, cookie in _pages(stand):
            send(stand.port, Ask(address))
            rows.append((name, *_judge(npx, chrome, stand, address, cookie, folder / f"{name}.json")))
    except subprocess.SubprocessError as error:
        raise SystemExit(f"Lighthouse did not finish: {error}") from None
    finally:
        stand.close()
        shutil.rmtree(folder, ignore_errors=True)
    for row in [("page", *SCORES, *TIMES), *rows]:
        print("  ".join(str(cell).ljust(15) for cell in row).rstrip())
    return 1 if any(row[place] < 100 for row in rows for place in range(1, 1 + len(SCORES))) else 0


def _pages(stand: Stand) -> list[tuple[str, str, str]]:
    found = goods.find(stand.environ["DATABASE_URL"])
    added = Ask("/cart/lines", {}, {"sku": found.skus[0], "quantity": "1"})
    _, headers, _ = send(stand.port, added)
    cookie = next(c.partition(";")[0] for c in headers.get_all("Set-Cookie") or [] if c.startswith("cart="))
    return [
        ("home", "/", ""),
        ("listing", found.roots[0], ""),
        ("product", f"/p/{found.products[0]}", ""),
        ("search", "/search?q=" + re.sub(r"\W.*", "", next(found.common())), ""),
        ("cart", "/cart", cookie),
    ]


def _judge(npx: str, chrome: str, stand: Stand, address: str, cookie: str, report: Path) -> list[Any]:
    """Four scores of 100, then LCP, TBT and CLS. The phone and its slow network are Lighthouse's own preset."""
    subprocess.run(  # noqa: S603 - pinned
        [npx, "--yes", PINNED, f"http://127.0.0.1:{stand.port}{address}", "--quiet", "--output=json"]
        + [f"--output-path={report}", "--chrome-flags=--headless=new --no-sandbox --disable-quic"]
        + [f"--only-categories={','.join(SCORES)}"]
        + ([f"--extra-headers={json.dumps({'Cookie': cookie})}"] if cookie else []),
        env={**os.environ, "CHROME_PATH": chrome},
        check=True,
        timeout=300,
    )
    found = json.loads(report.read_text(encoding="utf-8"))
    scores = [round((found["categories"][name]["score"] or 0) * 100) for name in SCORES]
    values = [found["audits"][audit]["numericValue"] for audit in TIMES.values()]
    return [*scores, round(values[0]), round(values[1]), round(values[2], 3)]


if __name__ == "__main__":
    sys.exit(main())
