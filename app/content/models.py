"""What staff say in the shop: the front page, announcements, pages, menus, collections."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from app.lib.db import CreatedAt, Model

KINDS = ("hero", "feature", "tiles", "shelf", "text")
PLACES = ("header", "help", "about")


class HomeSection(Model):
    """One part of the front page. `draft` is what staff work on, `live` what shoppers see: none before it is published.

    Both hold the fields of `sections.Section`; `live` has its own position. A section that is removed stays until
    the page is published.
    """

    __tablename__ = "home_sections"
    __table_args__ = (CheckConstraint("kind IN ('hero', 'feature', 'tiles', 'shelf', 'text')", name="kind_known"),)

    kind: Mapped[str]
    position: Mapped[int] = mapped_column(server_default="0")
    draft: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    live: Mapped[dict[str, Any] | None]
    is_removed: Mapped[bool] = mapped_column(server_default=false())
    version: Mapped[int] = mapped_column(server_default="1")

    __mapper_args__ = {"version_id_col": version}


class Announcement(Model):
    """One line above every page, from `starts_at` to `ends_at`, either of which may be open."""

    __tablename__ = "announcements"
    __table_args__ = (CheckConstraint("starts_at < ends_at", name="starts_first"),)

    text: Mapped[str]
    url: Mapped[str] = mapped_column(server_default="")
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    is_published: Mapped[bool] = mapped_column(server_default=false())
    position: Mapped[int] = mapped_column(server_default="0")
    version: Mapped[int] = mapped_column(server_default="1")

    __mapper_args__ = {"version_id_col": version}


class ContentPage(Model):
    """A page in Markdown at /pages/<slug>. Staff write title, body and description; `live` is what is published."""

    __tablename__ = "pages"

    slug: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    body: Mapped[str] = mapped_column(server_default="")
    description: Mapped[str] = mapped_column(server_default="")
    live: Mapped[dict[str, Any] | None]
    version: Mapped[int] = mapped_column(server_default="1")
    updated_at: Mapped[CreatedAt]

    __mapper_args__ = {"version_id_col": version}


class MenuLink(Model):
    """A link in the header or in a column of the footer. A place without links shows the shop's own."""

    __tablename__ = "menu_links"
    __table_args__ = (CheckConstraint("place IN ('header', 'help', 'about')", name="place_known"),)

    place: Mapped[str]
    title: Mapped[str]
    url: Mapped[str]
    position: Mapped[int] = mapped_column(server_default="0")
    version: Mapped[int] = mapped_column(server_default="1")

    __mapper_args__ = {"version_id_col": version}


class Collection(Model):
    """Products that fit a rule, at /collections/<slug>, whatever category they stand in."""

    __tablename__ = "collections"

    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    meta_title: Mapped[str] = mapped_column(server_default="")
    meta_description: Mapped[str] = mapped_column(server_default="")
    rule: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    is_published: Mapped[bool] = mapped_column(server_default=false())
    version: Mapped[int] = mapped_column(server_default="1")
    updated_at: Mapped[CreatedAt]

    __mapper_args__ = {"version_id_col": version}
