"""Every page a search engine is told of."""

import re
from collections import Counter
from xml.etree import ElementTree

from flask.testing import FlaskClient

MAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
HERE = "http://shop.test"
MOST = 50_000
LARGEST = 50 * 1024 * 1024


def locations(browser: FlaskClient, path: str) -> list[str]:
    """The addresses of one file, which keeps the rules of sitemaps.org."""
    answer = browser.get(path, buffered=True)
    body = answer.get_data()
    assert (answer.status_code, answer.mimetype) == (200, "application/xml"), path
    root = ElementTree.fromstring(body)
    assert root.tag in (f"{MAP}sitemapindex", f"{MAP}urlset"), root.tag
    assert 0 < len(root) <= MOST and len(body) <= LARGEST, path
    found = [it.findtext(f"{MAP}loc") for it in root]
    assert all(address.startswith(HERE) and len(address) < 2048 for address in found), path
    for it in root.iter(f"{MAP}lastmod"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", it.text), it.text
    return [address.removeprefix(HERE) for address in found]


def every_address(browser: FlaskClient) -> list[str]:
    return [address for part in locations(browser, "/sitemap.xml") for address in locations(browser, part)]


def one(pattern: str, page: str) -> str:
    found = re.findall(pattern, page, re.S)
    assert len(found) == 1, (pattern, found)
    return str(found[0])


def every_page_speaks_for_itself(browser: FlaskClient) -> int:
    """One h1 and a title, description and address no other page has; gives back how many pages there are."""
    pages = {address: browser.get(address).get_data(as_text=True) for address in every_address(browser)}

    for pattern in (r"<title>(.*?)</title>", r'<meta name="description" content="([^"]+)">'):
        shared = Counter(one(pattern, page) for page in pages.values()).most_common(1)
        assert shared[0][1] == 1, shared
    for address, page in pages.items():
        one(r"<h1[ >].*?</h1>", page)
        assert one(r'<link rel="canonical" href="([^"]+)">', page) == HERE + address
        assert one(r'<meta property="og:url" content="([^"]+)">', page) == HERE + address
        assert 'name="robots"' not in page, address
    return len(pages)
