"""What every template may use."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, cast

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_percent
from flask import Flask, g, has_request_context, request
from flask_login import current_user
from jinja2 import Template
from jinja2.environment import TemplateModule
from jinja2.runtime import Context
from markupsafe import Markup

from app.lib import runtime
from app.lib.storage import storage
from app.payments.registry import all_providers
from app.promises import promises


class SharedMacros(Template):
    """A template whose macros are made once.

    Jinja compares all globals at each import, in case the importing template was given some of its own; ours never
    are, and on a page with twenty imports that took a twelfth of the time.
    """

    def _get_default_module(self, _ctx: Context | None = None) -> TemplateModule:
        return super()._get_default_module()


class Remembered:
    """A fragment that is the same on every page, rendered again when what it shows is read anew."""

    def __init__(self, app: Flask, template: str, **shows: Callable[[], object]):
        self._template = app.jinja_env.get_template(template)
        self._shows = shows
        self._kept: tuple[list[object], Markup] | None = None

    def __call__(self) -> Markup:
        now = [read() for read in self._shows.values()]
        kept = self._kept
        if kept is None or any(one is not other for one, other in zip(kept[0], now, strict=True)):
            kept = self._kept = now, Markup(self._template.render(self._shows))  # noqa: S704 - a template escapes
        return kept[1]


class Drawn:
    """A macro whose results are kept: what it draws looks the same on every page until it shows something else.

    `most` results are kept, for what was drawn last. What it is called with must be hashable.
    """

    def __init__(self, app: Flask, template: str, macro: str, most: int):
        file = app.jinja_env.get_template(template)

        def draw(*shown: object, **how: object) -> Markup:
            return cast(Markup, getattr(file.module, macro)(*shown, **how))

        self._draw = lru_cache(0 if app.debug else most)(draw)

    def __call__(self, *shown: object, **how: object) -> Markup:
        return self._draw(*shown, **how)


def init_app(app: Flask) -> None:
    from app.catalog.queries import menu

    app.jinja_env.template_class = SharedMacros
    app.jinja_env.filters.update(day=day, moment=moment, ago=ago, iso=iso, country=country, percent=percent)
    app.jinja_env.globals.update(
        picture_url=picture_url,
        current_user=current_user,
        takes_play_money=takes_play_money,
        promises=promises,
        card=Drawn(app, "macros/products.html", "card", most=2000),  # of about 1.5 KB
        facet=Drawn(app, "macros/facets.html", "facet", most=200),  # of about 10 KB
        menu_panels=Remembered(app, "layouts/_menu_panels.html", menu=menu),
        menu_drawer=Remembered(app, "layouts/_menu_drawer.html", menu=menu),
    )

    @app.context_processor
    def shop() -> dict[str, Any]:
        from app.cart.cookie import cart_quantity
        from app.content.queries import announcement, links

        settings = runtime.settings()
        if not has_request_context():
            return {"shop": settings}
        return {
            "shop": settings,
            "cart_quantity": cart_quantity(),
            "menu": menu,
            "announcement": announcement,
            "links": links,
            "theme": request.cookies.get("theme") if g.get("is_private") else None,
            "now": datetime.now(UTC),
        }


def takes_play_money() -> bool:
    """Whether anything sold here may be paid with the demo provider, so that nobody takes the shop for real."""
    return "demo" in all_providers()


def day(moment: datetime) -> str:
    return format_date(moment, "EEE d MMM", locale=runtime.settings().locale)


def moment(at: datetime) -> str:
    return format_datetime(at, "EEE d MMM, HH:mm", locale=runtime.settings().locale)


def ago(at: datetime) -> str:
    """Relative under a day, else the date."""
    passed = datetime.now(UTC) - at
    if passed.days >= 1:
        return moment(at)
    return format_timedelta(-passed, add_direction=True, locale=runtime.settings().locale)


def iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def country(code: str) -> str:
    """US as United States."""
    return str(Locale.parse(runtime.settings().locale).territories.get(code, code))


def percent(rate: Decimal) -> str:
    """0.085 as 8.5%."""
    return format_percent(rate, "#,##0.###%", locale=runtime.settings().locale)


def picture_url(key: str, width: int) -> str:
    return storage().url(f"{key}-{width}.webp")
