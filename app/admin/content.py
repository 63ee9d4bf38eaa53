"""The words of the shop at the staff desk: announcements, menus, pages. The front page and collections stand beside."""

from typing import Any

from flask import Response, redirect, request, url_for

from app.admin import content_home as _home  # noqa: F401
from app.admin import content_products as _products  # noqa: F401
from app.admin.blueprint import bp
from app.admin.content_desk import edit_page, save, show, there, version
from app.admin.content_forms import PLACES, AnnouncementForm, LinkForm, PageForm
from app.content import services, staff_queries
from app.content.models import Announcement, ContentPage, MenuLink
from app.lib.errors import Invalid, NotFound
from app.lib.htmx import respond


@bp.get("/content")
def content() -> Any:
    return redirect(url_for(".content_home"), 303)


@bp.get("/content/announcements")
def announcements() -> str:
    return show("announcements", "admin.announcements", rows=staff_queries.announcements())


@bp.route("/content/announcements/new", methods=["GET", "POST"])
def new_announcement() -> Response:
    form = AnnouncementForm()

    def again(**how: Any) -> Response:
        return edit_page(form, title="New announcement", back=url_for(".announcements"), **how)

    if request.method == "GET":
        return again()
    return save(form, lambda: services.create_announcement(**form.values()), _announcements, again)


@bp.route("/content/announcements/<int:number>", methods=["GET", "POST"])
def announcement(number: int) -> Response:
    row = there(staff_queries.row(Announcement, number))
    form = AnnouncementForm(data=AnnouncementForm.saved(row))

    def again(**how: Any) -> Response:
        shown = {"version": row.version, **how}
        return edit_page(form, title="Announcement", back=url_for(".announcements"), **shown)

    if request.method == "GET":
        return again()
    return save(
        form,
        lambda: services.edit_announcement(number, version(), **form.values()),
        _announcements,
        again,
        saved_now=lambda: (row.version, AnnouncementForm.saved(row)),
    )


@bp.post("/content/announcements/<int:number>/place")
def place_announcement(number: int) -> Response:
    how = {"up": -1, "down": 1}.get(request.form.get("do", ""))
    if how:
        services.move_announcement(number, how)
    elif request.form.get("do") == "remove":
        services.delete_announcement(number)
    return respond(then=url_for(".announcements"), say=_said())


def _announcements(_made: Any) -> str:
    return url_for(".announcements")


def _said() -> str:
    return "Removed." if request.form.get("do") == "remove" else "Moved."


@bp.get("/content/menus")
def menus() -> str:
    rows = staff_queries.menu_links()
    places = [(place, name, [row for row in rows if row.place == place]) for place, name in PLACES.items()]
    return show("menus", "admin.menus", places=places)


@bp.route("/content/menus/<place>/new", methods=["GET", "POST"])
def new_link(place: str) -> Response:
    if place not in PLACES:
        raise NotFound("There is no such menu.")
    form = LinkForm()

    def again(**how: Any) -> Response:
        return edit_page(form, title=f"New link: {PLACES[place]}", back=url_for(".menus"), **how)

    if request.method == "GET":
        return again()
    return save(form, lambda: services.create_link(place, **form.values()), _menus, again)


@bp.route("/content/menus/<int:number>", methods=["GET", "POST"])
def menu_link(number: int) -> Response:
    row = there(staff_queries.row(MenuLink, number))
    form = LinkForm(data=LinkForm.saved(row))

    def again(**how: Any) -> Response:
        return edit_page(
            form, title=f"Link: {PLACES[row.place]}", back=url_for(".menus"), **{"version": row.version, **how}
        )

    if request.method == "GET":
        return again()
    return save(
        form,
        lambda: services.edit_link(number, version(), **form.values()),
        _menus,
        again,
        saved_now=lambda: (row.version, LinkForm.saved(row)),
    )


@bp.post("/content/menus/<int:number>/place")
def place_link(number: int) -> Response:
    how = {"up": -1, "down": 1}.get(request.form.get("do", ""))
    if how:
        services.move_link(number, how)
    elif request.form.get("do") == "remove":
        services.delete_link(number)
    return respond(then=url_for(".menus"), say=_said())


def _menus(_made: Any) -> str:
    return url_for(".menus")


@bp.get("/content/pages")
def content_pages() -> str:
    return show("pages", "admin.content_pages", rows=staff_queries.pages())


@bp.route("/content/pages/new", methods=["GET", "POST"])
def new_page() -> Response:
    form = PageForm()

    def again(**how: Any) -> Response:
        return edit_page(form, title="New page", back=url_for(".content_pages"), **how)

    if request.method == "GET":
        return again()
    return save(form, lambda: services.create_page(form.values()), _page, again, say="Saved as a draft.")


@bp.route("/content/pages/<slug>", methods=["GET", "POST"])
def content_page(slug: str) -> Response:
    row = there(staff_queries.by_slug(ContentPage, slug))
    number = row.id
    form = PageForm(data=PageForm.saved(row))

    def again(**how: Any) -> Response:
        shown = {"version": row.version, "row": row, "status_of": "page", **how}
        return edit_page(form, title=row.title, back=url_for(".content_pages"), **shown)

    if request.method == "GET":
        return again()
    return save(
        form,
        lambda: services.edit_page(number, version(), form.values()),
        _page,
        again,
        say="Saved. Publish it to show it to shoppers.",
        saved_now=lambda: (row.version, PageForm.saved(row)),
    )


@bp.post("/content/pages/<slug>/status")
def page_status(slug: str) -> Response:
    row = there(staff_queries.by_slug(ContentPage, slug))
    number, what = row.id, request.form.get("do", "")
    if what == "delete":
        services.delete_page(number)
        return respond(then=url_for(".content_pages"), say="Deleted. Its address says that it is gone.")
    if what == "publish":
        services.publish_page(number, version())
        return respond(then=url_for(".content_page", slug=slug), say="Published.")
    if what == "unpublish":
        services.unpublish_page(number, version())
        return respond(then=url_for(".content_page", slug=slug), say="Taken back. Shoppers no longer see it.")
    raise Invalid("Choose what shall happen to the page: publish, take back or delete.")


def _page(made: Any) -> str:
    return url_for(".content_page", slug=made.slug)
