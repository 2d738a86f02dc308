"""The one drawing of the page: how good a method says it is, against how much of the truth it offers."""

from __future__ import annotations

from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 60, 190, 20, 50
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
SHAPES = ("circle", "square", "diamond")
LETTER = 6.2
"""Width of a letter at the labels' size, about."""


def scatter(points: list[tuple[str, str, float, float]]) -> str:
    """An SVG of (world, method, self-score, truth): a colour and a form for each world, methods by name."""
    worlds = list(dict.fromkeys(world for world, *_ in points))
    wide = 1.08 * max([1.0, *(own for _, _, own, _ in points)])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]

    def place(own: float, truth: float) -> tuple[float, float]:
        x = LEFT + own / wide * (WIDTH - LEFT - RIGHT)
        return x, TOP + (1 - truth) * (HEIGHT - TOP - BOTTOM)

    for step in range(6):
        _, y = place(0, step / 5)
        x, _ = place(step / 5, 0)
        floor = HEIGHT - BOTTOM
        parts += [
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>',
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{step / 5:.1f}</text>',
            f'<text x="{x:.1f}" y="{floor + 16}" text-anchor="middle">{step / 5:.1f}</text>',
        ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    half = (TOP + HEIGHT - BOTTOM) / 2
    parts += [
        f'<text x="{middle}" y="{HEIGHT - 12}" text-anchor="middle" font-size="13">what the method says of itself '
        "(mean self-score)</text>",
        f'<text transform="translate(16 {half}) rotate(-90)" text-anchor="middle" font-size="13">truth in what it '
        "offers</text>",
    ]
    for number, world in enumerate(worlds):
        y = TOP + 14 + 20 * number
        parts.append(_dot(WIDTH - RIGHT + 24, y, number))
        parts.append(f'<text x="{WIDTH - RIGHT + 38}" y="{y + 4}" font-size="13">{escape(world)}</text>')
    taken: list[tuple[float, float, float]] = []
    for world, method, own, truth in sorted(points, key=lambda point: -point[3]):
        x, y = place(own, truth)
        parts.append(_dot(x, y, worlds.index(world)))
        size = LETTER * len(method)
        start = _free(x + 8, y, size, taken)
        if start is not None:
            taken.append((start, y, size))
            parts.append(f'<text x="{start:.1f}" y="{y + 4:.1f}" fill="#444444">{escape(method)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _free(x: float, y: float, size: float, taken: list[tuple[float, float, float]]) -> float | None:
    """Where a label has room: right of its dot, left of it, or None."""
    for start in (x, x - 16 - size):
        if (
            start >= LEFT
            and start + size <= WIDTH - RIGHT + 20
            and all(
                abs(y - other) > 10 or start > end + width or end > start + size
                for end, other, width in taken
            )
        ):
            return start
    return None


def _dot(x: float, y: float, number: int) -> str:
    colour, shape = COLOURS[number % len(COLOURS)], SHAPES[number % len(SHAPES)]
    paint = f'fill="{colour}" fill-opacity="0.8"'
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" {paint}/>'
    turn = f' transform="rotate(45 {x:.1f} {y:.1f})"' if shape == "diamond" else ""
    return f'<rect x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9" {paint}{turn}/>'
