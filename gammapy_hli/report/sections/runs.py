"""The table of runs, and why others are not in it."""

import re
from collections import Counter
from typing import Any

import numpy as np

from gammapy_hli.base.counted import counted
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.reduce.meta import off_runs_of
from gammapy_hli.report.blocks import Cell, Head, Row, Section, TableBlock, Text
from gammapy_hli.report.material import Material, is_part
from gammapy_hli.report.number_text import DASH, fixed, measured, plain, whole

NOT_ASKED_FOR = "not in obs_ids"
NOT_WANTED = "not asked for"
MOST_LEFT_OUT = 30
MOST_KINDS = 6
MOST_NAMES = 20


def runs_section(material: Material) -> Section | None:
    """Livetime, counts and significance of each run; runs that were left out."""
    blocks: list[Any] = []
    for step, reduction in material.reductions.items():
        caption = f"Step {step}" if len(material.reductions) > 1 else ""
        blocks.append(_map_table(reduction, caption) if _is_maps(reduction) else _table(reduction, caption))
        off_runs = _off_runs(reduction)
        blocks += [] if off_runs is None else [off_runs]
    for step, observations in material.observations.items():
        store = f"The store of {step}" if len(material.observations) > 1 else "The store"
        blocks += _left_out(observations.table, store, shown=not material.reductions)
    if not blocks:
        return None
    if any(_is_maps(reduction) for reduction in material.reductions.values()):
        text = "Counts, background and excess are those of the whole map, in safe bins."
        return Section("runs", "Runs", blocks, text)
    text = (
        "Counts, excess and significance are those inside the safe range of energies; the significance is that of "
        "Li & Ma (1983, eq. 17) where off counts are there, the likelihood ratio where the background is known."
    )
    return Section("runs", "Runs", blocks, text if material.reductions else "")


def _table(reduction: Any, caption: str) -> TableBlock:
    info = reduction.info
    has_off = bool(np.isfinite(np.asarray(info["n_off_safe"])).any())
    head = [
        Head("Part" if any(is_part(str(name)) for name in info["name"]) else "Run"),
        Head("Livetime", "min"),
        Head("Zenith", "deg"),
        Head("Offset", "deg"),
        Head("N on"),
        *([Head("N off"), Head("α")] if has_off else []),
        Head("Background"),
        Head("Excess"),
        Head("Significance", "σ"),
        Head("Threshold", "TeV"),
    ]
    rows = [_row(line, has_off, len(head)) for line in info]
    return TableBlock(head, rows, _sum(reduction, has_off) if len(rows) > 1 else None, caption)


def _off_runs(reduction: Any) -> TableBlock | None:
    """Which off runs serve which runs."""
    runs: dict[str, list[str]] = {}
    for dataset in reduction.datasets:
        runs.setdefault(", ".join(sorted(off_runs_of(dataset.meta))), []).append(str(dataset.name))
    rows = [
        Row(
            [
                Cell(text, is_text=True)
                for text in (off, ", ".join(names[:MOST_NAMES]) + " ..." * (len(names) > MOST_NAMES))
            ]
        )
        for off, names in runs.items()
        if off
    ]
    head = [Head("Off runs", is_text=True), Head("serve the runs", is_text=True)]
    return TableBlock(head, rows) if rows else None


def _is_maps(reduction: Any) -> bool:
    return any(isinstance(dataset, MapDataset) for dataset in reduction.datasets)


def _map_table(reduction: Any, caption: str) -> TableBlock:
    """The runs of a reduction to maps: counts of the whole map, the factor on the background where one is fitted."""
    info = reduction.info
    has_norm = bool(np.isfinite(np.asarray(info["background_norm"])).any())
    head = [
        Head("Run"),
        Head("Livetime", "min"),
        Head("Zenith", "deg"),
        Head("Offset", "deg"),
        Head("Counts"),
        Head("Background"),
        Head("Excess"),
        *([Head("Background norm")] if has_norm else []),
        Head("Threshold", "TeV"),
    ]
    errors = _norm_errors(reduction)
    rows = [_map_row(line, has_norm, errors.get(str(line["name"]).rpartition("-")[2]), len(head)) for line in info]
    total = reduction.totals()
    sums = ["Sum", fixed(total["livetime_s"] / 60, 1), "", "", whole(total["n_on"]), fixed(total["background"], 1)]
    sums += [fixed(total["excess"], 1), *([""] if has_norm else []), ""]
    return TableBlock(head, rows, Row([Cell(text) for text in sums]) if len(rows) > 1 else None, caption)


def _map_row(line: Any, has_norm: bool, error: float | None, width: int) -> Row:
    facts = [str(line["name"]), fixed(line["livetime"] / 60, 1), fixed(line["zenith"], 1), fixed(line["offset"], 2)]
    if line["dropped"]:
        reason = Cell(f"not used: {line['dropped']}", is_text=True, span=width - 4)
        return Row([*(Cell(text) for text in facts), reason], muted=True)
    norm = line["background_norm"]
    numbers = [
        whole(line["n_on_safe"]),
        fixed(line["background"], 1),
        fixed(line["excess"], 1),
        *([measured(float(norm), error) if np.isfinite(norm) else DASH] if has_norm else []),
        plain(line["energy_threshold"]),
    ]
    return Row([Cell(text) for text in (*facts, *numbers)])


def _norm_errors(reduction: Any) -> dict[str, float]:
    """Errors of the background norms by run, where the datasets tell them."""
    found: dict[str, float] = {}
    for dataset in reduction.datasets:
        errors = dataset.meta.get("BKG_NORM_ERR", ())
        found |= {str(run): float(error) for run, error in zip(dataset.obs_ids, errors, strict=False)}
    return found


def _row(line: Any, has_off: bool, width: int) -> Row:
    facts = [str(line["name"]), fixed(line["livetime"] / 60, 1), fixed(line["zenith"], 1), fixed(line["offset"], 2)]
    if line["dropped"]:
        return Row(
            [*(Cell(text) for text in facts), Cell(f"not used: {line['dropped']}", is_text=True, span=width - 4)],
            muted=True,
        )
    off = [whole(line["n_off_safe"]), plain(line["alpha"])] if has_off else []
    numbers = [
        whole(line["n_on_safe"]),
        *off,
        fixed(line["background"], 1),
        fixed(line["excess"], 1),
        fixed(line["sqrt_ts"], 1),
        plain(line["energy_threshold"]),
    ]
    return Row([Cell(text) for text in (*facts, *numbers)])


def _sum(reduction: Any, has_off: bool) -> Row:
    total = reduction.totals()
    alpha = total["background"] / total["n_off"] if total["n_off"] > 0 else float("nan")
    off = [whole(total["n_off"]), plain(alpha)] if has_off else []
    cells = ["Sum", fixed(total["livetime_s"] / 60, 1), "", "", whole(total["n_on"]), *off]
    cells += [fixed(total["background"], 1), fixed(total["excess"], 1), fixed(total["sqrt_ts"], 1), ""]
    return Row([Cell(text) for text in cells])


def _left_out(observations: Any, store: str, shown: bool) -> list[Any]:
    """Runs of the store that the selection left out: those never asked for as a number, the others with reasons."""
    table = observations.table
    out = [row for row in table if not row["selected"]]
    asked = [row for row in out if NOT_ASKED_FOR not in str(row["reason"]).split("; ")]
    blocks: list[Any] = []
    if shown:
        rows = [
            Row([Cell(str(row["obs_id"])), Cell(fixed(row["livetime"] / 60, 1)), Cell(fixed(row["zenith"], 1))])
            for row in observations.selected
        ]
        blocks.append(TableBlock([Head("Run"), Head("Livetime", "min"), Head("Zenith", "deg")], rows))
    counts = Counter(_kind(str(row["reason"])) for row in out)
    if counts:
        text = f"{store} holds {counted(len(table), 'run')}; {len(out)} of them"
        if set(counts) == {NOT_WANTED}:
            text += f" {'was' if len(out) == 1 else 'were'} not asked for."
        else:
            most = counts.most_common(MOST_KINDS)
            others = counts.total() - sum(number for _, number in most)
            reasons = "; ".join(f"{kind} ({number})" for kind, number in [*most, ("others", others)] if number)
            text += f" {'is' if len(out) == 1 else 'are'} not in the selection: {reasons}."
        blocks.append(Text(text))
    if asked and len(asked) <= MOST_LEFT_OUT:
        rows = [Row([Cell(str(row["obs_id"])), Cell(str(row["reason"]), is_text=True)], muted=True) for row in asked]
        blocks.append(TableBlock([Head("Run left out"), Head("Why", is_text=True)], rows))
    return blocks


def _kind(reason: str) -> str:
    """The reason without the numbers of the run."""
    if NOT_ASKED_FOR in reason.split("; "):
        return NOT_WANTED
    first = reason.split("; ")[0].split(": ")[0]
    first = re.sub(r"^[-+.e\d]+ deg from the center of the cone, radius (.+)$", r"outside of the cone of \1", first)
    first = re.sub(r"^.* is (outside all intervals)$", r"\1", first)
    return re.sub(r" [-+.e\d]+ \w+ ([<>])", r" \1", first) or "without a reason"
