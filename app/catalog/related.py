"""What staff say goes well with a product, in their order."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.catalog.models import Product, RelatedProduct
from app.lib.db import transaction
from app.lib.errors import Invalid, NotFound

MOST = 12


def relate(product_id: int, related_id: int) -> None:
    """Put a product at the end of the list; one that is there already stays where it is. Raises Invalid, NotFound."""
    if product_id == related_id:
        raise Invalid("A product goes with others, not with itself.", "related")
    with transaction() as current:
        chosen = _locked(current, product_id)
        if current.get(Product, related_id) is None:
            raise NotFound("This product no longer exists.")
        if any(row.related_id == related_id for row in chosen):
            return
        if len(chosen) >= MOST:
            raise Invalid(f"At most {MOST} products are named. Remove one first.", "related")
        current.add(RelatedProduct(product_id=product_id, related_id=related_id, position=len(chosen)))
        _number(chosen)


def move_related(product_id: int, related_id: int, by: int) -> None:
    """Move it `by` places, -1 up and 1 down; at an end it stays."""
    with transaction() as current:
        chosen = _locked(current, product_id)
        place = next((n for n, row in enumerate(chosen) if row.related_id == related_id), None)
        if place is None:
            raise NotFound("This product is not in the list any more.")
        chosen.insert(max(0, min(len(chosen) - 1, place + by)), chosen.pop(place))
        _number(chosen)


def unrelate(product_id: int, related_id: int) -> None:
    """Take it out of the list; taking it out twice is no error."""
    with transaction() as current:
        _locked(current, product_id)
        current.execute(
            delete(RelatedProduct).where(
                RelatedProduct.product_id == product_id, RelatedProduct.related_id == related_id
            )
        )


def _locked(current: Session, product_id: int) -> list[RelatedProduct]:
    """The list in its order; whoever changes it takes turns."""
    if current.scalar(select(Product.id).where(Product.id == product_id).with_for_update()) is None:
        raise NotFound("This product no longer exists.")
    rows = select(RelatedProduct).where(RelatedProduct.product_id == product_id)
    return list(current.scalars(rows.order_by(RelatedProduct.position, RelatedProduct.related_id)))


def _number(rows: list[RelatedProduct]) -> None:
    for position, row in enumerate(rows):
        row.position = position
