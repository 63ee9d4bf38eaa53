"""Pictures of a product: uploaded, described, put in order, removed."""

import logging
import uuid
from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalog.models import Image, Product
from app.lib.db import transaction
from app.lib.errors import Invalid, NotFound
from app.lib.images import Picture, read_picture
from app.lib.storage import NotKept, storage

log = logging.getLogger(__name__)

MOST_IMAGES = 24
LONGEST_ALT = 300


def add_image(product_id: int, content: bytes, *, alt: str = "") -> Image:
    """Add a picture at the end of the gallery. Raises Invalid for anything that is not a reasonable picture.

    The files are there before the row is, so no page ever names a file that is missing; without the row the
    files go again. Raises NotKept when they cannot be kept.
    """
    return add_picture(product_id, read_picture(content), alt=alt)


def add_picture(product_id: int, picture: Picture, *, alt: str = "") -> Image:
    """The same for a picture that has been read already, so that many can be read at once."""
    alt = _alt(alt)
    key = f"p/{uuid.uuid4().hex}"
    try:
        keep_files(key, picture)
        with transaction() as current:
            _lock_product(current, product_id)
            images = _in_order(current, product_id)
            if len(images) >= MOST_IMAGES:
                raise Invalid(f"A product has at most {MOST_IMAGES} pictures. Remove one first.", "image")
            image = Image(
                product_id=product_id,
                key=key,
                alt=alt,
                width=picture.width,
                height=picture.height,
                widths=list(picture.widths),
                formats=list(picture.formats),
                position=images[-1].position + 1 if images else 0,
            )
            current.add(image)
            current.flush()
    except BaseException:
        delete_files({key: picture.files})
        raise
    return image


def keep_files(key: str, picture: Picture) -> None:
    """Put every file of a picture into storage. Raises NotKept."""
    for ending, content in picture.files.items():
        storage().put(f"{key}-{ending}", content)


def describe_image(public_id: uuid.UUID, alt: str) -> None:
    """Say what a picture shows, for people who do not see it. Raises NotFound, Invalid."""
    alt = _alt(alt)
    with transaction() as current:
        _image(current, public_id).alt = alt


def move_image(public_id: uuid.UUID, by: int) -> None:
    """Move a picture `by` places, -1 to the left and 1 to the right; at an end it stays. Raises NotFound."""
    with transaction() as current:
        image = _image(current, public_id)
        _lock_product(current, image.product_id)
        images = _in_order(current, image.product_id)
        place = images.index(image)
        images.insert(max(0, min(len(images) - 1, place + by)), images.pop(place))
        for position, each in enumerate(images):
            each.position = position


def remove_image(public_id: uuid.UUID) -> None:
    """Take a picture away, and its files once that is certain and no other picture uses them. Raises NotFound."""
    with transaction() as current:
        image = _image(current, public_id)
        files = files_of([image])
        current.delete(image)
        unused = without_shared(current, files)
    delete_files(unused)


def files_of(images: Iterable[Image]) -> dict[str, list[str]]:
    """The ends of the names of all files of these pictures (400.webp), by key."""
    return {image.key: [f"{width}.{ending}" for width in image.widths for ending in image.formats] for image in images}


def without_shared(current: Session, files: dict[str, list[str]]) -> dict[str, list[str]]:
    """Those that no row names any more, after the rows they belonged to were deleted in this transaction."""
    current.flush()
    shared = set(current.scalars(select(Image.key).where(Image.key.in_(files))))
    return {key: ends for key, ends in files.items() if key not in shared}


def _alt(typed: str) -> str:
    alt = " ".join(typed.split())
    if len(alt) > LONGEST_ALT:
        raise Invalid(f"The description is longer than {LONGEST_ALT} characters. Shorten it.", "alt")
    return alt


def _lock_product(current: Session, product_id: int) -> None:
    """Whoever changes the order of a gallery takes turns."""
    locked = current.scalar(select(Product.id).where(Product.id == product_id).with_for_update())
    if locked is None:
        raise NotFound("This product no longer exists.")


def _in_order(current: Session, product_id: int) -> list[Image]:
    rows = select(Image).where(Image.product_id == product_id).order_by(Image.position, Image.id)
    return list(current.scalars(rows.execution_options(populate_existing=True)))


def _image(current: Session, public_id: uuid.UUID) -> Image:
    image = current.scalars(select(Image).where(Image.public_id == public_id)).one_or_none()
    if image is None:
        raise NotFound("This picture no longer exists.")
    return image


def delete_files(files: Mapping[str, Iterable[str]]) -> None:
    """A file that cannot be deleted costs a little space; it must not undo what has been decided."""
    for key, ends in files.items():
        for ending in ends:
            try:
                storage().delete(f"{key}-{ending}")
            except NotKept:
                # The others would have to be waited for as long.
                log.warning("Could not delete the files %s-*, beginning with %s; they stay in storage", key, ending)
                return
