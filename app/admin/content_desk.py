"""What the pages under /admin/content share: how a form is saved, and the tabs above them."""

from collections.abc import Callable
from typing import Any

from flask import Response, make_response, render_template, request, url_for

from app.content.services import Stale
from app.lib.errors import Invalid, NotFound
from app.lib.htmx import respond

TABS = (
    ("Front page", "admin.content_home"),
    ("Announcements", "admin.announcements"),
    ("Pages", "admin.content_pages"),
    ("Menus", "admin.menus"),
    ("Collections", "admin.collections"),
    ("Pins", "admin.pins"),
)


def tabs(current: str) -> list[dict[str, Any]]:
    """For macros/nav.html."""
    return [
        {"name": name, "url": url_for(endpoint), "count": None, "is_current": endpoint == current}
        for name, endpoint in TABS
    ]


def show(template: str, current: str, **context: Any) -> str:
    return render_template(f"admin/content/{template}.html", tabs=tabs(current), **context)


def edit_page(form: Any, *, title: str, back: str, version: int = 0, status: int = 200, **more: Any) -> Response:
    """A form on a page of its own. `back` is where Discard leads."""
    page = render_template("admin/content/edit.html", form=form, title=title, back=back, version=version, **more)
    return make_response(page, status)


def save(
    form: Any,
    write: Callable[[], Any],
    then: Callable[[Any], str],
    again: Callable[..., Response],
    *,
    say: str = "Saved.",
    saved_now: Callable[[], tuple[int, dict[str, Any]]] | None = None,
) -> Response:
    """Write, and go on; or the form `again` as it was typed, with the sentence where it belongs.

    When somebody else saved first it is 409: `saved_now` gives the version there is and its fields, so that what
    was typed stands beside what is saved, and saving once more means it.
    """
    if not form.validate():
        return again(status=422)
    try:
        made = write()
    except Invalid as error:
        form.refuse(error)
        return again(status=422)
    except Stale as error:
        version, fields = saved_now() if saved_now else (0, {})
        differs = {name: value for name, value in fields.items() if name in form and form[name].data != value}
        return again(status=409, stale=error.sentence, now_saved=differs, version=version)
    return respond(then=then(made), say=say)


def version() -> int:
    """The version a form speaks of."""
    typed = request.form.get("version", "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else 0


def there(row: Any) -> Any:
    """The row; NotFound without one."""
    if row is None:
        raise NotFound("This no longer exists. Somebody else may have removed it.")
    return row
