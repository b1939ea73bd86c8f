"""A graph without loops, drawn in layers from top to bottom as SVG, without any other program.

Sugiyama's way: layers by the longest path, boxes of no width where an arrow passes a layer, an order in each layer by
the mean place of the neighbors, places that are as near to these as the widths allow.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise

LETTER, LINE, MARGIN = 5.5, 15.0, 8.0  # [px] width of a letter, height of a line, room inside a box
GAP, LAYER_GAP, EDGE = 18.0, 34.0, 12.0  # [px] between boxes, between layers, around all
ROUNDS = 24
COLORS = {"files": ("#e8eef7", "#5b7aa8", 2), "step": ("#fdf1dc", "#c98a1b", 9), "product": ("#e6f4ea", "#3c8a52", 2)}

Box = tuple[str, str, Sequence[str]]  # name, kind, lines
Edges = Sequence[tuple[str, str]]


def draw(boxes: Sequence[Box], edges: Edges) -> str:
    """The graph as an SVG text.

    Parameters
    ----------
    boxes : sequence of (name, kind, lines)
        The kind is one of `COLORS`; the first line is bold.
    edges : sequence of (name, name)
        From, to.
    """
    texts = {name: lines for name, _, lines in boxes}
    widths = {name: MARGIN * 2 + LETTER * max(map(len, lines)) for name, lines in texts.items()}
    paths = _paths(_layers(list(texts), edges), edges)
    rows = _rows(_layers(list(texts), edges), paths)
    centers = _places(rows, paths, widths)
    left = min(centers[name] - widths.get(name, 0) / 2 for name in centers)
    centers = {name: x - left + EDGE for name, x in centers.items()}
    heights = [max((len(texts[name]) * LINE + MARGIN for name in row if name in texts), default=LINE) for row in rows]
    tops = [EDGE + sum(heights[:number]) + LAYER_GAP * number for number in range(len(rows))]
    row_of = {name: number for number, row in enumerate(rows) for name in row}
    width = max(centers[name] + widths.get(name, 0) / 2 for name in centers) + EDGE
    height = tops[-1] + heights[-1] + EDGE
    lines = [_curve(path, centers, row_of, tops, heights, texts) for path in paths]
    shapes = [_box(box, centers[box[0]], tops[row_of[box[0]]], widths[box[0]]) for box in boxes]
    return _PAGE.format(width=round(width), height=round(height), arrows="\n".join(lines), boxes="\n".join(shapes))


_PAGE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">
<style>text {{ font: 10px Helvetica, Arial, sans-serif; fill: #222 }} .title {{ font-weight: bold }}
path {{ fill: none; stroke: #888; stroke-width: 1.2 }}</style>
<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<polygon points="0,0 8,4 0,8" fill="#888"/></marker></defs>
<rect width="100%" height="100%" fill="#fff"/>
{arrows}
{boxes}
</svg>
"""


def _layers(names: Sequence[str], edges: Edges) -> dict[str, int]:
    """The number of the layer of each box: below all that it comes from, and then as near as can be to its use."""
    layers = dict.fromkeys(names, 0)
    for _ in names:
        for one, other in edges:
            layers[other] = max(layers[other], layers[one] + 1)
    for name in sorted(names, key=lambda name: -layers[name]):
        after = [layers[other] for one, other in edges if one == name]
        layers[name] = min(after) - 1 if after else layers[name]
    return layers


def _paths(layers: Mapping[str, int], edges: Edges) -> list[list[str]]:
    """Each arrow as the boxes that it passes, one in each layer; those between its ends have no width."""
    paths = []
    for one, other in edges:
        between = [f"{one}>{other}@{layer}" for layer in range(layers[one] + 1, layers[other])]
        paths.append([one, *between, other])
    return paths


def _rows(layers: Mapping[str, int], paths: Iterable[Sequence[str]]) -> list[list[str]]:
    rows: list[list[str]] = [[] for _ in range(max(layers.values()) + 1)]
    for name, layer in layers.items():
        rows[layer].append(name)
    for path in paths:
        for offset, name in enumerate(path[1:-1], start=1):
            rows[layers[path[0]] + offset].append(name)
    return rows


def _places(rows: list[list[str]], paths: Sequence[Sequence[str]], widths: Mapping[str, float]) -> dict[str, float]:
    """Center of every box [px]; the rows are sorted on the way."""
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for path in paths:
        for one, other in pairwise(path):
            above.setdefault(other, []).append(one)
            below.setdefault(one, []).append(other)
    centers = {name: float(number) for row in rows for number, name in enumerate(row)}
    for turn in range(ROUNDS):
        neighbors = above if turn % 2 == 0 else below
        for row in rows if turn % 2 == 0 else reversed(rows):
            wanted = {name: _mean([centers[other] for other in neighbors.get(name, ())], centers[name]) for name in row}
            row.sort(key=lambda name: (wanted[name], name))
            centers |= _apart(row, wanted, widths)
    return centers


def _apart(row: Sequence[str], wanted: Mapping[str, float], widths: Mapping[str, float]) -> dict[str, float]:
    """Centers near the wanted ones, without overlap: groups of boxes that touch move together."""
    groups: list[tuple[list[str], list[float]]] = []  # names, and offsets of their centers from the first one
    for name in row:
        names, offsets = [name], [0.0]
        while groups and _start(groups[-1], wanted) + groups[-1][1][-1] + _room(groups[-1][0][-1], names[0], widths) > (
            _start((names, offsets), wanted)
        ):
            before, before_offsets = groups.pop()
            step = before_offsets[-1] + _room(before[-1], names[0], widths)
            names, offsets = before + names, before_offsets + [step + offset for offset in offsets]
        groups.append((names, offsets))
    return {name: _start(group, wanted) + offset for group in groups for name, offset in zip(*group, strict=True)}


def _start(group: tuple[list[str], list[float]], wanted: Mapping[str, float]) -> float:
    """Where the first box of a group must stand so that all are as near as can be to where they are wanted."""
    return _mean([wanted[name] - offset for name, offset in zip(*group, strict=True)], 0.0)


def _room(one: str, other: str, widths: Mapping[str, float]) -> float:
    return (widths.get(one, 0.0) + widths.get(other, 0.0)) / 2 + GAP


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _curve(
    path: Sequence[str],
    centers: Mapping[str, float],
    row_of: Mapping[str, int],
    tops: Sequence[float],
    heights: Sequence[float],
    texts: Mapping[str, Sequence[str]],
) -> str:
    """An arrow from the lower edge of its first box to the upper edge of its last one."""
    row = row_of[path[0]]
    x, y = centers[path[0]], tops[row] + heights[row]
    parts = [f"M{x:.0f},{tops[row] + len(texts[path[0]]) * LINE + MARGIN:.0f}V{y:.0f}"]
    for name in path[1:]:
        row = row_of[name]
        next_x, next_y = centers[name], tops[row]
        middle = (y + next_y) / 2
        parts.append(f"C{x:.0f},{middle:.0f} {next_x:.0f},{middle:.0f} {next_x:.0f},{next_y:.0f}")
        x, y = next_x, next_y
        if name not in texts:
            y += heights[row]
            parts.append(f"V{y:.0f}")
    return f'<path d="{"".join(parts)}" marker-end="url(#end)"/>'


def _box(box: Box, center: float, top: float, width: float) -> str:
    _, kind, texts = box
    fill, line, radius = COLORS[kind]
    x, height = center - width / 2, len(texts) * LINE + MARGIN
    parts = [
        f'<rect x="{x:.0f}" y="{top:.0f}" width="{width:.0f}" height="{height:.0f}" rx="{radius}" fill="{fill}" '
        f'stroke="{line}"/>'
    ]
    for number, text in enumerate(texts):
        style = ' class="title"' if number == 0 else ""
        y = top + MARGIN / 2 + LINE * (number + 0.75)
        parts.append(f'<text x="{x + MARGIN:.0f}" y="{y:.0f}"{style}>{escape(text)}</text>')
    return "".join(parts)
