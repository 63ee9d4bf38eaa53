"""create_app() reads like a table of contents.

It imports what it needs when it is called: what keeps processes running and the simulators are in this package too,
and start much faster without the shop.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

ROOT = Path(__file__).parent.parent


def create_app(environ: Mapping[str, str] = os.environ, *, role: str = "web") -> "Flask":
    """The shop as one WSGI application. Raises BadSetting when a variable cannot be used."""
    from flask import Flask
    from flask_migrate import Migrate
    from flask_wtf import CSRFProtect
    from werkzeug.middleware.proxy_fix import ProxyFix

    from app import config, faults, globals_
    from app.admin import uploads
    from app.lib import (
        assets,
        forgery,
        http_headers,
        jobs,
        money,
        notices,
        pagecache,
        replica,
        runtime,
        storage,
        telemetry,
    )
    from app.lib.db import binds, db, engine_options
    from app.lib.sessions import RowSessions
    from app.shell import shell

    settings = config.load(environ)
    runtime.use(settings)
    money.use_locale(settings.locale)
    telemetry.start_logging(settings.log_level)

    app = Flask("app", root_path=str(ROOT), template_folder="templates", static_folder=None)
    app.config.update(
        SETTINGS=settings,
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(role),
        SQLALCHEMY_BINDS=binds(settings.database_replica_url, role),
        SESSION_COOKIE_NAME="__Host-session" if settings.is_tls else "session",
        SESSION_COOKIE_SECURE=settings.is_tls,
        MAX_CONTENT_LENGTH=12 * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=256 * 1024,
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.session_interface = RowSessions()

    db.init_app(app)
    Migrate(app, db, directory=str(ROOT / "migrations"))
    CSRFProtect(app)
    telemetry.init_app(app)
    uploads.init_app(app)
    http_headers.init_app(app)
    faults.init_app(app)
    forgery.init_app(app)
    notices.init_app(app)
    storage.init_app(app)
    jobs.init_app(app)
    globals_.init_app(app)
    _sign_in(app)
    _register(app)
    replica.init_app(app, readers={"catalog", "content", "crawlers"})

    pagecache.init_app(app, shell(app))
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    assets.init_app(app, host=settings.cdn_url)
    return app


def _sign_in(app: "Flask") -> None:
    from flask_login import LoginManager

    from app.auth import loader

    manager = LoginManager(app, add_context_processor=False)
    manager.session_protection = None
    loader.init_app(manager)


def _register(app: "Flask") -> None:
    """Every domain: its pages, its jobs, its commands."""
    from app import cli, dev, health, pages
    from app import housekeeping as _housekeeping  # noqa: F401
    from app.admin import views as admin
    from app.auth import jobs as _auth_jobs  # noqa: F401
    from app.auth import views as auth
    from app.cart import views as cart
    from app.catalog import jobs as _catalog_jobs  # noqa: F401
    from app.catalog import moments as _moments  # noqa: F401
    from app.catalog import views as catalog
    from app.catalog.search import jobs as _search_jobs  # noqa: F401
    from app.checkout import jobs as _checkout_jobs  # noqa: F401
    from app.checkout import views as checkout
    from app.content import crawlers
    from app.content import moments as _content_moments  # noqa: F401
    from app.content import views as content
    from app.invoices import jobs as _invoices_jobs  # noqa: F401
    from app.invoices import views as invoices
    from app.orders import jobs as _orders_jobs  # noqa: F401
    from app.orders import views as orders
    from app.payments import jobs as _payments_jobs  # noqa: F401
    from app.payments import views as payments

    for module in (
        health,
        pages,
        dev,
        crawlers,
        content,
        catalog,
        cart,
        auth,
        checkout,
        orders,
        invoices,
        payments,
        admin,
    ):
        app.register_blueprint(module.bp)
    cli.init_app(app)
