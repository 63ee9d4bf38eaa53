"""Paper, pens and sound."""

from app.catalog.demo.drawing import GOLD, PAPER, WOOD, Tone, circle, ellipse, group, line, path, rect, ring


def notebook(tone: Tone) -> str:
    return (
        rect(118, 128, 188, 276, tone(0.6), 10, transform="rotate(4 200 260)")
        + rect(108, 122, 184, 276, tone.fill, 10)
        + rect(108, 122, 26, 276, tone(0.78), 8)
        + line("M268 122 V398", tone(0.5), 6)
        + rect(158, 180, 84, 50, PAPER, 3)
        + line("M172 198 h56 M180 212 h40", "#8b8272", 2.4)
    )


def planner(tone: Tone) -> str:
    squares = "".join(
        rect(124 + (i % 5) * 32, 210 + (i // 5) * 36, 24, 26, tone(1.3 if i % 3 else 0.9), 3) for i in range(20)
    )
    rings = "".join(line(f"M{x} 104 v34", "#8d8677", 7) for x in range(136, 280, 32))
    return (
        rect(106, 124, 200, 286, tone(0.6), 8)
        + rect(98, 118, 204, 286, PAPER, 8)
        + rect(98, 118, 204, 66, tone.fill, 8)
        + squares
        + rings
    )


def pens(tone: Tone) -> str:
    def one(x: int, fill: str) -> str:
        return (
            rect(x, 120, 34, 216, fill, 8)
            + path(f"M{x} 330 h34 l-12 62 h-10z", "#cfc9bd")
            + line(f"M{x + 17} 392 v14", "#4a4038", 4)
            + rect(x, 106, 34, 30, GOLD, 8)
            + line(f"M{x + 30} 128 v72", GOLD, 5)
        )

    three = one(112, tone.fill) + one(184, tone(0.7)) + one(256, tone(1.3))
    return group(three, "rotate(12 200 260)")


def pencil_case(tone: Tone) -> str:
    return (
        rect(60, 214, 280, 150, tone(0.74), 40)
        + rect(60, 204, 280, 150, tone.fill, 40)
        + line("M84 238 H316", PAPER, 5, 0.8)
        + line("M84 238 H316", tone(0.5), 1.6)
        + rect(298, 228, 34, 18, GOLD, 6)
        + rect(120, 276, 90, 44, PAPER, 4)
        + line("M136 298 h58", "#8b8272", 3)
        + line("M60 280 q-22 4 -20 34 q16 6 22 -8", tone(0.6), 6)
    )


def headphones(tone: Tone) -> str:
    return (
        line("M96 300 C84 120 316 120 304 300", tone(0.66), 20)
        + line("M112 262 C110 150 290 150 288 262", tone(1.2), 6, 0.5)
        + rect(70, 272, 74, 126, tone.fill, 34)
        + rect(256, 272, 74, 126, tone.fill, 34)
        + rect(128, 284, 26, 102, tone(0.5), 13)
        + rect(246, 284, 26, 102, tone(0.5), 13)
        + circle(102, 335, 9, GOLD)
    )


def speaker(tone: Tone) -> str:
    dots = "".join(circle(146 + (i % 7) * 18, 240 + (i // 7) * 18, 4, tone(0.5), opacity=0.6) for i in range(56))
    return (
        line("M164 140 C164 96 236 96 236 140", WOOD, 10)
        + rect(108, 138, 184, 286, tone.fill, 34)
        + rect(128, 218, 144, 180, tone(0.84), 22)
        + dots
        + circle(160, 178, 14, GOLD)
        + circle(204, 178, 8, tone(0.5))
        + circle(232, 178, 8, tone(0.5))
    )


def radio(tone: Tone) -> str:
    slats = "".join(line(f"M84 {y} H204", tone(0.55), 5, 0.6) for y in range(248, 380, 16))
    return (
        line("M130 202 L88 92", "#8d8677", 5)
        + rect(56, 200, 288, 212, WOOD, 26)
        + rect(68, 214, 264, 184, tone.fill, 18)
        + slats
        + circle(272, 286, 44, PAPER)
        + ring(272, 286, 34, "#8b8272", 2)
        + line("M272 286 L290 262", "#b0613f", 4)
        + circle(246, 364, 11, GOLD)
        + circle(298, 364, 11, GOLD)
    )


def desk_lamp(tone: Tone) -> str:
    return (
        ellipse(286, 330, 90, 70, "#ffe9b0", opacity=0.5, filter="url(#s)")
        + ellipse(140, 416, 78, 16, tone(0.6))
        + line("M140 410 L100 270 L216 160", "#8d8677", 10)
        + circle(100, 270, 12, GOLD)
        + circle(140, 408, 12, GOLD)
        + path("M196 128 L262 150 C316 180 332 226 326 262 L214 236 C184 200 180 160 196 128Z", tone.fill)
        + line("M214 236 L326 262", tone(1.5), 7, 0.8)
    )


def envelope_set(tone: Tone) -> str:
    return (
        rect(96, 150, 208, 150, PAPER, 4, transform="rotate(-7 200 220)")
        + rect(80, 230, 240, 168, tone.fill, 8)
        + path("M80 236 L200 326 L320 236 V230 H80Z", tone(0.82))
        + line("M80 236 L200 326 L320 236 M80 396 L168 306 M320 396 L232 306", tone(0.6), 2, 0.5)
        + circle(200, 322, 20, "#b0613f")
        + circle(200, 322, 12, "#c97f5e")
    )
