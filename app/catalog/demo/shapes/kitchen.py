"""Things to cook with, eat from and drink out of."""

from app.catalog.demo.drawing import (
    DARK_WOOD,
    GOLD,
    PAPER,
    WOOD,
    Tone,
    circle,
    ellipse,
    line,
    path,
    rect,
)


def mug(tone: Tone) -> str:
    return (
        line("M276 242 C344 236 344 346 270 344", tone(0.84), 20)
        + path("M112 208 H288 L278 400 Q276 426 250 426 H150 Q124 426 122 400Z", tone.fill)
        + ellipse(200, 208, 88, 18, tone(1.3))
        + ellipse(200, 211, 76, 13, "#5b4030")
        + path("M114 250 Q200 268 286 250 L288 212 Q200 240 112 212Z", tone(0.66), opacity=0.16)
        + line("M176 176 C164 158 190 146 178 124 M214 172 C202 154 228 142 216 118", "#ffffff", 5, 0.7)
    )


def espresso_cup(tone: Tone) -> str:
    return (
        ellipse(200, 398, 138, 26, tone(0.84))
        + ellipse(200, 390, 138, 24, tone(1.12))
        + line("M272 290 C326 284 324 352 262 352", tone(0.8), 15)
        + path("M124 264 H276 C276 330 258 384 224 390 H176 C142 384 124 330 124 264Z", tone.fill)
        + ellipse(200, 264, 76, 15, tone(1.3))
        + ellipse(200, 267, 66, 11, "#4a3327")
        + line("M192 236 C182 220 204 208 194 190", "#ffffff", 4.5, 0.7)
    )


def teapot(tone: Tone) -> str:
    return (
        path("M128 268 C84 262 76 220 62 204 L88 196 C100 220 116 232 140 236Z", tone(0.86))
        + line("M272 250 C340 236 344 348 266 350", tone(0.66), 15)
        + path(
            "M126 238 Q200 214 274 238 Q304 300 280 380 Q270 418 240 420 H160 Q130 418 120 380 Q96 300 126 238Z",
            tone.fill,
        )
        + ellipse(200, 230, 66, 13, tone(0.66))
        + ellipse(200, 224, 62, 13, tone(1.15))
        + circle(200, 203, 11, "#b08d57")
    )


def kettle(tone: Tone) -> str:
    return (
        line("M124 250 C120 110 280 110 276 250", WOOD, 15)
        + path("M104 300 C76 292 62 262 50 244 L76 232 C92 254 104 262 128 264Z", tone(0.8))
        + path(
            "M112 400 C104 320 124 236 200 236 C276 236 296 320 288 400 Q288 424 264 424 H136 Q112 424 112 400Z",
            tone.fill,
        )
        + ellipse(200, 242, 52, 12, tone(0.7))
        + ellipse(200, 237, 48, 11, tone(1.16))
        + circle(200, 220, 11, WOOD)
        + line("M136 300 C140 280 150 266 162 258", "#ffffff", 6, 0.35)
    )


def plate(tone: Tone) -> str:
    return (
        ellipse(200, 292, 160, 140, tone(0.86))
        + ellipse(200, 284, 160, 140, tone.fill)
        + ellipse(200, 286, 108, 94, tone(0.92))
        + ellipse(200, 290, 104, 88, tone(1.12))
        + line("M66 230 A160 140 0 0 1 200 148", "#ffffff", 6, 0.5)
    )


def bowl(tone: Tone) -> str:
    return (
        path("M64 258 H336 C336 350 282 412 232 420 H168 C118 412 64 350 64 258Z", tone.fill)
        + ellipse(200, 258, 136, 34, tone(1.22))
        + ellipse(200, 262, 122, 27, tone(0.7))
        + path("M84 300 Q200 344 316 300 L308 330 Q200 372 92 330Z", tone(0.7), opacity=0.4)
        + ellipse(200, 420, 42, 8, tone(0.6))
    )


def pan(tone: Tone) -> str:
    return (
        rect(262, 128, 30, 150, WOOD, 12, transform="rotate(38 277 270)")
        + circle(349, 152, 6, DARK_WOOD)
        + ellipse(178, 336, 142, 82, tone(0.6))
        + ellipse(178, 322, 142, 82, tone.fill)
        + ellipse(178, 322, 118, 64, tone(0.5))
        + line("M84 290 A118 64 0 0 1 178 258", "#ffffff", 5, 0.25)
    )


def casserole(tone: Tone) -> str:
    return (
        rect(44, 268, 60, 26, tone(0.7), 12)
        + rect(296, 268, 60, 26, tone(0.7), 12)
        + path("M78 252 H322 V376 Q322 420 278 420 H122 Q78 420 78 376Z", tone.fill)
        + path("M70 252 C76 196 132 178 200 178 C268 178 324 196 330 252Z", tone(1.1))
        + rect(66, 244, 268, 18, tone(0.74), 8)
        + circle(200, 164, 16, GOLD)
        + line("M112 226 C130 208 160 200 184 198", "#ffffff", 6, 0.4)
    )


def board(tone: Tone) -> str:
    grain = "".join(line(f"M{x} 190 q6 110 -2 220", tone(0.72), 2, 0.4) for x in range(124, 290, 22))
    return (
        path(
            "M180 72 Q200 56 220 72 L228 150 H268 Q298 150 298 180 V398 Q298 426 270 426 H130 Q102 426 102 398 V180 Q102 150 132 150 H172Z",
            tone.fill,
        )
        + grain
        + circle(200, 94, 11, "#f3eee6")
        + line("M118 176 Q118 166 130 166 H270 Q282 166 282 176", "#ffffff", 3, 0.35)
    )


def jar(tone: Tone) -> str:
    return (
        path(
            "M120 196 H280 Q290 214 290 240 V396 Q290 424 262 424 H138 Q110 424 110 396 V240 Q110 214 120 196Z",
            tone.fill,
        )
        + rect(114, 150, 172, 50, WOOD, 12)
        + line("M120 166 H280", DARK_WOOD, 2, 0.5)
        + rect(142, 270, 116, 84, PAPER, 6)
        + line("M160 298 h80 M174 320 h52", "#8b8272", 3)
        + line("M128 230 V392", "#ffffff", 6, 0.3)
    )


def glasses(tone: Tone) -> str:
    def one(x: int, y: int) -> str:
        return (
            path(f"M{x} {y} h104 l-10 190 q-2 16 -18 16 h-48 q-16 0 -18 -16z", tone.fill, opacity=0.75)
            + path(f"M{x + 4} {y + 76} h96 l-6 114 q-2 14 -16 14 h-52 q-14 0 -16 -14z", tone(0.8), opacity=0.5)
            + ellipse(x + 52, y, 52, 11, tone(1.4), opacity=0.8)
            + line(f"M{x + 18} {y + 24} l7 140", "#ffffff", 6, 0.5)
        )

    return one(82, 184) + one(204, 212)


def tea_towel(tone: Tone) -> str:
    stripes = "".join(rect(110, y, 180, 8, tone.colour, opacity=0.9) for y in (300, 318, 336))
    return (
        line("M70 104 H330", WOOD, 12)
        + path("M110 104 H290 V402 Q200 416 110 402Z", "#f4efe3")
        + path("M250 104 H290 V402 Q270 408 250 408Z", "#e3dac6", opacity=0.7)
        + stripes
        + rect(110, 128, 180, 14, tone(0.8))
        + line("M160 110 V404 M210 110 V408", "#d9cfb8", 2, 0.6)
    )


def carafe(tone: Tone) -> str:
    return (
        path(
            "M172 90 H228 L226 196 C276 226 296 282 290 370 Q286 424 250 424 H150 Q114 424 110 370 C104 282 124 226 174 196Z",
            tone.fill,
            opacity=0.8,
        )
        + path("M112 330 H290 L290 370 Q286 424 250 424 H150 Q114 424 110 370Z", tone(0.7), opacity=0.45)
        + circle(200, 72, 26, WOOD)
        + line("M134 300 C140 262 156 236 178 222", "#ffffff", 7, 0.45)
    )
