"""Pictures: checked by decoding, stripped of everything but pixels, written in the sizes and formats pages ask for."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from app.lib.errors import Invalid

WIDTHS = (240, 400, 800, 1200)
MOST_BYTES = 10 * 1024 * 1024
MOST_PIXELS = 25_000_000
HIGHEST = 16_383  # pixels of a WebP's side
FORMATS = ("JPEG", "PNG", "WEBP")

# By the ending of their files. Measured on the demo pictures: AVIF at speed 6 is 7 % smaller than at 8 and takes
# three times as long; at 9 and 10 it is larger than WebP. All four widths cost 0.4 s of CPU in AVIF, 0.15 in the rest.
WRITTEN = {
    "avif": ("AVIF", {"quality": 50, "speed": 8}),
    "webp": ("WEBP", {"quality": 78, "method": 3}),
    "jpg": ("JPEG", {"quality": 76, "optimize": True, "progressive": True}),
}
QUICK = ("webp", "jpg")
EVERY = tuple(WRITTEN)

Image.MAX_IMAGE_PIXELS = MOST_PIXELS
T = Image.Transpose
TURNS = {
    2: T.FLIP_LEFT_RIGHT, 3: T.ROTATE_180, 4: T.FLIP_TOP_BOTTOM, 5: T.TRANSPOSE, 6: T.ROTATE_270, 7: T.TRANSVERSE,
    8: T.ROTATE_90,
}  # fmt: skip
SRGB = ImageCms.createProfile("sRGB")


@dataclass(frozen=True)
class Picture:
    """One upload: its own width and height in pixels, and the files made of it by the end of their names (400.webp)."""

    width: int
    height: int
    widths: tuple[int, ...]
    formats: tuple[str, ...]
    files: dict[str, bytes]


def read_picture(content: bytes, formats: Sequence[str] = EVERY) -> Picture:
    """Decode an upload and make its files. Raises Invalid for anything that is not a reasonable picture."""
    if len(content) > MOST_BYTES:
        raise Invalid("The picture is larger than 10 MB. Make it smaller and upload it again.", "image")
    upright, profile = _decode(content)
    widths = [width for width in WIDTHS if width <= upright.width] or [upright.width]
    widths = [width for width in widths if upright.height * width <= HIGHEST * upright.width]
    if not widths:
        raise Invalid("The picture is far too high for its width. Cut it into several.", "image")
    files: dict[str, bytes] = {}
    smaller = upright
    for width in reversed(widths):
        # Each size from the one above: a fifth less work than from the original, and no visible difference.
        smaller = _resized(smaller, width)
        if profile:
            smaller, profile = _in_srgb(smaller, profile), None
        files |= {f"{width}.{ending}": written(smaller, ending) for ending in formats}
    return Picture(upright.width, upright.height, tuple(widths), tuple(formats), files)


def written(image: Image.Image, ending: str) -> bytes:
    """The pixels as a file of that kind; where they let something through, a JPEG shows white."""
    kind, how = WRITTEN[ending]
    if kind == "JPEG" and image.mode == "RGBA":
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        image = white
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def _decode(content: bytes) -> tuple[Image.Image, bytes | None]:
    """The pixels, upright, and the colour profile they are meant in."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
                # The header is enough to refuse a bomb before a single pixel is decoded.
                if opened.width * opened.height > MOST_PIXELS:
                    raise Invalid("The picture has more than 25 megapixels. Make it smaller.", "image")
                opened.load()
                profile = opened.info.get("icc_profile")
                return _plain(_in_rgb(_upright(opened), profile)), profile
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise Invalid("This file is not a JPEG, PNG or WebP picture.", "image") from None
    except Image.DecompressionBombError:
        raise Invalid("The picture has more than 25 megapixels. Make it smaller.", "image") from None


def _upright(image: Image.Image) -> Image.Image:
    """Only the turn is read: what else a camera wrote may be broken, and is thrown away anyway."""
    try:
        turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        turn = None
    return image if turn is None else image.transpose(turn)


def _in_rgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Inks and greys that come with a profile, by that profile, because it says nothing about RGB."""
    if not profile or image.mode not in ("CMYK", "L"):
        return image
    return _in_srgb(image, profile)


def _plain(image: Image.Image) -> Image.Image:
    """Pixels only: no EXIF, no colour profile, no palette."""
    if image.mode.startswith("I"):
        # Greys of 16 bits; converted as they are, all but the darkest would be white.
        image = image.convert("I").point(lambda grey: grey * (1 / 257) + 0.5).convert("L")
    has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    pixels = image.convert("RGBA" if has_alpha else "RGB")
    clean = Image.new(pixels.mode, pixels.size)
    clean.paste(pixels)
    return clean


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The colours a profile means, as browsers show pictures without one. A profile that cannot be read is no loss."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    base = image.convert("RGB") if alpha else image
    try:
        shown = ImageCms.profileToProfile(base, io.BytesIO(profile), SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    if shown is None:
        return image
    shown.info.pop("icc_profile", None)
    if alpha:
        shown.putalpha(alpha)
    return shown


def _resized(image: Image.Image, width: int) -> Image.Image:
    if width == image.width:
        return image
    height = max(1, round(image.height * width / image.width))
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
