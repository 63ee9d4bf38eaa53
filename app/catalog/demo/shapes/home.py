"""Light, wool, clay and oak."""

from app.catalog.demo.drawing import (
    DARK_WOOD,
    INK,
    PAPER,
    WOOD,
    Tone,
    circle,
    ellipse,
    line,
    path,
    rect,
    shade,
)

_LEAVES = "#6c7f5f"


def lamp(tone: Tone) -> str:
    return (
        ellipse(200, 280, 150, 120, "#ffe9b0", opacity=0.35, filter="url(#s)")
        + rect(193, 240, 14, 166, "#b08d57", 6)
        + ellipse(200, 414, 66, 15, "#94733f")
        + ellipse(200, 408, 66, 15, "#b08d57")
        + path("M150 112 H250 L306 258 Q200 284 94 258Z", tone.fill)
        + ellipse(200, 112, 50, 8, tone(0.7))
        + line("M94 258 Q200 284 306 258", tone(1.6), 4, 0.8)
    )


def pendant(tone: Tone) -> str:
    return (
        ellipse(200, 330, 150, 80, "#ffe9b0", opacity=0.4, filter="url(#s)")
        + line("M200 0 V150", "#4a4038", 5)
        + rect(184, 142, 32, 34, "#b08d57", 6)
        + path("M90 312 C90 220 140 170 200 170 C260 170 310 220 310 312Z", tone.fill)
        + ellipse(200, 312, 110, 18, tone(0.6))
        + ellipse(200, 314, 44, 14, "#fff2c9")
        + line("M116 290 C120 244 146 208 176 194", "#ffffff", 7, 0.35)
    )


def vase(tone: Tone) -> str:
    stems = "".join(
        line(f"M200 232 C{200 + x * 0.3:.0f} 180 {200 + x * 0.7:.0f} 140 {200 + x} {y}", _LEAVES, 4)
        for x, y in ((-62, 92), (8, 58), (70, 104))
    )
    places = (
        (136, 98, 40),
        (160, 128, -30),
        (150, 150, 35),
        (182, 166, -40),
        (206, 66, 80),
        (192, 100, -50),
        (218, 112, 50),
        (200, 148, -60),
        (264, 108, -40),
        (240, 134, 30),
        (252, 156, -35),
        (224, 172, 40),
    )
    leaves = "".join(
        ellipse(x, y, 20, 9, "#7f9470" if i % 2 else "#92a682", transform=f"rotate({turn} {x} {y})")
        for i, (x, y, turn) in enumerate(places)
    )
    return (
        stems
        + leaves
        + path(
            "M178 222 H222 Q222 250 246 276 Q282 318 268 372 Q258 424 200 426 Q142 424 132 372 Q118 318 154 276 Q178 250 178 222Z",
            tone.fill,
        )
        + ellipse(200, 222, 22, 6, tone(0.6))
        + line("M134 340 Q200 364 266 340", tone(0.8), 3, 0.5)
    )


def chair(tone: Tone) -> str:
    return (
        line("M118 300 L96 430 M300 300 L322 430", DARK_WOOD, 12)
        + path("M110 142 Q112 116 142 116 H258 Q288 116 290 142 L300 286 H100Z", tone.fill)
        + line("M200 122 V282", tone(0.72), 1.8, 0.45)
        + path(
            "M84 282 H316 Q326 282 326 294 V316 Q326 330 312 330 H88 Q74 330 74 316 V294 Q74 282 84 282Z",
            tone(0.72),
        )
        + path("M84 282 H316 Q326 282 326 294 V300 H74 V294 Q74 282 84 282Z", tone(1.1))
        + line("M66 252 H104 M296 252 H334", WOOD, 14)
        + line("M72 252 L84 430 M328 252 L316 430", WOOD, 12)
    )


def stool(tone: Tone) -> str:
    return (
        line("M140 254 L104 428 M260 254 L296 428 M200 262 V424", shade(tone.colour, 0.8), 15)
        + line("M122 356 H278", shade(tone.colour, 0.7), 10)
        + ellipse(200, 246, 112, 34, tone(0.72))
        + ellipse(200, 234, 112, 34, tone.fill)
        + line("M120 232 Q200 206 282 236 M150 246 Q204 228 258 250", tone(0.78), 2, 0.5)
    )


def candle(tone: Tone) -> str:
    return (
        path("M200 148 C212 168 216 180 200 196 C184 180 188 168 200 148Z", "#f3b04a")
        + ellipse(200, 178, 60, 50, "#ffd98a", opacity=0.35, filter="url(#s)")
        + line("M200 192 V222", "#4a4038", 3)
        + rect(122, 214, 156, 212, tone.fill, 16)
        + ellipse(200, 220, 76, 13, "#f4ead6")
        + rect(150, 286, 100, 82, "#fbf7ee", 4)
        + line("M166 312 h68 M176 330 h48 M184 346 h32", INK, 3)
        + line("M136 236 V404", "#ffffff", 5, 0.25)
    )


def throw(tone: Tone) -> str:
    folds = ""
    for i, (y, height, factor) in enumerate(((222, 62, 1.15), (286, 66, 1.0), (354, 72, 0.88))):
        left, right = 98 - i * 4, 302 + i * 4
        folds += rect(78 - i * 4, y, 244 + i * 8, height, tone(factor), 24)
        folds += line(f"M{left} {y + height - 16} H{right}", "#ffffff", 4, 0.55)
        folds += line(f"M{left} {y + height - 25} H{right}", tone(0.6), 2, 0.5)
    return folds + "".join(line(f"M{x} 426 v14", tone(0.8), 3) for x in range(86, 320, 9))


def cushion(tone: Tone) -> str:
    seams = "".join(line(f"M{104 + i * 32} 178 q-10 110 0 220", tone(0.7), 2, 0.35) for i in range(1, 6))
    return (
        path("M76 174 Q200 144 324 174 Q344 290 324 408 Q200 436 76 408 Q56 290 76 174Z", tone.fill)
        + seams
        + line("M76 174 Q200 144 324 174 Q344 290 324 408 Q200 436 76 408 Q56 290 76 174Z", tone(0.66), 4, 0.6)
        + "".join(circle(x, y, 7, tone(0.7)) for x, y in ((76, 174), (324, 174), (76, 408), (324, 408)))
    )


def round_cushion(tone: Tone) -> str:
    rays = "".join(
        line(f"M200 290 L{x} {y}", tone(0.7), 2.4, 0.4)
        for x, y in (
            (200, 164),
            (289, 201),
            (326, 290),
            (289, 379),
            (200, 416),
            (111, 379),
            (74, 290),
            (111, 201),
        )
    )
    return (
        ellipse(200, 298, 130, 128, tone(0.74))
        + ellipse(200, 288, 130, 128, tone.fill)
        + rays
        + circle(200, 290, 16, tone(0.7))
    )


def rug(tone: Tone) -> str:
    fringe = "".join(line(f"M{x} 96 v-18 M{x} 414 v18", "#e9dfca", 4) for x in range(106, 300, 11))
    diamonds = "".join(
        path(f"M200 {y} l52 44 l-52 44 l-52 -44z", "#f4ead6", opacity=0.85)
        + path(f"M200 {y + 20} l28 24 l-28 24 l-28 -24z", tone(0.66))
        for y in (124, 212, 300)
    )
    return (
        fringe
        + rect(96, 94, 208, 322, tone.fill, 4)
        + rect(110, 108, 180, 294, "none", 2, stroke="#f4ead6", stroke_width=4)
        + diamonds
    )


def clock(tone: Tone) -> str:
    marks = "".join(
        line("M200 172 v16", INK, 4).replace("<path", f'<path transform="rotate({turn} 200 280)"')
        for turn in range(0, 360, 30)
    )
    return (
        circle(200, 288, 142, tone(0.6), opacity=0.35)
        + circle(200, 280, 142, tone.fill)
        + circle(200, 280, 120, PAPER)
        + marks
        + line("M200 280 V206 M200 280 L246 306", "#3c3a37", 7)
        + circle(200, 280, 8, "#b0613f")
    )


def plant(tone: Tone) -> str:
    leaf = "M200 300 C150 260 140 170 200 110 C260 170 250 260 200 300Z"
    leaves = "".join(
        path(leaf, colour, transform=f"rotate({turn} 200 300) translate({shift} 0)")
        for turn, shift, colour in (
            (-48, 0, "#5f7d58"),
            (48, 0, "#688a60"),
            (-24, 0, "#769a6c"),
            (24, 0, "#7ba271"),
            (0, 0, "#86ad7b"),
        )
    )
    return (
        leaves
        + line("M200 300 V140", "#557350", 3, 0.6)
        + path("M124 292 H276 L262 408 Q260 426 242 426 H158 Q140 426 138 408Z", tone.fill)
        + rect(116, 280, 168, 34, tone(0.84), 8)
    )


def poster(tone: Tone) -> str:
    return (
        rect(88, 78, 224, 316, DARK_WOOD, 3)
        + rect(98, 88, 204, 296, "#fbf7ee")
        + rect(122, 116, 156, 210, tone(1.5))
        + circle(232, 180, 34, "#f0b76a")
        + path("M122 270 Q160 220 204 258 Q244 220 278 250 V326 H122Z", tone.fill)
        + path("M122 300 Q180 268 278 296 V326 H122Z", tone(0.7))
        + line("M122 348 h70 M122 362 h44", INK, 3)
    )


def basket(tone: Tone) -> str:
    weave = "".join(
        line(
            f"M{88 + i * 2} {252 + i * 28} Q200 {276 + i * 28} {312 - i * 2} {252 + i * 28}",
            tone(0.66),
            3,
            0.5,
        )
        for i in range(6)
    )
    posts = "".join(line(f"M{x} 250 L{200 + (x - 200) * 0.86:.0f} 420", tone(0.7), 2, 0.35) for x in range(92, 316, 18))
    return (
        line("M96 246 C70 200 118 176 132 232 M304 246 C330 200 282 176 268 232", tone(0.74), 12)
        + path("M80 236 H320 L302 410 Q300 426 284 426 H116 Q100 426 98 410Z", tone.fill)
        + posts
        + weave
        + rect(76, 230, 248, 18, tone(0.8), 9)
    )


def mirror(tone: Tone) -> str:
    return (
        ellipse(200, 262, 132, 176, tone(0.66))
        + ellipse(200, 256, 132, 176, tone.fill)
        + ellipse(200, 256, 112, 154, "#dfe9ec")
        + path("M112 300 Q150 140 260 120 A112 154 0 0 0 112 300Z", "#ffffff", opacity=0.55)
    )


def towels(tone: Tone) -> str:
    rolls = ""
    for i, factor in enumerate((1.14, 1.0, 0.84)):
        y = 200 + i * 74
        rolls += rect(84, y, 232, 72, tone(factor), 30)
        rolls += line(f"M110 {y + 52} H290 M110 {y + 60} H290", "#ffffff", 3, 0.5)
    return rolls


def soap(tone: Tone) -> str:
    return (
        rect(96, 330, 208, 84, WOOD, 16)
        + line("M112 356 H288 M112 384 H288", DARK_WOOD, 3, 0.5)
        + rect(112, 246, 176, 92, tone(0.8), 26)
        + rect(112, 236, 176, 92, tone.fill, 26)
        + rect(150, 262, 100, 38, tone(0.86), 10)
        + line("M168 281 h64", tone(0.6), 4)
        + "".join(
            circle(x, y, r, "#ffffff", opacity=0.7) for x, y, r in ((128, 222, 12), (150, 204, 8), (272, 216, 10))
        )
    )
