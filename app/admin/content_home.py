"""The front page at the staff desk: its sections, put in order as drafts and published together."""

from typing import Any

from flask import Response, request, url_for

from app.admin.blueprint import bp
from app.admin.content_desk import edit_page, save, show, there, version
from app.admin.content_forms import SectionForm
from app.content import home, staff_queries
from app.content.models import HomeSection
from app.lib.errors import NotFound
from app.lib.htmx import respond

KINDS = {
    "hero": "Hero",
    "feature": "Feature panel",
    "tiles": "Category tiles",
    "shelf": "Product shelf",
    "text": "Text",
}


@bp.get("/content/home")
def content_home() -> str:
    rows = staff_queries.sections()
    changed = any(row.is_removed or row.live != {**row.draft, "position": row.position} for row in rows)
    return show("home", "admin.content_home", rows=rows, kinds=KINDS, seen=home.mark(rows), has_changes=changed)


@bp.post("/content/home")
def front_page() -> Response:
    """Its buttons send `do`: begin, publish or discard."""
    what = request.form.get("do", "")
    words = ""
    if what == "begin":
        home.begin()
        words = "These are the sections shoppers see now."
    elif what == "publish":
        home.publish(request.form.get("seen", ""))
        words = "Published. Shoppers see it now."
    elif what == "discard":
        home.discard()
        words = "Back to what shoppers see."
    return respond(then=url_for(".content_home"), say=words or None)


@bp.route("/content/home/new/<kind>", methods=["GET", "POST"])
def new_section(kind: str) -> Response:
    form = _form(kind)

    def again(**how: Any) -> Response:
        return edit_page(form, title=f"New section: {KINDS[kind]}", back=url_for(".content_home"), **how)

    if request.method == "GET":
        return again()
    return save(
        form,
        lambda: home.add_section(kind, form.values(), upload=_upload()),
        _home,
        again,
        say="Added as a draft.",
    )


@bp.route("/content/home/<int:number>", methods=["GET", "POST"])
def section(number: int) -> Response:
    row = there(staff_queries.row(HomeSection, number))
    form = _form(row.kind, SectionForm.saved(row.draft))

    def again(**how: Any) -> Response:
        shown = {"version": row.version, **how}
        return edit_page(form, title=row.draft.get("title") or KINDS[row.kind], back=url_for(".content_home"), **shown)

    if request.method == "GET":
        return again()
    return save(
        form,
        lambda: home.save_section(number, version(), form.values(), upload=_upload()),
        _home,
        again,
        say="Saved. Publish the page to show it to shoppers.",
        saved_now=lambda: (row.version, SectionForm.saved(row.draft)),
    )


@bp.post("/content/home/<int:number>/place")
def place_section(number: int) -> Response:
    """Its buttons send `do`: up, down or remove."""
    what = request.form.get("do", "")
    if what in ("up", "down"):
        home.move_section(number, -1 if what == "up" else 1)
    elif what == "remove":
        home.remove_section(number)
    return respond(
        then=url_for(".content_home"), say="Moved." if what != "remove" else "It goes with the next publishing."
    )


def _form(kind: str, saved: dict[str, Any] | None = None) -> SectionForm:
    if kind not in KINDS:
        raise NotFound("There is no such kind of section.")
    return SectionForm(data=saved or {}).of_kind(kind)


def _upload() -> bytes:
    upload = request.files.get("image")
    return upload.read() if upload else b""


def _home(_made: Any) -> str:
    return url_for(".content_home")
