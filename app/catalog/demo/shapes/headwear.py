"""Hats, scarves, gloves, socks and shoes."""

from app.catalog.demo.drawing import INK, PAPER, Tone, circle, ellipse, group, line, path, rect


def beanie(tone: Tone) -> str:
    rows = "".join(
        line(
            f"M{200 + i * 22} {134 + abs(i) * 7} C{200 + i * 30} 190 {200 + i * 32} 250 {200 + i * 32 * 0.68:.0f} 318",
            tone(0.62),
            1.6,
            0.32,
        )
        for i in range(-3, 4)
    )
    ribs = "".join(line(f"M{x} 310 V376", tone(0.62), 2, 0.38) for x in range(94, 312, 11))
    return (
        path("M92 322 C88 196 136 128 200 128 C264 128 312 196 308 322Z", tone.fill)
        + rows
        + rect(82, 304, 236, 78, tone(0.86), 16)
        + ribs
        + rect(236, 330, 46, 26, "#f6f1e7", 3)
        + line("M244 343 h30", INK, 2)
    )


def cap(tone: Tone) -> str:
    return (
        path("M96 316 C92 214 140 160 206 160 C272 160 312 214 312 300 L300 322Z", tone.fill)
        + line("M206 162 C180 206 172 260 176 314 M206 162 C246 200 262 250 262 306", tone(0.62), 2, 0.5)
        + path(
            "M92 310 C150 290 270 288 314 298 C360 310 372 336 366 350 C300 326 180 330 104 346 Q88 340 92 310Z",
            tone(0.72),
        )
        + line("M104 330 C180 312 280 312 352 334", tone(0.5), 2, 0.5)
        + circle(206, 160, 8, tone(0.62))
        + rect(186, 226, 50, 34, PAPER, 6)
        + line("M198 243 h26", INK, 3)
    )


def sun_hat(tone: Tone) -> str:
    weave = "".join(
        line(
            f"M{112 + i * 4} {312 - i * 16} Q200 {330 - i * 16} {288 - i * 4} {312 - i * 16}",
            tone(0.66),
            1.4,
            0.4,
        )
        for i in range(1, 9)
    )
    return (
        ellipse(200, 330, 168, 52, tone.fill)
        + ellipse(200, 326, 168, 48, tone(1.08), opacity=0.5)
        + path("M110 322 C112 214 146 168 200 168 C254 168 288 214 290 322 Q200 352 110 322Z", tone.fill)
        + weave
        + path("M110 296 Q200 326 290 296 L291 324 Q200 354 109 324Z", "#7a4f3a")
        + line("M36 334 Q200 410 364 334", tone(0.66), 1.6, 0.4)
    )


def scarf(tone: Tone) -> str:
    stripe = "".join(line(f"M{156 + i} {y} l82 14", tone(0.66), 5, 0.4) for i, y in ((0, 332), (0, 348), (0, 364)))
    fringe = "".join(line(f"M{x} {404 + (x - 150) * 0.16:.0f} v26", tone(0.8), 4) for x in range(158, 240, 9))
    return (
        path(
            "M110 180 C100 120 152 92 200 92 C250 92 300 122 290 182 C286 228 250 252 200 252 C150 252 114 230 110 180Z",
            tone(0.86),
        )
        + ellipse(200, 164, 58, 34, tone(0.55))
        + path(
            "M112 168 C124 220 170 232 226 222 L246 408 L152 404 L150 246 C128 234 112 210 112 168Z",
            tone.fill,
        )
        + path("M288 168 C284 214 244 236 200 240 C170 240 140 232 124 214 C150 236 240 226 268 142Z", tone(1.1))
        + stripe
        + fringe
    )


def gloves(tone: Tone) -> str:
    hand = (
        "M104 232 C96 200 88 170 92 152 Q98 142 106 152 L118 204 L116 136 Q122 122 132 136 L138 202 L144 128 Q152 116 160 130"
        " L160 204 L170 144 Q180 134 184 148 C182 190 182 220 178 250 C196 240 206 230 214 234 Q220 242 212 254 L180 300 V352 H108 V300Z"
    )
    ribs = "".join(line(f"M{x} 356 V404", tone(0.62), 2, 0.4) for x in range(112, 184, 8))
    one = path(hand, tone.fill) + rect(104, 346, 84, 62, tone(0.84), 10) + ribs
    return group(one, "translate(-38 24) rotate(-7 144 260)") + group(one, "translate(134 6) rotate(9 144 260)")


def socks(tone: Tone) -> str:
    one = (
        path(
            "M150 112 H226 V286 C226 306 238 318 258 334 C290 358 286 396 250 396 H214 C196 396 186 388 176 374 L158 346 C150 332 150 320 150 304Z",
            tone.fill,
        )
        + path("M150 112 H226 V150 H150Z", tone(0.8))
        + path("M268 344 C286 362 282 396 250 396 H236 C240 372 250 352 268 344Z", tone(0.7))
        + path(
            "M150 300 C164 300 180 320 182 340 C180 354 170 360 166 358 L158 346 C150 332 150 320 150 300Z",
            tone(0.7),
        )
        + "".join(line(f"M150 {y} H226", PAPER, 5, 0.75) for y in (178, 194, 230, 246))
    )
    return group(one, "translate(-58 -6)") + group(one, "translate(44 22)")


def sneaker(tone: Tone) -> str:
    return (
        path(
            "M58 344 C60 304 72 262 104 258 C120 286 150 286 172 256 C206 300 264 314 322 330 C346 338 350 356 348 372 H58Z",
            tone.fill,
        )
        + path("M50 366 H352 Q358 366 357 378 Q354 402 330 402 H78 Q50 402 48 376 Q48 366 50 366Z", "#fbf8f1")
        + line("M50 384 H356", "#cfc6b6", 3)
        + path("M280 320 C312 328 348 334 348 366 H270 C262 346 266 330 280 320Z", tone(0.62), opacity=0.4)
        + line("M178 268 l-22 22 M200 284 l-22 22 M224 298 l-22 20 M248 308 l-20 18", "#fbf8f1", 6)
        + path("M104 258 C120 286 150 286 172 256 L164 246 Q138 266 112 246Z", tone(0.62))
        + line("M64 330 C96 336 120 322 132 300", tone(0.62), 3, 0.6)
    )


def boots(tone: Tone) -> str:
    return (
        path(
            "M112 130 H216 C220 200 220 240 232 276 C262 300 330 312 346 344 Q350 360 348 378 H104 C108 300 118 220 112 130Z",
            tone.fill,
        )
        + path("M98 376 H352 Q358 376 356 388 L350 408 H236 L228 420 H104 Q96 400 98 376Z", "#3f3833")
        + path("M166 130 H206 L208 214 Q186 226 168 214Z", tone(0.6))
        + path("M104 118 H222 V142 H104Z", tone(0.8))
        + line("M112 330 C160 346 220 330 236 286", tone(0.6), 2.4, 0.6)
        + path("M302 318 C334 330 348 350 348 376 H282 C280 350 288 330 302 318Z", tone(0.66), opacity=0.5)
        + line("M122 104 v26", tone(0.6), 7)
    )


def loafers(tone: Tone) -> str:
    one = (
        path(
            "M60 330 C62 290 90 270 124 276 C156 282 180 296 214 300 C270 304 318 310 336 338 Q342 352 338 366 H60Z",
            tone.fill,
        )
        + path("M56 362 H342 Q346 376 336 384 H66 Q52 378 56 362Z", tone(0.45))
        + path("M92 296 C120 280 160 296 188 314 C160 330 112 330 92 296Z", tone(0.5))
        + path("M176 298 C196 294 214 300 222 312 C210 332 190 338 172 330Z", tone(0.8))
        + line("M178 314 h34", tone(0.5), 4)
    )
    return group(one, "translate(10 -64) scale(.94)") + group(one, "translate(4 26)")


def slippers(tone: Tone) -> str:
    one = (
        ellipse(200, 380, 150, 26, tone(0.55))
        + path("M54 372 C60 300 130 262 196 266 C284 272 344 320 348 372 Q200 396 54 372Z", tone.fill)
        + path("M186 270 C232 266 330 300 344 352 C300 340 220 330 170 344 C160 316 168 286 186 270Z", "#f3ead8")
        + ellipse(250, 330, 66, 26, tone(0.6))
        + line("M74 344 C100 300 140 284 170 282", tone(0.66), 2, 0.5)
    )
    return group(one, "translate(22 -72) scale(.9)") + group(one, "translate(0 20)")


def mittens(tone: Tone) -> str:
    one = (
        path(
            "M110 330 V210 C110 150 130 128 156 128 C184 128 200 152 200 208 V262 C214 244 232 240 236 252 C238 272 214 296 198 316 V330Z",
            tone.fill,
        )
        + rect(102, 322, 106, 66, tone(0.8), 12)
        + "".join(line(f"M{x} 328 V382", tone(0.62), 2, 0.4) for x in range(110, 206, 9))
        + line("M120 228 l18 18 18 -18 18 18 18 -18 M120 252 l18 18 18 -18 18 18 18 -18", PAPER, 4, 0.9)
    )
    return group(one, "translate(-42 36) rotate(-6 156 260)") + group(
        one, "translate(388 6) scale(-1 1) rotate(-6 156 260)"
    )
