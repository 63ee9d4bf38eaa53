from flask.testing import FlaskClient

from app.catalog.queries import Filters, search
from app.lib.paging import Page
from tests.admin.desk import at_desk, words
from tests.catalog.goods import a_product


def test_staff_see_what_found_nothing_and_help_it(browser: FlaskClient):
    a_product("Canvas sneakers")
    search("trainers", Filters(sort="relevance"), Page(1, 24))
    desk = at_desk(browser)
    assert "trainers" in words(desk.page("/admin/search"))

    wrong = desk.post("/admin/search/synonyms", synonym="trainers")
    assert wrong.status_code == 422 and 'value="trainers"' in wrong.get_data(as_text=True)
    desk.post("/admin/search/synonyms", synonym="Trainers = sneakers")

    assert "Canvas sneakers" in browser.get("/search?q=trainers").get_data(as_text=True)
    desk.post("/admin/search/synonyms/remove", one="sneakers", other="trainers")
    assert "Canvas sneakers" not in browser.get("/search?q=trainers").get_data(as_text=True)
