"""The pencils: small functions that write SVG, on a canvas of 400 by 500."""

import colorsys
from dataclasses import dataclass

GOLD = "#c9a56b"
WOOD = "#a8794c"
DARK_WOOD = "#865c36"
PAPER = "#faf6ec"
INK = "#8b8272"

BACKDROPS = {
    "sand": ("#f3eee6", "#e6ddd0"),
    "sage": ("#eaefe8", "#d8e2d6"),
    "sky": ("#e9eff3", "#d5e0e8"),
    "clay": ("#f5ebe5", "#ead8cd"),
    "lilac": ("#efecf3", "#dfdae8"),
    "stone": ("#efeeec", "#dedcd8"),
    "butter": ("#f7f1dd", "#eee2bf"),
}


def shade(colour: str, factor: float) -> str:
    """A darker colour (factor below 1) or a lighter one (above 1)."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, light, saturation = colorsys.rgb_to_hls(red, green, blue)
    light = light * factor if factor < 1 else light + (1 - light) * (factor - 1)
    return "#" + "".join(f"{round(c * 255):02x}" for c in colorsys.hls_to_rgb(hue, min(1, light), saturation))


@dataclass(frozen=True)
class Tone:
    """A colour and what a surface of it is filled with: the soft gradient of a picture, or plain in a scene."""

    colour: str
    fill: str = "url(#m)"

    def __call__(self, factor: float) -> str:
        return shade(self.colour, factor)


def tag(name: str, **attributes: object) -> str:
    written = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in attributes.items())
    return f"<{name}{written}/>"


def path(d: str, fill: str, **attributes: object) -> str:
    return tag("path", d=d, fill=fill, **attributes)


def line(d: str, colour: str, width: float = 2.2, opacity: float = 1) -> str:
    """A stroke with round ends."""
    return tag(
        "path",
        d=d,
        fill="none",
        stroke=colour,
        stroke_width=width,
        stroke_linecap="round",
        stroke_linejoin="round",
        opacity=opacity,
    )


def rect(x: float, y: float, width: float, height: float, fill: str, rx: float = 0, **attributes: object) -> str:
    return tag("rect", x=x, y=y, width=width, height=height, rx=rx, fill=fill, **attributes)


def ellipse(cx: float, cy: float, rx: float, ry: float, fill: str, **attributes: object) -> str:
    return tag("ellipse", cx=cx, cy=cy, rx=rx, ry=ry, fill=fill, **attributes)


def circle(cx: float, cy: float, r: float, fill: str, **attributes: object) -> str:
    return tag("circle", cx=cx, cy=cy, r=r, fill=fill, **attributes)


def ring(cx: float, cy: float, r: float, colour: str, width: float = 2) -> str:
    return tag("circle", cx=cx, cy=cy, r=r, fill="none", stroke=colour, stroke_width=width)


def group(content: str, transform: str) -> str:
    return f'<g transform="{transform}">{content}</g>'


def mirrored(content: str) -> str:
    """The drawing and its mirror image about the middle of the canvas."""
    return content + group(content, "translate(400 0) scale(-1 1)")


def picture(content: str, backdrop: str, tone: Tone, *, stands: bool = True, view: str = "0 0 400 500") -> str:
    """A whole picture: backdrop, the shadow of a thing that stands, and the thing. `view` crops it."""
    top, bottom = BACKDROPS[backdrop]
    x, y, width, height = view.split()
    shadow = ellipse(200, 432, 128, 13, "#000", opacity=0.1, filter="url(#s)") if stands else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}" preserveAspectRatio="xMidYMid slice">'
        f"{definitions(top, bottom, tone)}{rect(x, y, width, height, 'url(#b)')}{shadow}{content}</svg>"  # type: ignore[arg-type]
    )


def definitions(top: str, bottom: str, tone: Tone) -> str:
    return (
        '<defs><linearGradient id="b" x1="0" y1="0" x2="0" y2="1">'
        f'<stop stop-color="{top}"/><stop offset="1" stop-color="{bottom}"/></linearGradient>'
        '<linearGradient id="m" x1="0" y1="0" x2="1" y2="1">'
        f'<stop stop-color="{tone(1.14)}"/><stop offset=".55" stop-color="{tone.colour}"/>'
        f'<stop offset="1" stop-color="{tone(0.82)}"/></linearGradient>'
        '<filter id="s" x="-50%" y="-200%" width="200%" height="500%"><feGaussianBlur stdDeviation="9"/></filter></defs>'
    )
