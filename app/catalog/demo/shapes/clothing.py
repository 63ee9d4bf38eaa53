"""Jackets, shirts, knitwear, trousers, dresses."""

from app.catalog.demo.drawing import GOLD, Tone, circle, ellipse, line, mirrored, path, rect

_TORSO = (
    "M160 100 C146 106 134 112 124 120 C122 200 120 300 118 404 Q118 412 126 412 L274 412 Q282 412 282 404"
    " C280 300 278 200 276 120 C266 112 254 106 240 100 Q200 118 160 100Z"
)
_TOP = (
    "M156 104 Q138 110 124 122 C128 210 126 310 124 394 Q124 404 134 404 L266 404 Q276 404 276 394"
    " C274 310 272 210 276 122 Q262 110 244 104 Q200 146 156 104Z"
)
_LONG_SLEEVE = "M130 122 C98 132 84 160 76 216 L56 356 Q55 366 64 368 L92 373 Q100 374 102 366 L134 236Z"
_SHORT_SLEEVE = "M130 120 L66 176 Q60 182 65 189 L92 224 Q98 230 105 225 L136 204Z"


def _jacket_body(tone: Tone) -> str:
    sleeve = path(
        "M128 118 C96 128 82 156 74 214 L52 362 Q51 372 60 374 L92 380 Q100 381 102 372 L132 232Z", tone(0.78)
    )
    cuff = line("M55 352 L97 360", tone(0.62), 2, 0.7)
    return mirrored(sleeve + cuff) + path(_TORSO, tone.fill) + line("M119 398 L281 398", tone(0.62), 2, 0.5)


def _patch_pocket(tone: Tone, x: int, y: int, width: int, height: int) -> str:
    d = f"M{x} {y} h{width} v{height - 8} q0 8 -8 8 h{16 - width} q-8 0 -8 -8z"
    return path(d, tone(0.78), opacity=0.55) + line(d, tone(0.62), 1.8, 0.75)


def _collar(tone: Tone) -> str:
    return (
        path("M160 100 Q200 84 240 100 L200 138Z", tone(0.62))
        + path("M160 100 L148 108 L172 158 L200 136 Q176 122 160 100Z", tone(1.25))
        + path("M240 100 L252 108 L228 158 L200 136 Q224 122 240 100Z", tone(1.25))
        + line("M160 100 L148 108 L172 158 L200 136 L228 158 L252 108 L240 100", tone(0.62), 1.8, 0.7)
    )


def _buttons(tone: Tone, heights: tuple[int, ...], r: float = 4.6) -> str:
    return "".join(circle(200, y, r, tone(1.25), stroke=tone(0.62), stroke_width=1.4) for y in heights)


def jacket(tone: Tone) -> str:
    return (
        _jacket_body(tone)
        + line("M191 134 L191 411 M209 134 L209 411", tone(0.62), 1.6, 0.45)
        + _patch_pocket(tone, 220, 178, 42, 46)
        + _patch_pocket(tone, 136, 294, 48, 66)
        + _patch_pocket(tone, 216, 294, 48, 66)
        + _buttons(tone, (168, 222, 276, 330, 380))
        + _collar(tone)
    )


def jacket_back(tone: Tone) -> str:
    return (
        _jacket_body(tone)
        + line("M124 168 Q200 188 276 168", tone(0.62), 2, 0.6)
        + line("M200 178 L200 398", tone(0.62), 2, 0.35)
        + path("M160 100 Q200 84 240 100 Q200 122 160 100Z", tone(1.25))
        + line("M160 100 Q200 122 240 100", tone(0.62), 2, 0.7)
    )


def puffer(tone: Tone) -> str:
    quilts = "".join(line(f"M120 {y} Q200 {y + 14} 280 {y}", tone(0.62), 3, 0.4) for y in range(156, 404, 40))
    sleeves = mirrored("".join(line(f"M{104 - i * 13} {170 + i * 46} l40 10", tone(0.55), 2.4, 0.5) for i in range(4)))
    return (
        _jacket_body(tone)
        + quilts
        + sleeves
        + line("M200 122 V410", tone(0.5), 3, 0.8)
        + path("M156 102 Q154 74 170 72 H230 Q246 74 244 102 Q200 124 156 102Z", tone(0.86))
        + line("M156 102 Q200 124 244 102", tone(0.6), 2, 0.6)
        + rect(196, 130, 8, 18, GOLD, 3)
    )


def gilet(tone: Tone) -> str:
    quilts = "".join(line(f"M121 {y} Q200 {y + 12} 279 {y}", tone(0.62), 2.6, 0.4) for y in range(164, 404, 34))
    armholes = mirrored(line("M126 122 Q146 180 122 226", tone(0.6), 5, 0.5))
    return (
        path(_TORSO, tone.fill)
        + quilts
        + armholes
        + line("M200 122 V410", tone(0.5), 3, 0.8)
        + path("M160 100 Q158 80 172 78 H228 Q242 80 240 100 Q200 120 160 100Z", tone(0.84))
        + _patch_pocket(tone, 136, 306, 46, 52)
        + _patch_pocket(tone, 218, 306, 46, 52)
    )


def coat(tone: Tone) -> str:
    body = (
        "M160 84 C144 90 132 96 122 104 C118 220 108 340 98 424 Q98 432 106 432 L294 432 Q302 432 302 424"
        " C292 340 282 220 278 104 C268 96 256 90 240 84 Q200 100 160 84Z"
    )
    sleeve = path("M126 102 C96 112 84 142 78 198 L60 338 Q59 348 68 350 L96 354 Q104 355 106 346 L130 216Z", tone(0.8))
    lapel = path("M160 84 L140 92 L150 150 L138 158 L194 226 L200 140 Q172 116 160 84Z", tone(1.16))
    return (
        mirrored(sleeve)
        + path(body, tone.fill)
        + line("M200 220 V430", tone(0.6), 2, 0.6)
        + mirrored(lapel)
        + mirrored(line("M150 150 L138 158 L194 226", tone(0.62), 1.8, 0.6))
        + _buttons(tone, (246, 296, 346), 5.4)
        + mirrored(line("M134 318 l40 -8", tone(0.55), 4, 0.7))
        + path("M160 84 Q200 70 240 84 L200 140Z", tone(0.55))
    )


def tee(tone: Tone) -> str:
    return (
        mirrored(path(_SHORT_SLEEVE, tone(0.84)))
        + path(_TOP, tone.fill)
        + path("M156 104 Q200 148 244 104 L236 101 Q200 132 164 101Z", tone(0.66))
        + line("M125 390 L275 390", tone(0.66), 1.6, 0.4)
    )


def striped_tee(tone: Tone) -> str:
    stripes = "".join(line(f"M128 {y} Q200 {y + 10} 272 {y}", "#fbf6ea", 9, 0.85) for y in range(164, 386, 26))
    return (
        mirrored(path(_LONG_SLEEVE, tone(0.88)))
        + path(_TOP, tone.fill)
        + stripes
        + mirrored("".join(line(f"M{106 - i * 9} {176 + i * 36} l32 7", "#fbf6ea", 8, 0.8) for i in range(6)))
        + path("M156 104 Q200 148 244 104 L236 101 Q200 132 164 101Z", tone(0.66))
    )


def sweater(tone: Tone) -> str:
    rows = "".join(line(f"M127 {y} Q200 {y + 12} 273 {y}", tone(0.66), 1.4, 0.3) for y in range(150, 384, 13))
    ribs = "".join(line(f"M{x} 384 V402", tone(0.66), 1.6, 0.45) for x in range(130, 274, 8))
    return (
        mirrored(path(_LONG_SLEEVE, tone(0.84)) + line("M60 340 L104 347", tone(0.66), 2, 0.6))
        + path(_TOP, tone.fill)
        + path("M156 104 Q200 148 244 104 L236 101 Q200 132 164 101Z", tone(0.66))
        + rows
        + ribs
    )


def roll_neck(tone: Tone) -> str:
    cables = "".join(
        line(
            f"M{x} 160 q10 18 0 36 q-10 18 0 36 q10 18 0 36 q-10 18 0 36 q10 18 0 36 q-10 18 0 36",
            tone(0.66),
            3,
            0.4,
        )
        for x in (156, 186, 214, 244)
    )
    return (
        mirrored(path(_LONG_SLEEVE, tone(0.84)) + line("M60 340 L104 347", tone(0.66), 2, 0.6))
        + path(_TOP, tone.fill)
        + cables
        + rect(158, 64, 84, 54, tone(0.92), 16)
        + "".join(line(f"M{x} 72 V112", tone(0.66), 1.6, 0.4) for x in range(168, 240, 9))
    )


def cardigan(tone: Tone) -> str:
    ribs = "".join(line(f"M{x} 388 V402", tone(0.66), 1.6, 0.45) for x in range(130, 274, 8))
    return (
        mirrored(path(_LONG_SLEEVE, tone(0.84)) + line("M60 340 L104 347", tone(0.66), 2, 0.6))
        + path(_TOP, tone.fill)
        + path("M164 101 Q200 96 236 101 L200 216Z", tone(0.6))
        + mirrored(line("M160 102 Q176 160 196 214 V402", tone(0.7), 9, 0.7))
        + _buttons(tone, (240, 286, 332, 378), 5)
        + ribs
        + mirrored(line("M140 322 h34 v46 h-34", tone(0.66), 1.8, 0.6))
    )


def hoodie(tone: Tone) -> str:
    return (
        mirrored(path(_LONG_SLEEVE, tone(0.84)) + line("M60 340 L104 347", tone(0.66), 3, 0.6))
        + path(_TOP, tone.fill)
        + path("M150 112 C140 66 178 52 200 52 C222 52 260 66 250 112 Q200 160 150 112Z", tone(0.86))
        + path("M168 104 C164 80 182 70 200 70 C218 70 236 80 232 104 Q200 138 168 104Z", tone(0.5))
        + line("M186 134 v52 M214 134 v44", "#f3ede0", 4)
        + line("M150 366 L166 304 H234 L250 366", tone(0.66), 2.4, 0.6)
        + line("M125 384 L275 384", tone(0.66), 2.4, 0.5)
    )


def shirt(tone: Tone) -> str:
    return (
        mirrored(path(_LONG_SLEEVE, tone(0.9)) + line("M62 334 L105 341", tone(0.6), 1.8, 0.6))
        + path(_TOP, tone.fill)
        + line("M192 130 V403 M208 130 V403", tone(0.66), 1.3, 0.4)
        + _buttons(tone, (158, 198, 238, 278, 318, 358), 3.4)
        + path("M156 104 Q200 84 244 104 L200 134Z", tone(0.6))
        + mirrored(path("M158 100 L146 110 L168 148 L200 132 Q174 122 158 100Z", tone(1.3)))
        + mirrored(line("M158 100 L146 110 L168 148 L200 132", tone(0.6), 1.5, 0.6))
        + line("M222 172 h36 v38 q-18 12 -36 0z", tone(0.6), 1.6, 0.6)
    )


def checked_shirt(tone: Tone) -> str:
    down = "".join(line(f"M{x} 140 V400", tone(0.55), 6, 0.3) for x in range(140, 270, 24))
    across = "".join(line(f"M128 {y} H272", "#fbf6ea", 5, 0.4) for y in range(150, 400, 24))
    return shirt(tone) + down + across


def trousers(tone: Tone) -> str:
    legs = (
        "M128 90 H272 L292 412 Q292 420 284 420 H226 Q219 420 218 412 L200 214 L182 412 Q181 420 174 420"
        " H116 Q108 420 108 412Z"
    )
    return (
        path(legs, tone.fill)
        + path("M128 90 H272 L273 114 H127Z", tone(0.84))
        + line("M200 92 V206 M150 116 Q148 148 124 158 M250 116 Q252 148 276 158", tone(0.62), 2, 0.6)
        + circle(200, 102, 4, GOLD)
        + line("M110 402 h70 M220 402 h70", tone(0.62), 2, 0.5)
        + line("M150 90 v24 M250 90 v24", tone(0.62), 5, 0.6)
    )


def shorts(tone: Tone) -> str:
    legs = "M120 150 H280 L306 344 Q306 352 298 352 H222 Q214 352 213 344 L200 250 L187 344 Q186 352 178 352 H102 Q94 352 94 344Z"
    return (
        path(legs, tone.fill)
        + path("M120 150 H280 L282 176 H118Z", tone(0.84))
        + line("M200 152 V244 M146 178 Q142 212 114 224 M254 178 Q258 212 286 224", tone(0.62), 2, 0.6)
        + line("M190 164 q-8 40 -2 56 M210 164 q8 34 2 48", "#f3ede0", 3.4)
        + line("M96 334 h92 M212 334 h92", tone(0.62), 2, 0.5)
    )


def dress(tone: Tone) -> str:
    body = (
        "M160 78 L148 84 C150 140 148 170 152 204 C136 290 112 360 96 424 Q200 452 304 424 C288 360 264 290 248 204"
        " C252 170 250 140 252 84 L240 78 Q200 128 160 78Z"
    )
    folds = "".join(line(f"M{200 + i * 14} 214 L{200 + i * 30} 424", tone(0.66), 1.8, 0.35) for i in range(-3, 4))
    return (
        path(body, tone.fill)
        + folds
        + path("M151 194 H249 L248 212 H152Z", tone(0.7))
        + line("M222 212 q8 40 -2 66", tone(0.7), 6)
    )


def skirt(tone: Tone) -> str:
    pleats = "".join(line(f"M{200 + i * 17} 146 L{200 + i * 30} 400", tone(0.62), 2, 0.4) for i in range(-4, 5))
    return (
        path("M126 124 H274 L330 398 Q200 424 70 398Z", tone.fill)
        + pleats
        + rect(124, 112, 152, 30, tone(0.8), 6)
        + circle(254, 127, 5, GOLD)
    )


def apron(tone: Tone) -> str:
    return (
        line("M160 110 C160 60 240 60 240 110", tone(0.7), 9)
        + path(
            "M156 104 H244 C246 160 270 186 294 196 V412 Q294 422 284 422 H116 Q106 422 106 412 V196 C130 186 154 160 156 104Z",
            tone.fill,
        )
        + line("M106 214 C80 220 66 246 70 280 M294 214 C320 220 334 246 330 280", tone(0.7), 7)
        + path("M150 286 H250 V354 Q250 366 238 366 H162 Q150 366 150 354Z", tone(0.8))
        + line("M200 286 V366 M156 120 H244", tone(0.6), 2, 0.5)
        + ellipse(200, 150, 12, 12, GOLD)
    )
