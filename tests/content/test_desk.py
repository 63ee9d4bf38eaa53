"""What Grace writes at the desk, and what shoppers see of it."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from app.catalog import pins
from app.catalog.queries import Rule, forget_menu
from app.content import home, services, staff_queries
from app.content.markdown import html_of
from app.content.queries import forget_frame
from app.content.sections import Section
from app.content.staff_queries import matches
from app.lib import runtime
from app.lib.db import session, transaction
from app.lib.errors import Invalid
from tests.admin.shelf_desk import Desk
from tests.catalog.goods import a_picture, a_product, a_shelf
from tests.content.walk import every_address

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def fresh_menu():
    forget_menu()


@pytest.fixture
def desk(new_browser):
    return Desk(new_browser())


@pytest.fixture
def look(browser):
    """What a visitor without an account sees."""

    def get(address: str, status: int = 200) -> str:
        answer = browser.get(address)
        assert answer.status_code == status, address
        return answer.get_data(as_text=True)

    return get


def at(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M")


def field(page: str, name: str) -> str:
    return re.search(rf'name="{name}" value="([^"]*)"', page)[1]


def headings(page: str) -> list[str]:
    main = page[page.index("<main") : page.index("</main>")]
    return re.findall(r'<h[12] id="part-\d+"[^>]*>([^<]+)<', main)


class TestFrontPage:
    def test_what_is_changed_is_seen_by_staff_until_it_is_published(self, desk, look):
        a_product("Mug", is_featured=True)
        assert headings(look("/")) == ["Shop by category", "New arrivals", "Popular right now"]

        desk.send("/admin/content/home/new/hero", title="Winter is here", url="/c/coats", action="See coats")
        page = desk.page("/admin/content/home")
        hero = re.findall(r"/admin/content/home/(\d+)/place", page)[-1]
        for _ in range(4):
            desk.send(f"/admin/content/home/{hero}/place", do="up")

        assert "Winter" not in look("/") and "Winter" not in look("/?preview")
        preview = desk.page("/?preview")
        assert headings(preview) == ["Winter is here", "Shop by category", "New arrivals", "Popular right now"]
        assert re.findall(r"<h1[^>]*>([^<]+)<", preview) == ["Winter is here"]
        assert "noindex" in preview

        desk.send("/admin/content/home", do="publish", seen=field(desk.page("/admin/content/home"), "seen"))

        assert headings(look("/"))[0] == "Winter is here"

    def test_a_section_comes_and_goes_by_the_clock(self, desk, look):
        now = datetime.now(UTC)
        desk.send("/admin/content/home/new/text", title="Yesterday", body="x", ends_at=at(now - HOUR))
        desk.send("/admin/content/home/new/text", title="Tomorrow", body="x", starts_at=at(now + HOUR))
        desk.send("/admin/content/home/new/text", title="Today", body="*x*", starts_at=at(now - HOUR))
        desk.send("/admin/content/home", do="publish", seen=field(desk.page("/admin/content/home"), "seen"))

        page = look("/")
        assert "Today" in page and "<em>x</em>" in page
        assert "Yesterday" not in page and "Tomorrow" not in page

        with transaction() as current:
            current.execute(text("UPDATE home_sections SET live = live - 'starts_at' - 'ends_at'"))
        forget_frame()
        assert "Yesterday" in look("/") and "Tomorrow" in look("/")

    def test_a_shelf_shows_what_was_chosen_by_hand_or_what_fits(self, desk, look):
        for name in ("Mug", "Bowl", "Cup"):
            a_product(name, variants=[{"sku": f"{name.upper()}-1", "price": 500 if name == "Cup" else 2000}])
        desk.send("/admin/content/home/new/shelf", title="By hand", sort="newest", products="bowl\r\nMUG-1")
        desk.send("/admin/content/home/new/shelf", title="Cheap", sort="newest", price_max="10")
        unknown = desk.send("/admin/content/home/new/shelf", 422, title="Wrong", sort="newest", products="nothing")
        assert "No product has the address or SKU nothing." in unknown and 'value="Wrong"' in unknown

        page = desk.page("/?preview")

        by_hand, cheap = page[page.index("By hand") :].split("Cheap")
        assert re.findall(r'href="/p/([^"]+)">', by_hand) == ["bowl", "mug"]
        assert re.findall(r'href="/p/([^"]+)">', cheap.split("</ul>")[0]) == ["cup"]

    @pytest.mark.parametrize("days", ["0", "3651", "0000369999999999", "0001" + "9" * 5000, "ten", "-3"])
    def test_days_are_so_many_and_no_more(self, desk, look, days):
        page = desk.send("/admin/content/home/new/shelf", 422, title="New", sort="newest", new_days=days)

        assert "Enter a whole number of days" in page
        look("/")

    @pytest.mark.parametrize("moment", ["9999-12-31T23:59-23:59", "0001-01-01T00:00+23:59", "tomorrow"])
    def test_a_moment_that_no_calendar_has_is_a_sentence(self, desk, moment):
        page = desk.send("/admin/content/home/new/text", 422, title="x", body="y", ends_at=moment)

        assert "Enter a date and a time" in page

    def test_a_picture_that_is_not_saved_leaves_no_file(self, desk):
        home.begin()
        tiles = next(row for row in staff_queries.sections() if row.kind == "tiles")
        folder = Path(runtime.settings().data_dir) / "media" / "home"
        before = sorted(folder.glob("*")) if folder.exists() else []

        with pytest.raises(services.Stale):
            home.save_section(tiles.id, 99, Section(title="Later"), upload=a_picture())

        assert (sorted(folder.glob("*")) if folder.exists() else []) == before

    def test_who_saves_second_is_told_and_keeps_what_they_typed(self, desk):
        desk.send("/admin/content/home/new/text", title="Hello", body="one")
        desk.send("/admin/content/home", do="begin")
        number = re.findall(r"/admin/content/home/(\d+)/place", desk.page("/admin/content/home"))[-1]
        form = f"/admin/content/home/{number}"
        version = field(desk.page(form), "version")
        desk.send(form, title="Hello", body="two", version=version)

        late = desk.send(form, 409, title="Hello", body="three", version=version)

        assert "Somebody else changed" in late and "three" in late and "Saved by now: two" in late
        desk.send(form, title="Hello", body="three", version=field(late, "version"))
        assert "three" in desk.page(form)

    def test_nobody_publishes_what_they_have_not_seen(self, desk, look):
        desk.send("/admin/content/home/new/text", title="Mine", body="x")
        seen = field(desk.page("/admin/content/home"), "seen")
        desk.send("/admin/content/home/new/text", title="Theirs", body="x")

        answer = desk.send("/admin/content/home", 409, do="publish", seen=seen)

        assert "Somebody else changed the front page" in answer
        assert "Mine" not in look("/")
        desk.send("/admin/content/home", do="discard")
        assert "Mine" not in desk.page("/?preview")


class TestAnnouncements:
    def test_the_first_that_runs_stands_above_every_page(self, desk, look):
        now = datetime.now(UTC)
        desk.send("/admin/content/announcements/new", text="Over", ends_at=at(now - HOUR), is_published="y")
        desk.send("/admin/content/announcements/new", text="A draft")
        desk.send("/admin/content/announcements/new", text="Sale & more", url="/c/sale", is_published="y")
        desk.send("/admin/content/announcements/new", text="Second", is_published="y")

        bar = re.search(r'<aside class="announce" aria-label="Shop news">(.*?)</aside>', look("/terms"))[1]

        assert bar == '<a href="/c/sale">Sale &amp; more</a>'

    def test_an_end_before_the_beginning_or_a_bad_address_is_a_sentence(self, desk):
        now = datetime.now(UTC)
        times = {"starts_at": at(now), "ends_at": at(now - HOUR)}
        new = "/admin/content/announcements/new"

        assert "The end must come after the beginning." in desk.send(new, 422, text="x", **times)
        assert "Begin the address with /" in desk.send(new, 422, text="x", url="javascript:alert(1)")
        assert "Enter a date and a time" in desk.send(new, 422, text="x", starts_at="soon")


class TestPages:
    def test_a_page_is_written_previewed_published_and_moved(self, desk, look):
        new = desk.send("/admin/content/pages/new", title="About us", body="## Hello\n\n<script>alert(1)</script>")
        look("/pages/about-us", 404)
        assert "A draft: shoppers do not see this." in desk.page("/pages/about-us?preview")
        desk.send("/admin/content/pages/about-us/status", do="publish", version=field(new, "version"))

        page = look("/pages/about-us")
        assert "<h2>Hello</h2>" in page and "<script>alert" not in page

        edit = desk.page("/admin/content/pages/about-us")
        version = field(edit, "version")
        desk.send("/admin/content/pages/about-us", title="Us", slug="us", body="New", version=version)
        assert "New" not in look("/pages/us"), "shoppers see a draft"

    def test_a_former_address_leads_on_and_a_deleted_one_is_gone(self, desk, browser):
        made = services.create_page(services.PageText(title="About"))
        services.publish_page(made.id, made.version)
        for slug in ("about-us", "us"):
            made = services.edit_page(made.id, made.version, services.PageText(title="About", slug=slug))

        for old in ("about", "about-us"):
            answer = browser.get(f"/pages/{old}")
            assert (answer.status_code, answer.location) == (301, "/pages/us")

        desk.send("/admin/content/pages/us/status", do="delete")
        assert [browser.get(f"/pages/{old}").status_code for old in ("about", "us", "never")] == [410, 410, 404]

    def test_a_draft_s_former_address_says_nothing_of_it(self, desk, browser):
        desk.send("/admin/content/pages/new", title="Plans", body="Secret.")
        page = desk.page("/admin/content/pages/plans")
        desk.send(
            "/admin/content/pages/plans", title="Plans", slug="more", version=field(page, "version"), body="Secret."
        )

        assert [browser.get(f"/pages/{slug}").status_code for slug in ("plans", "more")] == [404, 404]

    def test_the_desk_s_own_address_is_nobody_s(self, desk):
        assert "The shop itself uses" in desk.send("/admin/content/pages/new", 422, title="New", body="x")
        assert "The shop itself uses" in desk.send("/admin/content/collections/new", 422, name="New")

    def test_a_page_stands_in_for_the_shops_own(self, browser, look):
        made = services.create_page(services.PageText(title="How we deliver", slug="delivery", body="By bicycle."))
        assert "bicycle" not in look("/delivery")

        services.publish_page(made.id, made.version)

        page = look("/delivery")
        assert "By bicycle." in page and '<link rel="canonical" href="http://shop.test/delivery">' in page
        look("/pages/delivery", 301)
        assert every_address(browser).count("/delivery") == 1
        assert "/pages/delivery" not in every_address(browser)

    @pytest.mark.pure
    @pytest.mark.parametrize(
        "written",
        [
            "<img src=x onerror=alert(1)>",
            "[x](javascript:alert(1))",
            "[x](data:text/html,<script>alert(1)</script>)",
            "![x](https://evil.example/x.png)",
            '[x](https://a.example "onmouseover=alert(1)")<b onclick=alert(1)>',
        ],
    )
    def test_nothing_written_runs(self, written):
        html = html_of(written)

        assert not re.search(r"<(script|img|b)\b|<[^>]* on\w+=|href=.(javascript|data)", html), html


class TestMenus:
    def test_links_are_the_shops_own_until_staff_write_theirs(self, desk, look):
        assert '<a href="/privacy">Privacy</a>' in look("/terms")
        desk.send("/admin/content/menus/about/new", title="Our makers", url="/pages/makers")
        desk.send("/admin/content/menus/header/new", title="Sale", url="/collections/sale")

        page = look("/terms")

        foot = page[page.index('aria-label="About links"') :]
        assert '<a href="/pages/makers">Our makers</a>' in foot and '<a href="/privacy">' not in foot
        assert page.count('<a href="/collections/sale">Sale</a>') == 2, "header and drawer"


class TestCollections:
    def test_what_fits_is_shown_and_a_new_product_appears_by_itself(self, desk, look):
        a_product("Cheap mug", variants=[{"price": 900}])
        a_product("Dear mug", variants=[{"price": 9000}])
        typed = {"name": "Under twenty", "price_max": "20", "is_published": "y"}

        preview = desk.send("/admin/content/collections/new", 200, do="preview", **typed)
        assert "1 product matches" in preview and "Cheap mug" in preview and 'value="Under twenty"' in preview
        look("/collections/under-twenty", 404)

        desk.send("/admin/content/collections/new", **typed)
        assert "Cheap mug" in look("/collections/under-twenty")

        a_product("Cheap bowl", variants=[{"price": 1500}])
        page = look("/collections/under-twenty?sort=price")
        assert "Cheap bowl" in page and "Dear mug" not in page
        assert 'id="result-count"' in page and 'aria-label="Filters"' in page

    def test_every_part_of_a_rule_narrows(self):
        shelf = a_shelf("Mugs")
        mug = a_product("Mug", shelf=a_shelf("Espresso", shelf), variants=[{"price": 900, "compare_at": 1200}])
        a_product("Other")
        with transaction() as current:
            current.execute(text("UPDATE products SET tags = '{gift}' WHERE id = :id"), {"id": mug.id})
        rules = [
            Rule(categories=("mugs",)),
            Rule(tags=("gift", "x")),
            Rule(is_reduced=True),
            Rule(price_min=800, price_max=1000),
            Rule(categories=("mugs",), new_days=1),
        ]
        for rule in rules:
            assert [card.name for card in matches(rule).cards] == ["Mug"], rule
        assert matches(Rule()).total == 2
        assert matches(Rule(brands=("nobody",))).total == 0

    def test_a_draft_is_for_staff(self, desk, look):
        services.create_collection("Secret", rule=Rule())

        look("/collections/secret", 404)
        assert "noindex" in desk.page("/collections/secret")


class TestPins:
    def test_staff_choose_what_stands_first(self, desk):
        shelf = a_shelf("Mugs")
        for name in ("Red mug", "Blue mug"):
            a_product(name, shelf=shelf, variants=[{"sku": name.upper().replace(" ", "-")}])
        elsewhere = a_product("Chair")

        desk.send("/admin/content/pins/mugs", product="/p/red-mug")
        desk.send("/admin/content/pins/mugs", product="BLUE-MUG")
        desk.send("/admin/content/pins/mugs/place", product="blue-mug", do="up")
        wrong = desk.send("/admin/content/pins/mugs", 422, product=elsewhere.slug)

        assert "neither in this category nor below it" in wrong
        session().rollback()
        assert [it.name for it in pins.pinned_products(shelf.id)] == ["Blue mug", "Red mug"]
        desk.send("/admin/content/pins/mugs/place", product="blue-mug", do="remove")
        session().rollback()
        assert [it.name for it in pins.pinned_products(shelf.id)] == ["Red mug"]

    def test_one_who_never_was_a_category_is_a_sentence(self):
        with pytest.raises(Invalid):
            pins.pin(a_shelf("Empty").id, a_product("Chair").id)
