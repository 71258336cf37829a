"""Ten digits as hands draw them, in five styles: for each, its strokes, each a list of points (x, y), y downwards."""

import math


def arc(x, y, across, down, start, end, points=14):
    """Points on an ellipse around (x, y); angles in degrees, 0 to the right, 90 downwards."""
    angles = [math.radians(start + (end - start) * n / (points - 1)) for n in range(points)]
    return [(x + across * math.cos(a), y + down * math.sin(a)) for a in angles]


STROKES = {
    0: [arc(0.5, 0.5, 0.26, 0.38, -80, 280, 28)],
    1: [[(0.54, 0.12), (0.52, 0.36), (0.49, 0.62), (0.47, 0.88)]],
    2: [[*arc(0.48, 0.32, 0.24, 0.2, -160, 40), (0.5, 0.62), (0.26, 0.84), (0.5, 0.83), (0.78, 0.85)]],
    3: [[*arc(0.46, 0.3, 0.22, 0.18, -150, 90), *arc(0.46, 0.67, 0.25, 0.19, -90, 150)]],
    4: [
        [(0.3, 0.14), (0.27, 0.32), (0.26, 0.5), (0.46, 0.51), (0.72, 0.47)],
        [(0.7, 0.12), (0.68, 0.45), (0.66, 0.88)],
    ],
    5: [[(0.36, 0.15), (0.33, 0.42), *arc(0.46, 0.63, 0.24, 0.22, -120, 150)], [(0.35, 0.15), (0.72, 0.13)]],
    6: [[(0.62, 0.12), (0.46, 0.28), (0.35, 0.48), *arc(0.48, 0.68, 0.17, 0.19, 190, -170, 24)]],
    7: [[(0.26, 0.18), (0.5, 0.17), (0.74, 0.16), (0.64, 0.4), (0.53, 0.64), (0.46, 0.88)]],
    8: [
        [
            *arc(0.5, 0.31, 0.17, 0.18, -40, -270, 18),
            *arc(0.5, 0.69, 0.2, 0.2, -90, 270, 24),
            *arc(0.5, 0.31, 0.17, 0.18, 90, -40, 12),
        ]
    ],
    9: [[*arc(0.48, 0.34, 0.18, 0.19, -10, -350, 22), (0.66, 0.34), (0.64, 0.58), (0.58, 0.88)]],
}


def wavy(x, y):
    return x + 0.02 * math.sin(9 * y), y + 0.015 * math.sin(11 * x)


STYLES = {  # what a hand does to each point
    "plain": lambda x, y: (x, y),
    "slanted": lambda x, y: (x + 0.25 * (0.5 - y), y),
    "narrow": lambda x, y: (0.5 + 0.72 * (x - 0.5), y),
    "wide": lambda x, y: (x, 0.5 + 0.75 * (y - 0.5)),
    "shaky": wavy,
}


def strokes(digit, style="plain", size=1.0, right=0.0, down=0.0):
    """The strokes of that digit, as large a share of the pad, moved by these shares of it."""

    def at(point):
        x, y = STYLES[style](*point)
        return 0.5 + right + size * (x - 0.5), 0.5 + down + size * (y - 0.5)

    return [[at(point) for point in points] for points in STROKES[digit]]
