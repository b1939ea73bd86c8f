"""The graph of what was made from what, as text for Mermaid and Graphviz, or drawn as SVG."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from gammapy_hli.cli.prov_svg import draw
from gammapy_hli.cli.prov_text import shown_options
from gammapy_hli.run.lineage import Session
from gammapy_hli.run.manifest import FileRecord, Manifest

Kind = Literal["files", "step", "product"]
MOST_LINES = 4  # of options and of file names in a box
MOST_LETTERS = 44  # of a line in a box


@dataclass(frozen=True)
class Node:
    """A box: input files, a step, or its product; the first line is its title."""

    name: str
    kind: Kind
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """Boxes, and arrows from what was used to what used it, from a step to its product."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]


def graph_of(session: Session) -> Graph:
    """The graph of a session: input files of one folder are one box."""
    nodes: dict[str, Node] = {}
    edges: dict[tuple[str, str], None] = {}
    for name, manifest in session.manifests.items():
        for folder, records in _by_folder(manifest.files).items():
            label = f"files {folder} {_names(records)}"
            nodes.setdefault(label, Node(label, "files", _file_lines(folder, records)))
            edges[label, f"step {name}"] = None
        for record in manifest.inputs:
            edges[f"product {record.step}", f"step {name}"] = None
        nodes[f"step {name}"] = Node(f"step {name}", "step", (name, *_option_lines(manifest)))
        nodes[f"product {name}"] = Node(f"product {name}", "product", _product_lines(manifest))
        edges[f"step {name}", f"product {name}"] = None
    numbers = {name: f"n{number}" for number, name in enumerate(nodes)}
    return Graph(
        tuple(Node(numbers[node.name], node.kind, node.lines) for node in nodes.values()),
        tuple((numbers[one], numbers[other]) for one, other in edges if one in numbers),
    )


def write_graph(graph: Graph, form: str) -> str:
    """The graph in one of `FORMATS`."""
    return _WRITERS[form](graph)


def _mermaid(graph: Graph) -> str:
    shapes = {"files": '[("{}")]', "step": '["{}"]', "product": '(["{}"])'}
    lines = ["flowchart TD"]
    for node in graph.nodes:
        title, *rest = (escape(line, quote=False).replace("#", "#35;").replace('"', "#quot;") for line in node.lines)
        text = "<br>".join([f"<b>{title}</b>", *rest])
        lines.append(f"  {node.name}{shapes[node.kind].format(text)}:::{node.kind}")
    lines += [f"  {one} --> {other}" for one, other in graph.edges]
    colors = {"files": "#e8eef7,stroke:#5b7aa8", "step": "#fdf1dc,stroke:#c98a1b", "product": "#e6f4ea,stroke:#3c8a52"}
    lines += [f"  classDef {kind} fill:{color},color:#222" for kind, color in colors.items()]
    return "\n".join(lines) + "\n"


def _dot(graph: Graph) -> str:
    shapes = {"files": "cylinder", "step": "box", "product": "note"}
    lines = ["digraph provenance {", "  node [fontname=Helvetica, fontsize=10];"]
    for node in graph.nodes:
        text = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in node.lines)
        lines.append(f'  {node.name} [shape={shapes[node.kind]}, label="{text}"];')
    lines += [f"  {one} -> {other};" for one, other in graph.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _svg(graph: Graph) -> str:
    return draw([(node.name, node.kind, node.lines) for node in graph.nodes], graph.edges)


_WRITERS: dict[str, Callable[[Graph], str]] = {"mermaid": _mermaid, "dot": _dot, "svg": _svg}
FORMATS = tuple(_WRITERS)


def _by_folder(records: Sequence[FileRecord]) -> dict[str, list[FileRecord]]:
    found: dict[str, list[FileRecord]] = {}
    for record in records:
        found.setdefault(os.path.dirname(record.path), []).append(record)
    return found


def _names(records: Sequence[FileRecord]) -> str:
    return " ".join(os.path.basename(record.path) for record in records)


def _file_lines(folder: str, records: Sequence[FileRecord]) -> tuple[str, ...]:
    """The last two parts of the folder, and the names: where a store stands on this computer is of no interest."""
    title = "/".join([part for part in folder.split("/") if part][-2:])
    return (f"{title}/", *_few([os.path.basename(record.path) for record in records], "files"))


def _option_lines(manifest: Manifest) -> list[str]:
    if manifest.status == "given":
        return ["set in Python"]
    own = [f"{path} = {option.as_yaml}" for path, option in shown_options(manifest).items() if not option.is_path]
    return _few(own, "options")


def _product_lines(manifest: Manifest) -> tuple[str, ...]:
    return (f"{manifest.step}/", *_few([record.path for record in manifest.products], "files"))


def _few(texts: Sequence[str], what: str) -> list[str]:
    """The first few of some texts, each cut to what fits a box."""
    most = MOST_LINES if len(texts) <= MOST_LINES else MOST_LINES - 1
    shown = [text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…" for text in texts[:most]]
    return shown + ([f"and {len(texts) - most} more {what}"] if len(texts) > most else [])
