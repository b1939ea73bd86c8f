"""Graphs of provenance as text and as a drawing; trees of long lists."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gammapy_hli.cli.prov_graph import FORMATS, MOST_LETTERS, graph_of, write_graph
from gammapy_hli.cli.prov_svg import GAP, draw
from gammapy_hli.cli.prov_text import MOST_FILES, lineage_text
from gammapy_hli.run.lineage import Place, Session
from gammapy_hli.run.manifest import FileRecord, InputRecord, Manifest
from gammapy_hli.run.step import Option

SVG = "{http://www.w3.org/2000/svg}"


@st.composite
def graphs(draw):
    """Boxes of some lines, and arrows from earlier to later ones."""
    n = draw(st.integers(1, 12))
    kinds = st.sampled_from(["files", "step", "product"])
    lines = st.builds(lambda length, number: ["x" * length] * number, st.integers(1, 40), st.integers(1, 4))
    boxes = [(f"n{k}", draw(kinds), draw(lines)) for k in range(n)]
    pairs = [(f"n{i}", f"n{j}") for j in range(n) for i in range(j)]
    return boxes, draw(st.lists(st.sampled_from(pairs), unique=True, max_size=20)) if pairs else []


def rectangles(text):
    """Left, top, right, bottom of every box, and the size of the drawing."""
    root = ElementTree.fromstring(text)
    found = [rect for rect in root.iter(f"{SVG}rect") if rect.get("x") is not None]
    sides = [[float(rect.get(name)) for name in ("x", "y", "width", "height")] for rect in found]
    return [(x, y, x + w, y + h) for x, y, w, h in sides], (float(root.get("width")), float(root.get("height")))


@given(graphs())
def test_boxes_stand_inside_the_drawing_and_apart(graph):
    boxes, edges = graph
    text = draw(boxes, edges)
    found, (width, height) = rectangles(text)
    assert len(found) == len(boxes)
    assert all(x >= 0 and y >= 0 and right <= width and bottom <= height for x, y, right, bottom in found)
    for number, one in enumerate(found):
        for other in found[:number]:
            apart_x = max(one[0], other[0]) >= min(one[2], other[2]) + GAP / 2
            apart_y = max(one[1], other[1]) >= min(one[3], other[3])
            assert apart_x or apart_y, (one, other)


@given(graphs())
def test_arrows_lead_down_from_the_edge_of_one_box_to_the_edge_of_another(graph):
    boxes, edges = graph
    text = draw(boxes, edges)
    found, _ = rectangles(text)
    by_name = dict(zip((name for name, _, _ in boxes), found, strict=True))
    paths = re.findall(r'<path d="([^"]+)"', text)
    assert len(paths) == len(edges)
    for (one, other), path in zip(edges, paths, strict=True):
        start = [float(number) for number in re.match(r"M([-\d]+),([-\d]+)", path).groups()]
        end = [float(number) for number in path.rpartition(" ")[2].split(",")]
        assert start[1] == pytest.approx(by_name[one][3], abs=1)
        assert end[1] == pytest.approx(by_name[other][1], abs=1)
        assert by_name[one][3] < by_name[other][1]
        for (x, _), name in ((start, one), (end, other)):
            assert by_name[name][0] < x < by_name[name][2]


def session(tmp_path, n_files=3, status="complete"):
    """A reduction of many files, and a fit of it that has an option with odd characters."""
    files = tuple(FileRecord(f"/somewhere/on/disk/store/data/{k}.fits", f"{k:064x}", 1) for k in range(n_files))
    options = {"fit.odd": Option('"a" \\ <b> & c', "x.yaml:1:1"), "fit.long": Option("y" * 100, "x.yaml:2:1")}

    def manifest(name, **more):
        empty = dict.fromkeys(("inputs", "files", "products"), ())
        facts = {
            "step": name,
            "recipe_version": 1,
            "recipe_key": "",
            "key": "",
            "options": {},
            "fingerprint": "",
            **empty,
        }
        return Manifest(**{**facts, **more})

    inputs = (InputRecord("datasets", "reduction", "", ""), InputRecord("again", "reduction", "", ""))
    made = {
        "reduction": manifest("reduction", files=files, status=status),
        "fit": manifest("fit", inputs=inputs, options=options, products=(FileRecord("fit.yaml", "0" * 64, 1),)),
    }
    return Session(tmp_path, made)


@pytest.mark.parametrize("form", FORMATS)
def test_odd_characters_and_long_texts_do_no_harm(tmp_path, form):
    text = write_graph(graph_of(session(tmp_path)), form)
    assert "y" * (MOST_LETTERS - len("long = ") - 1) + "…" in text
    assert "y" * MOST_LETTERS not in text
    if form == "svg":
        assert any(node.text == 'odd = "a" \\ <b> & c' for node in ElementTree.fromstring(text).iter(f"{SVG}text"))
    elif form == "dot":
        assert '\\nodd = \\"a\\" \\\\ <b> & c' in text
    else:
        assert "odd = #quot;a#quot; \\ &lt;b&gt; &amp; c" in text


def test_graph_tells_the_folder_of_inputs_and_not_where_it_stands(tmp_path):
    text = write_graph(graph_of(session(tmp_path, 10)), "mermaid")
    assert "store/data/" in text
    assert "and 7 more files" in text
    assert "somewhere" not in text


def test_tree_is_short_where_lists_are_long_and_names_a_step_once(tmp_path):
    place = Place(tmp_path, session(tmp_path, 100))
    short, long = lineage_text(place), lineage_text(place, show_all=True)
    assert short.count("store/data/") == MOST_FILES
    assert f"and {100 - MOST_FILES} more files (--all shows them)" in short
    assert long.count("store/data/") == 100
    assert short.count("again: reduction  (above)") == 1


def test_what_was_set_in_python_is_told(tmp_path):
    made = session(tmp_path, status="given")
    assert "datasets: reduction  set in Python" in lineage_text(Place(tmp_path, made))
    assert "set in Python" in write_graph(graph_of(made), "mermaid")


def test_step_without_record_is_told(tmp_path):
    made = session(tmp_path)
    lost = Session(tmp_path, {"fit": made.manifests["fit"]})
    assert "datasets: reduction  (no record of it)" in lineage_text(Place(tmp_path, lost))
    assert "n0" in write_graph(graph_of(lost), "mermaid")
