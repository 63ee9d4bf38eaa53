"""The two wide pictures of the home page, put together from the products."""

from app.catalog.demo.drawing import (
    DARK_WOOD,
    Tone,
    circle,
    definitions,
    ellipse,
    group,
    line,
    path,
    rect,
)
from app.catalog.demo.shapes import SHAPES


def hero() -> str:
    """Things on a rail, with hills behind; 1200 by 1000."""
    jacket = Tone("#66764f")
    landscape = (
        rect(0, 0, 1200, 1000, "url(#b)")
        + circle(760, 330, 210, "#f3d8a6")
        + path("M0 560 C180 470 330 500 480 560 S840 640 1200 500 V1000 H0Z", "#a9bb9b")
        + path("M0 660 C220 580 420 640 640 690 S1000 700 1200 620 V1000 H0Z", "#8ba57f")
        + path("M0 800 C300 740 700 830 1200 760 V1000 H0Z", "#d9c9a8")
        + ellipse(430, 902, 170, 16, "#000", opacity=0.16, filter="url(#s)")
        + ellipse(800, 900, 170, 16, "#000", opacity=0.16, filter="url(#s)")
    )
    rail = line("M180 150 H700", "#7a5a3a", 12) + line("M430 152 q0 -34 18 -34 q20 0 14 22 q-6 16 -32 26", "#7a5a3a", 6)
    things = (
        group(SHAPES["jacket"](jacket), "translate(130 96) scale(1.5)")
        + group(_plain("backpack", "#b0613f"), "translate(560 300) scale(1.4)")
        + group(_plain("bottle", "#3e506b"), "translate(880 520) scale(.92)")
    )
    return _scene(1200, 1000, definitions("#eef0e4", "#c6d3bd", jacket) + landscape + rail + things)


def room() -> str:
    """A chair by a window; 1200 by 800."""
    chair = Tone("#8c9c83")
    walls = (
        rect(0, 0, 1200, 800, "url(#b)")
        + rect(640, 70, 330, 400, "#f7efe6", 165)
        + circle(830, 250, 70, "#f3cfa2")
        + rect(0, 640, 1200, 160, "#b98f6b")
        + rect(0, 640, 1200, 14, DARK_WOOD, opacity=0.6)
    )
    things = (
        group(_plain("chair", chair.colour), "translate(70 196) scale(1.05)")
        + group(_plain("lamp", "#f0dfbd"), "translate(430 210) scale(1.02)")
        + group(_plain("vase", "#c2714f"), "translate(740 282) scale(.86)")
        + group(_plain("mug", "#ddd3c4"), "translate(970 458) scale(.44)")
    )
    return _scene(1200, 800, definitions("#efe4da", "#e2d0c1", chair) + walls + things)


SCENES = {"hero": hero, "room": room}


def _plain(shape: str, colour: str) -> str:
    """The gradient belongs to one colour only, so the others of a scene are flat."""
    return SHAPES[shape](Tone(colour, fill=colour))


def _scene(width: int, height: int, content: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{content}</svg>'
