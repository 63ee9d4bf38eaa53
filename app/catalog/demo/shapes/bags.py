"""Bags, belts and what one wears beside clothes."""

from app.catalog.demo.drawing import GOLD, PAPER, Tone, circle, ellipse, line, mirrored, path, rect, ring


def tote(tone: Tone) -> str:
    dark, strap = tone(0.6), tone(0.82)
    return (
        line("M146 214 C146 92 254 92 254 214", strap, 13)
        + path("M92 196 H308 L324 412 Q325 424 312 424 H88 Q75 424 76 412Z", tone.fill)
        + path("M92 196 H308 L309 212 H91Z", dark, opacity=0.35)
        + line("M146 206 V268 M254 206 V268", strap, 13)
        + line("M139 266 h14 M247 266 h14", dark, 2.5, 0.8)
        + line("M172 300 h56 v40 h-56z", dark, 1.6, 0.6)
        + line("M184 320 h32", dark, 2, 0.7)
    )


def backpack(tone: Tone) -> str:
    dark, flap = tone(0.58), tone(0.8)
    return (
        line("M168 112 C168 76 232 76 232 112", dark, 9)
        + path(
            "M112 190 C112 130 150 104 200 104 C250 104 288 130 288 190 V398 Q288 426 260 426 H140 Q112 426 112 398Z",
            tone.fill,
        )
        + path("M112 196 C112 232 288 232 288 196 V186 C284 134 248 104 200 104 C152 104 116 134 112 186Z", flap)
        + rect(190, 218, 20, 54, dark)
        + rect(186, 250, 28, 16, GOLD, 3)
        + path("M134 300 H266 V388 Q266 404 250 404 H150 Q134 404 134 388Z", flap)
        + line("M134 318 H266", dark, 3, 0.7)
        + circle(252, 318, 4, GOLD)
        + line("M112 250 C96 280 96 350 112 384 M288 250 C304 280 304 350 288 384", dark, 8, 0.9)
    )


def satchel(tone: Tone) -> str:
    dark = tone(0.55)
    return (
        line("M92 236 C100 60 300 60 308 236", dark, 8)
        + rect(72, 214, 256, 200, tone.fill, 22)
        + path("M72 236 Q72 214 94 214 H306 Q328 214 328 236 V318 Q200 360 72 318Z", tone(0.86))
        + line("M72 318 Q200 360 328 318", dark, 2.4, 0.6)
        + rect(132, 318, 16, 56, dark, 4)
        + rect(252, 318, 16, 56, dark, 4)
        + rect(127, 344, 26, 18, GOLD, 4)
        + rect(247, 344, 26, 18, GOLD, 4)
    )


def duffel(tone: Tone) -> str:
    dark = tone(0.58)
    return (
        line("M130 290 C130 150 270 150 270 290", dark, 11)
        + rect(46, 230, 308, 178, tone.fill, 66)
        + line("M60 262 Q200 226 340 262", PAPER, 4, 0.7)
        + rect(116, 232, 26, 176, tone(0.74))
        + rect(258, 232, 26, 176, tone(0.74))
        + ellipse(74, 320, 18, 62, tone(0.7), opacity=0.7)
        + ellipse(326, 320, 18, 62, tone(0.7), opacity=0.7)
        + rect(184, 238, 32, 12, GOLD, 4)
    )


def wallet(tone: Tone) -> str:
    dark = tone(0.6)
    return (
        rect(76, 176, 248, 176, tone(0.74), 16)
        + rect(92, 160, 216, 60, "#e7dcc3", 8)
        + rect(100, 172, 216, 60, "#c8d3cf", 8)
        + rect(70, 196, 260, 172, tone.fill, 16)
        + line("M84 212 H316 M84 352 H316", dark, 1.8, 0.5)
        + path("M330 252 H270 Q250 252 250 276 Q250 300 270 300 H330Z", tone(0.8))
        + circle(276, 276, 8, GOLD)
    )


def belt(tone: Tone) -> str:
    dark = tone(0.6)
    holes = "".join(circle(x, 300 - (x - 250) * 0.12, 3.4, tone(0.4)) for x in range(262, 340, 16))
    return (
        line("M70 250 C70 130 330 130 330 250 C330 350 140 340 100 306", tone(0.72), 34)
        + line("M70 250 C70 130 330 130 330 250", tone.colour, 34)
        + line("M84 250 C84 148 316 148 316 250", dark, 1.6, 0.5)
        + line("M94 330 C170 318 260 306 350 286", tone(1.06), 36)
        + holes
        + rect(70, 296, 54, 62, "none", 10, stroke=GOLD, stroke_width=9)
        + line("M96 326 h40", GOLD, 7)
    )


def umbrella(tone: Tone) -> str:
    dark = tone(0.66)
    return (
        line("M200 92 V376 C200 414 250 414 250 380", "#7a5a3a", 9)
        + path(
            "M44 256 C52 150 124 96 200 96 C276 96 348 150 356 256 Q330 226 304 256 Q278 226 252 256 Q226 226 200 256 Q174 226 148 256 Q122 226 96 256 Q70 226 44 256Z",
            tone.fill,
        )
        + line("M200 98 C150 140 148 200 148 254 M200 98 C250 140 252 200 252 254 M200 98 V254", dark, 2, 0.5)
        + path("M200 96 C276 96 348 150 356 256 Q330 226 304 256 C302 190 262 130 200 96Z", dark, opacity=0.35)
        + line("M200 74 v20", "#7a5a3a", 6)
    )


def watch(tone: Tone) -> str:
    return (
        path("M168 60 H232 L236 180 H164Z", tone.fill)
        + path("M164 320 H236 L230 444 H170Z", tone.fill)
        + line("M176 74 V170 M224 74 V170 M178 332 V432 M222 332 V432", tone(0.6), 1.8, 0.6)
        + circle(200, 250, 84, "#b9b2a4")
        + circle(200, 250, 72, PAPER)
        + "".join(line(d, "#4b4a49", 4) for d in ("M200 188 v12", "M200 300 v12", "M138 250 h12", "M250 250 h12"))
        + line("M200 250 V208 M200 250 L228 268", "#4b4a49", 5)
        + rect(282, 240, 14, 20, "#b9b2a4", 4)
        + ring(200, 250, 78, "#8d8677", 2)
    )


def sunglasses(tone: Tone) -> str:
    return (
        line("M66 240 C60 220 70 196 96 186 M334 240 C340 220 330 196 304 186", tone(0.6), 9)
        + path("M62 236 H178 Q186 320 126 326 Q66 320 62 236Z", tone.fill)
        + path("M222 236 H338 Q334 320 274 326 Q214 320 222 236Z", tone.fill)
        + path("M76 248 H166 Q168 308 126 312 Q82 306 76 248Z", "#3c4446")
        + path("M234 248 H324 Q318 306 274 312 Q232 308 234 248Z", "#3c4446")
        + line("M176 246 Q200 228 224 246", tone(0.8), 11)
        + line("M90 262 l20 30 M248 262 l20 30", "#ffffff", 5, 0.35)
    )


def card_case(tone: Tone) -> str:
    dark = tone(0.6)
    return (
        rect(128, 124, 144, 120, "#d9cfb8", 10)
        + rect(140, 144, 144, 120, "#b9c6c2", 10)
        + rect(108, 176, 184, 232, tone.fill, 18)
        + path("M108 226 Q200 276 292 226 V390 Q292 408 274 408 H126 Q108 408 108 390Z", tone(0.86))
        + line("M122 246 Q200 290 278 246 M122 396 H278", dark, 1.8, 0.6)
        + circle(200, 330, 12, GOLD, opacity=0.8)
    )


def earrings(tone: Tone) -> str:
    one = (
        circle(140, 150, 7, tone(0.7))
        + line("M140 158 v30", tone(0.7), 3)
        + path("M140 186 C190 230 184 320 140 340 C96 320 90 230 140 186Z", tone.fill)
    )
    return mirrored(one + path("M140 226 C160 250 158 296 140 306 C122 296 120 250 140 226Z", tone(1.3), opacity=0.5))
