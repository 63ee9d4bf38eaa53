"""What shoppers search for: the words that mean the same here, and those that found nothing."""

from flask import Response, render_template, request, url_for

from app.admin.blueprint import bp
from app.catalog.search import misses, synonyms
from app.lib.errors import Invalid
from app.lib.htmx import respond


@bp.get("/search")
def search_words() -> str:
    return render_template("admin/search/index.html", pairs=synonyms.pairs(), misses=misses.report())


@bp.post("/search/synonyms")
def add_synonym() -> Response:
    typed = request.form.get("synonym", "")
    try:
        one, other = synonyms.add(typed)
    except Invalid as error:
        return respond(
            "admin/search/_synonyms.html",
            page="admin/search/index.html",
            status=422,
            pairs=synonyms.pairs(),
            misses=misses.report(),
            error=error.sentence,
            typed=typed,
        )
    return _done(f"Whoever searches for “{one}” finds “{other}” too, and the other way round.")


@bp.post("/search/synonyms/remove")
def remove_synonym() -> Response:
    one, other = request.form.get("one", ""), request.form.get("other", "")
    synonyms.remove(one, other)
    return _done(f"“{one}” and “{other}” are two words again.")


def _done(words: str) -> Response:
    return respond("admin/search/_synonyms.html", then=url_for(".search_words"), say=words, pairs=synonyms.pairs())
