"""The values of options at the staff desk: their order and their shades."""

from collections.abc import Mapping

from flask import Response, render_template, request, url_for

from app.admin.blueprint import bp
from app.catalog import options as catalogue
from app.catalog.options import Shown
from app.lib.errors import Invalid
from app.lib.htmx import respond

FRAGMENT, PAGE = "admin/products/_options.html", "admin/products/options.html"


@bp.get("/options")
def options() -> str:
    return render_template(PAGE, options=catalogue.options(), failed="", typed={}, wrong={})


@bp.post("/options/<code>")
def arrange_option(code: str) -> Response:
    """`position-<value>` and `swatch-<value>` for each of its values."""
    try:
        catalogue.arrange_values(code, _shown(request.form))
    except Invalid as error:
        wrong = {error.field or "": error.sentence}
        found = catalogue.options()
        return respond(FRAGMENT, page=PAGE, status=422, options=found, failed=code, typed=request.form, wrong=wrong)
    return respond(
        FRAGMENT,
        then=url_for(".options"),
        say="Saved.",
        options=catalogue.options(),
        failed="",
        typed={},
        wrong={},
    )


def _shown(form: Mapping[str, str]) -> dict[str, Shown]:
    shown = {}
    for name, place in form.items():
        if not name.startswith("position-"):
            continue
        value = name.removeprefix("position-")
        if not place.isascii() or not place.isdigit() or len(place) > 9:
            raise Invalid("Enter a whole number: lower ones come first.", value)
        shown[value] = Shown(int(place), form.get(f"swatch-{value}", "").strip().lower())
    return shown
