"""Bottles, lanterns and what goes on a walk."""

from app.catalog.demo.drawing import GOLD, PAPER, WOOD, Tone, circle, ellipse, line, mirrored, path, rect


def bottle(tone: Tone) -> str:
    return (
        rect(168, 84, 64, 52, tone(0.6), 10)
        + line("M184 84 C184 60 216 60 216 84", tone(0.6), 8)
        + path(
            "M164 140 H236 Q238 164 256 182 Q264 192 264 208 V398 Q264 426 236 426 H164 Q136 426 136 398 V208 Q136 192 144 182 Q162 164 164 140Z",
            tone.fill,
        )
        + line("M154 214 V392", "#ffffff", 7, 0.22)
        + line("M136 380 H264", tone(0.6), 2, 0.4)
        + line("M188 290 l12 -20 12 20 M181 302 h38", "#ffffff", 3.4, 0.85)
    )


def flask(tone: Tone) -> str:
    return (
        path("M150 92 H250 L258 172 H142Z", tone(0.62))
        + line("M258 118 C296 120 296 160 262 162", tone(0.62), 9)
        + rect(132, 168, 136, 258, tone.fill, 26)
        + rect(132, 190, 136, 16, "#cfc9bd")
        + rect(132, 396, 136, 14, "#cfc9bd")
        + line("M152 226 V380", "#ffffff", 7, 0.25)
    )


def lantern(tone: Tone) -> str:
    return (
        ellipse(200, 300, 130, 110, "#ffe2a0", opacity=0.4, filter="url(#s)")
        + line("M140 186 C130 70 270 70 260 186", "#4a4038", 6)
        + path("M150 176 H250 L268 206 H132Z", tone.fill)
        + rect(142, 206, 116, 166, "#fff3d1", 10, opacity=0.85)
        + path("M200 262 C216 290 218 312 200 330 C182 312 184 290 200 262Z", "#f3a93f")
        + mirrored(rect(138, 206, 10, 166, tone(0.8)))
        + rect(122, 368, 156, 56, tone.fill, 14)
        + circle(200, 396, 9, GOLD)
    )


def tent(tone: Tone) -> str:
    return (
        path("M40 412 L200 130 L360 412Z", tone.fill)
        + path("M200 130 L360 412 H262Z", tone(0.74))
        + path("M200 190 L262 412 H138Z", tone(0.5))
        + path("M200 190 L166 412 H138Z", tone(1.2))
        + line("M40 412 L22 428 M360 412 L378 428 M200 130 V106", WOOD, 5)
    )


def mat(tone: Tone) -> str:
    return (
        rect(92, 168, 120, 258, tone(0.84), 10)
        + rect(150, 150, 158, 276, tone.fill, 14)
        + ellipse(229, 150, 79, 24, tone(1.14))
        + ellipse(229, 150, 52, 15, tone(0.8))
        + ellipse(229, 150, 26, 7, tone(1.1))
        + rect(150, 218, 158, 16, tone(0.6))
        + rect(150, 356, 158, 16, tone(0.6))
        + rect(216, 214, 22, 24, GOLD, 4)
    )


def cooler(tone: Tone) -> str:
    return (
        line("M112 236 C112 130 288 130 288 236", tone(0.62), 13)
        + rect(76, 236, 248, 180, tone.fill, 26)
        + rect(68, 214, 264, 52, PAPER, 18)
        + line("M84 262 H316", tone(0.7), 2, 0.5)
        + rect(182, 252, 36, 34, tone(0.6), 8)
        + line("M104 300 V388", "#ffffff", 6, 0.3)
    )


def hammock(tone: Tone) -> str:
    stripes = "".join(
        line(
            f"M{96 + i * 30} {244 + abs(3.5 - i) * -9:.0f} q8 60 0 {118 - abs(3.5 - i) * 12:.0f}",
            "#fbf6ea",
            8,
            0.7,
        )
        for i in range(8)
    )
    ropes = "".join(line(f"M30 150 L{84 + i * 6} {226 + i * 10}", "#e2d3b4", 3) for i in range(5))
    return (
        mirrored(line("M28 96 V430", WOOD, 16) + ropes)
        + path("M80 222 Q200 300 320 222 Q330 330 200 384 Q70 330 80 222Z", tone.fill)
        + stripes
        + line("M80 222 Q200 300 320 222", tone(0.66), 6)
    )
