"""Requests a second and CPU of the pages: warm, with a cart, cold, unchanged; searching; cart, adding, ordering."""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import quote_plus

from bench import goods as shelves
from bench.goods import Goods
from bench.load import Ask, Load, once, press, send
from bench.stand import Stand
from bench.table import AT_LEAST, REFERENCE_RPS, Figure, Yardstick, absent, cpu, rate

CONNECTIONS = (8, 32)
CARTS = 48
ROUND = 3000  # requests that a search load goes through before it repeats one
ORDER_P99 = 120  # milliseconds on the reference machine
WARM, CART, COLD, UNCHANGED, SEARCH, CART_PAGE, ADDING, ORDER = 0.6, 2, 5.2, 1.1, 9, 6, 6, 13


Tell = Callable[[Figure], None]


class Bench:
    """One catalogue under load. `tell` is given each line as it is known."""

    def __init__(self, stand: Stand, goods: Goods, hello: Yardstick, seconds: float, tell: Tell):
        self.stand, self.goods, self.hello, self.seconds = stand, goods, hello, seconds
        self._tell = tell
        self.figures: list[Figure] = []
        self.loads: dict[str, list[Load]] = {}
        self._addresses = (f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in itertools.count(1))
        self.carts: list[str] = []

    def run(self, orders: int) -> None:
        self.carts = [self._a_cart(self.goods.skus[n % 40 : n % 40 + 3]) for n in range(CARTS)]
        for name, asks in self._looking().items():
            self._measure(f"{name}, warm", asks, WARM, 1.3, of_hello=True)
        for name, asks in self._looking().items():
            with_cart = [replace(ask, headers={"Cookie": cookie}) for ask, cookie in _zip(asks, self.carts)]
            self._measure(f"{name}, with a cart", with_cart, CART, 0.6, of_hello=True)
        self._unchanged()
        self._measure("cart page, 3 lines", [Ask("/cart", {"Cookie": cart}) for cart in self.carts], CART_PAGE, 650)
        self._measure("add to cart", self._adding(), ADDING, 700)
        self._ordering(orders)
        self._everyone_buys_one(orders)
        self._measure("suggestions, uncached", self._asking("/search/suggest?q=", self.goods.prefixes()), None, None)
        small = len(self.goods.products) <= 1000
        searches = self._asking("/search?q=", self.goods.searches())
        self._measure("search, uncached", searches, SEARCH if small else None, 450 if small else None)
        self.stand.open_web(PAGE_CACHE_MB="0")
        for name, asks in self._looking().items():
            self._measure(f"{name}, cold", asks, COLD, 700)

    def _looking(self) -> dict[str, list[Ask]]:
        return {
            "home": [Ask("/")],
            "listing": [Ask(address) for address in self.goods.roots],
            "category": [Ask(address) for address in self.goods.leaves[:100]],
            "product": [Ask(f"/p/{slug}") for slug in self.goods.products[:300]],
        }

    def _measure(
        self, name: str, asks: list[Ask], times: float | None, target: float | None, *, of_hello: bool = False
    ) -> None:
        status, _, _ = send(self.stand.port, asks[0])
        if status not in (200, 303, 304):
            self._note(absent(name, self.hello, times or 0, f"{asks[0].path} answered {status}"))
            return
        press(self.stand.port, asks, self.stand.roots, connections=4, seconds=1)
        loads = [
            press(self.stand.port, asks, self.stand.roots, connections=connections, seconds=self.seconds)
            for connections in CONNECTIONS
        ]
        self._judge(name, loads, times, target, of_hello=of_hello)

    def _judge(
        self, name: str, loads: list[Load], times: float | None, target: float | None, *, of_hello: bool = False
    ) -> None:
        self.loads[name] = loads
        busy = loads[-1]
        words = "; ".join(f"{it.connections}: p50 {it.p50:.1f} p95 {it.p95:.1f} p99 {it.p99:.1f} ms" for it in loads)
        if any(it.bad for it in loads):
            words += f"; {sum(it.bad for it in loads)} went wrong"
        self._note(cpu(name, min(it.cpu_ms for it in loads), self.hello, times))
        self._note(replace(rate(name, busy.rps, self.hello, target, of_hello=of_hello), note=words))

    def _note(self, figure: Figure) -> None:
        self.figures.append(figure)
        self._tell(figure)

    def _unchanged(self) -> None:
        _, headers, _ = send(self.stand.port, Ask("/"))
        tag = headers.get("ETag")
        if not tag:
            self._note(absent("304 on a matching ETag", self.hello, UNCHANGED, "the home page has no ETag"))
            return
        asks = [Ask("/", {"If-None-Match": tag})]
        status, _, _ = send(self.stand.port, asks[0])
        if status != 304:
            self._note(absent("304 on a matching ETag", self.hello, UNCHANGED, f"it answered {status}"))
            return
        self._measure("304 on a matching ETag", asks, UNCHANGED, 0.9, of_hello=True)

    def _asking(self, path: str, words: Iterator[str]) -> list[Ask]:
        """Searches, each from another address, so that none is held back."""
        return [
            Ask(f"{path}{quote_plus(next(words))}", {"X-Forwarded-For": next(self._addresses)}) for _ in range(ROUND)
        ]

    def _adding(self) -> list[Ask]:
        return [
            Ask("/cart/lines", {"Cookie": cart, "HX-Request": "true"}, {"sku": sku, "quantity": "1"})
            for sku in self.goods.skus[:20]
            for cart in self.carts
        ]

    def _a_cart(self, skus: list[str]) -> str:
        """The cookie of a new cart with one of each."""
        cookie = ""
        for sku in skus:
            headers = {"Cookie": cookie} if cookie else {}
            status, got, _ = send(self.stand.port, Ask("/cart/lines", headers, {"sku": sku, "quantity": "1"}))
            if status >= 400:
                raise SystemExit(f"A cart could not be filled with {sku}: it answered {status}.")
            cookie = next(c.partition(";")[0] for c in got.get_all("Set-Cookie") or [] if c.startswith("cart="))
        return cookie

    def _orders(self, count: int, skus: list[str], units: int) -> list[Ask]:
        """Orders ready to be sent, each from a cart of its own."""
        asks = []
        for number in range(count):
            start = number * units % max(1, len(skus) - units + 1)
            form = {
                "email": f"buyer{number}@example.com",
                "name": "Ada Lovelace",
                "line1": "1 Main Street",
                "city": "Portland",
                "region": "OR",
                "postcode": "97209",
                "country": "US",
                "shipping_method": "standard",
                "provider": "demo",
                "accept_terms": "1",
            }
            headers = {
                "Cookie": self._a_cart(skus[start : start + units]),
                "X-Forwarded-For": next(self._addresses),
            }
            asks.append(Ask("/checkout", headers, form))
        return asks

    def _ordering(self, count: int) -> None:
        """Each order is another cart's, so its load comes from clients of ours and is sent once."""
        loads = []
        url = self.stand.environ["DATABASE_URL"]
        before = shelves.orders(url)
        for connections in CONNECTIONS:
            asks = self._orders(count, self.goods.skus, 3)
            loads.append(once(self.stand.port, asks, self.stand.roots, connections=connections))
        self._judge("order placed, 3 lines", loads, ORDER, 450)
        allowed = ORDER_P99 * REFERENCE_RPS / self.hello.rps
        self._note(Figure("order placed, 3 lines: p99", loads[-1].p99, "ms", allowed))
        sent = count * len(loads)
        self._note(Figure(f"orders made of {sent} sent", shelves.orders(url) - before, "orders", sent, AT_LEAST))

    def _everyone_buys_one(self, count: int) -> None:
        """More want it than there are. Counted in the books: none oversold, none left while somebody went without."""
        there = count * 3 // 4
        url = self.stand.environ["DATABASE_URL"]
        sku = shelves.one_with_few(url, there)
        asks = self._orders(count, [sku], 1)
        load = once(self.stand.port, asks, self.stand.roots, connections=32)
        on_hand, reserved = shelves.left_of(url, sku)
        self._note(replace(rate("everyone buys one product", load.rps, self.hello, 350), note=f"{load.statuses}"))
        self._note(Figure("everyone buys one: held beyond the shelf", max(0, reserved - on_hand), "units", 0))
        self._note(Figure("everyone buys one: answered 500", load.bad, "times", 0))
        self._note(Figure("everyone buys one: unsold while somebody went without", on_hand - reserved, "units", 0))


def _zip(asks: list[Ask], carts: list[str]) -> Iterator[tuple[Ask, str]]:
    """Every request with some cart, and every cart at least once."""
    count = max(len(asks), len(carts))
    return zip(itertools.islice(itertools.cycle(asks), count), itertools.cycle(carts), strict=False)


def next_page(html: str) -> str | None:
    """The address of Load more."""
    found = re.search(r'id="load-more" href="([^"]+)"', html)
    return found[1].replace("&amp;", "&") if found else None
