"""Reads of the catalogue: rows ready to show, never entities, so that a listing costs little."""

from app.catalog.queries.cards import CardView, Picture, picture
from app.catalog.queries.filters import SORTS, Filters
from app.catalog.queries.former import Former, former
from app.catalog.queries.home import SHELF_SORTS, Shelf, Tile, category_tiles, shelves
from app.catalog.queries.listing import Facet, FacetValue, Listing, Scope, listing
from app.catalog.queries.menu import (
    BrandPage,
    CategoryPage,
    MenuEntry,
    brand_by_slug,
    category_by_path,
    category_names,
    forget_menu,
    menu,
)
from app.catalog.queries.product import ProductPage, product_page
from app.catalog.queries.rules import Rule
from app.catalog.queries.search import Suggestions, search, suggest

__all__ = [
    "SHELF_SORTS",
    "SORTS",
    "BrandPage",
    "CardView",
    "CategoryPage",
    "Facet",
    "FacetValue",
    "Filters",
    "Former",
    "Listing",
    "MenuEntry",
    "Picture",
    "ProductPage",
    "Rule",
    "Scope",
    "Shelf",
    "Suggestions",
    "Tile",
    "brand_by_slug",
    "category_by_path",
    "category_names",
    "category_tiles",
    "forget_menu",
    "former",
    "listing",
    "menu",
    "picture",
    "product_page",
    "search",
    "shelves",
    "suggest",
]
