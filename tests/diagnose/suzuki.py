"""The slow truth that ``geometry`` is held against: borders, rectangles and areas, step by step.

Borders are followed as in Suzuki & Abe, CVGIP 1985, algorithm 1; areas are the surveyor's formula;
the smallest rectangle is looked for along every edge of the convex hull in exact arithmetic.
"""

from fractions import Fraction
from math import sqrt

import numpy as np

Point = tuple[int, int]
AROUND = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))  # clockwise


def borders(mask: np.ndarray) -> list[tuple[list[Point], bool]]:
    """Every border as the pixels ``(x, y)`` met on the way round, and whether it is of a hole."""
    f = np.pad(mask.astype(int), 1).tolist()
    found, number = [], 1
    for i in range(1, len(f) - 1):
        for j in range(1, len(f[0]) - 1):
            if f[i][j] == 1 and f[i][j - 1] == 0:
                start, hole = (i, j - 1), False
            elif f[i][j] >= 1 and f[i][j + 1] == 0:
                start, hole = (i, j + 1), True
            else:
                continue
            number += 1
            path = follow(f, (i, j), start, number)
            found.append(([(x - 1, y - 1) for y, x in path], hole))
    return found


def follow(f: list[list[int]], begin: Point, start: Point, number: int) -> list[Point]:
    def turn(centre: Point, towards: Point, step: int) -> tuple[Point, list[Point]] | None:
        """The next pixel around the centre, and the empty ones that were looked at before."""
        at = AROUND.index((towards[0] - centre[0], towards[1] - centre[1]))
        empty = []
        for k in range(8):
            dy, dx = AROUND[(at + step * k) % 8]
            y, x = centre[0] + dy, centre[1] + dx
            if f[y][x]:
                return (y, x), empty
            empty.append((y, x))
        return None

    met = turn(begin, start, 1)
    if met is None:
        f[begin[0]][begin[1]] = -number
        return [begin]
    first = before = met[0]
    here, path = begin, []
    while True:
        path.append(here)
        at = AROUND.index((before[0] - here[0], before[1] - here[1]))
        dy, dx = AROUND[(at - 1) % 8]
        after, empty = turn(here, (here[0] + dy, here[1] + dx), -1)  # type: ignore[misc]
        y, x = here
        if (y, x + 1) in empty:
            f[y][x] = -number
        elif f[y][x] == 1:
            f[y][x] = number
        if after == begin and here == first:
            return path
        before, here = here, after


def hull(points: list[Point]) -> list[Point]:
    """Andrew's monotone chain, without points on edges."""
    ordered = sorted(set(points))
    if len(ordered) < 3:
        return ordered

    def half(points: list[Point]) -> list[Point]:
        chain: list[Point] = []
        for p in points:
            while len(chain) > 1 and cross(chain[-2], chain[-1], p) <= 0:
                chain.pop()
            chain.append(p)
        return chain[:-1]

    return half(ordered) + half(ordered[::-1])


def cross(a: Point, b: Point, c: Point) -> int:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def rectangle(points: list[Point]) -> tuple[float, float]:
    """Long and short side of the smallest; of equal ones the one with the shortest long side."""
    corners = hull(points)
    if len(corners) == 1:
        return 0.0, 0.0
    best: tuple[Fraction, Fraction, Fraction] | None = None
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        dx, dy = bx - ax, by - ay
        along = [dx * x + dy * y for x, y in corners]
        across = [dx * y - dy * x for x, y in corners]
        square = dx * dx + dy * dy
        sides = [Fraction((max(part) - min(part)) ** 2, square) for part in (along, across)]
        found = sides[0] * sides[1], max(sides), min(sides)  # squared
        best = found if best is None or found < best else best
    assert best is not None
    return sqrt(best[1]), sqrt(best[2])


def area(points: list[Point]) -> float:
    twice = sum(
        ax * by - bx * ay
        for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True)
    )
    return abs(twice) / 2


def length(points: list[Point]) -> float:
    return sum(
        sqrt((ax - bx) ** 2 + (ay - by) ** 2)
        for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True)
    )


def parts(mask: np.ndarray) -> list[set[Point]]:
    """Pixels ``(x, y)`` that hang together, corners included."""
    left = {(int(x), int(y)) for y, x in np.argwhere(mask)}
    found = []
    while left:
        part, edge = set(), [left.pop()]
        while edge:
            x, y = edge.pop()
            part.add((x, y))
            near = {(x + dx, y + dy) for dy, dx in AROUND} & left
            left -= near
            edge += near
        found.append(part)
    return found
