"""The catalogue as a file, through the pages staff use; and pictures that nobody has described."""

import csv
import io
import re

import pytest

from app.catalog import services
from app.lib.db import session
from tests.admin.desk import at_desk, words
from tests.catalog.goods import a_picture, a_product, a_shelf
from tests.factories import PASSWORD


def bring(desk, content: bytes, name: str = "goods.csv"):
    return desk.post("/admin/products/csv/imports", file=(io.BytesIO(content), name))


def test_the_file_goes_out_and_comes_back_by_way_of_the_desk(browser, run_jobs):
    a_product("=cmd|' /C calc'!A0", variants=[{"sku": "F-1"}])
    desk = at_desk(browser)

    asked = desk.post("/admin/products/csv/exports", password=PASSWORD)
    assert "Being written" in words(desk.page("/admin/products/csv")) and asked.status_code == 303
    run_jobs()

    link = re.search(r'href="(/admin/products/csv/exports/[^"]+)"', desk.page("/admin/products/csv"))[1]
    file = desk.get(link)
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert file.headers["Cache-Control"] == "private, no-store"
    [row] = csv.DictReader(io.StringIO(file.data.decode("utf-8-sig")))
    assert row["sku"] == "F-1" and row["name"].startswith("'=cmd")

    place = bring(desk, file.data).location
    run_jobs()
    assert "Unchanged 1" in words(desk.page(place))


def test_an_export_wants_the_password_again(browser):
    desk = at_desk(browser)

    answer = desk.post("/admin/products/csv/exports", password="guess")

    assert answer.status_code == 422 and "That is not your password." in words(answer.text)
    assert "Being written" not in words(desk.page("/admin/products/csv"))


@pytest.mark.parametrize("htmx", [False, True])
def test_what_would_change_is_seen_before_it_is_applied(browser, run_jobs, htmx):
    shelf = a_shelf()
    a_product("Field jacket", shelf=shelf, variants=[{"sku": "F-1"}])
    a_product("Cape", shelf=shelf, variants=[{"sku": "F-2"}])
    desk = at_desk(browser, htmx=htmx)
    answer = bring(desk, b'sku,price,name\nF-1,25.00,Field jacket\nF-2,"1,5",=Field jacket\n')
    place = answer.headers["HX-Redirect"] if htmx else answer.location
    waiting = desk.page(place)
    assert "<progress" in waiting and 'hx-trigger="every 1s"' in waiting and 'http-equiv="refresh"' in waiting

    run_jobs()

    page = desk.page(place)
    assert "<del>19.99</del> <ins>25.00</ins>" in page and "http-equiv" not in page
    assert "a comma can mean two things" in words(page)
    wrong = list(csv.DictReader(io.StringIO(desk.get(f"{place}/wrong.csv").data.decode("utf-8-sig"))))
    assert [(row["line"], row["sku"], row["price"], row["name"]) for row in wrong] == [
        ("3", "F-2", "1,5", "'=Field jacket")
    ]
    refused = desk.post(f"{place}/apply", mode="whole")
    assert refused.status_code == 409 and "Mend them first" in words(refused.text)
    applied = desk.post(f"{place}/apply", mode="batches")
    assert applied.status_code == (200 if htmx else 303)
    run_jobs()
    assert "Written 1" in words(desk.page(place))
    assert "$25.00" in browser.get("/p/field-jacket?sku=F-1").text


def test_a_file_that_cannot_be_used_is_a_sentence_and_a_long_one_is_taken(browser, run_jobs):
    desk = at_desk(browser)

    assert "Choose a file first" in words(desk.post("/admin/products/csv/imports").text)
    assert "this one is empty" in words(bring(desk, b"").text)
    place = bring(desk, b"sku,price\n" + b"A" * 13 * 1024 * 1024)
    assert place.status_code == 303, "more than the rest of the shop takes"
    place = bring(desk, b"%PDF-1.4 \xe2\xe3\xcf\xd3").location
    run_jobs()
    page = desk.page(place)
    assert "The file is not UTF-8" in words(page) and "Bring another file" in page


def test_others_may_not_send_so_much(browser):
    answer = browser.post(
        "/admin/products/csv/imports", data={"file": (io.BytesIO(b"x" * 13 * 1024 * 1024), "goods.csv")}
    )

    assert answer.status_code == 413


def test_staff_are_told_of_pictures_without_description(browser):
    described, other = a_product("Told coat"), a_product("Mute coat")
    services.add_image(described.id, a_picture(size=(240, 300)), alt="A coat")
    image = services.add_image(other.id, a_picture(size=(240, 300)))
    services.unpublish(other.id)
    desk = at_desk(browser)

    page = words(desk.page("/admin/products/mute-coat"))
    assert "One picture has no description" in page and "Describe them" in page
    assert "no description" not in words(desk.page("/admin/products/told-coat"))
    lacking = words(desk.page("/admin/products?status=undescribed"))
    assert "Mute coat" in lacking and "Told coat" not in lacking
    said = desk.post("/admin/products/mute-coat/status", status="active")
    assert "Some of its pictures have no description yet." in words(browser.get(said.location).text)

    services.describe_image(image.public_id, "Quiet")
    session().rollback()
    assert "Every picture is described." in words(desk.page("/admin/products?status=undescribed"))
