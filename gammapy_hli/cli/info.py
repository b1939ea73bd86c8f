"""``gammapy-hli info``: versions and surroundings; ``gammapy-hli info PATH``: what a folder or a file is."""

import os
import sys
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Any

from gammapy_hli.assistant.data_folders import stores_below
from gammapy_hli.base.atomic_write import json_text
from gammapy_hli.base.summary import summary_text
from gammapy_hli.cli import PROGRAM
from gammapy_hli.cli.arguments import UsageError, common_parser, split
from gammapy_hli.run.software import software_versions

DATA = "GAMMAPY_DATA"
PLUGINS = "gammapy_hli."  # what the names of our groups of entry points begin with
DEPTH = 4  # of folders below the data that are looked at
OWN_EXTRAS = {"report": ("matplotlib", "jinja2"), "dask": ("dask", "distributed")}
"""Packages of our extras; not read from the metadata, which an editable installation keeps as it was."""


def main(argv: list[str]) -> int:
    """Show versions, or what a path is."""
    usage = f"{PROGRAM} info [PATH] [--json]"
    about = "Show versions, packages, cores, data and plug-ins; or what a data store, an outdir or a file is."
    parser = common_parser(f"{PROGRAM} info", about, usage)
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = split(parser, argv, positional=1)
    if arguments.flags.help or arguments.flags.help_all:
        print(parser.format_help(), end="")
        return 0
    if arguments.options:
        raise UsageError(f"unknown flag '--{arguments.options[0][2]}'", f"see {PROGRAM} info --help")
    if arguments.words:
        from gammapy_hli.assistant.path_facts import path_facts  # late: loads numpy and astropy

        title, facts = path_facts(Path(arguments.words[0]))
    else:
        title, facts = "gammapy_hli", surroundings()
    print(json_text({"what": title, **facts}).rstrip() if arguments.flags.json else summary_text(title, facts))
    return 0


def surroundings() -> dict[str, Any]:
    """Versions, cores, data and plug-ins, in plain form."""
    software = software_versions()
    return {
        "version": software["gammapy_hli"],
        "installed in": str(Path(__file__).parents[1]),
        "Python": f"{software['python']} ({sys.executable})",
        "system": software["system"],
        "cores": usable_cores(),
        "packages": {name: found or "missing" for name, found in software["packages"].items()},
        "extras": {name: _extra(name) for name in OWN_EXTRAS},
        DATA: _data(),
        "plug-ins": _plugins(),
    }


def usable_cores() -> int:
    """Number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _extra(name: str) -> str:
    """Versions of the packages of an extra, or how to get them."""
    found = {package: _version(package) for package in OWN_EXTRAS[name]}
    missing = [package for package, number in found.items() if number is None]
    told = ", ".join(f"{package} {number}" for package, number in found.items() if number is not None)
    advice = f'missing: {", ".join(missing)} (pip install "gammapy_hli[{name}]")' if missing else ""
    return "; ".join(text for text in (told, advice) if text)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _data() -> Any:
    """The data stores and other folders below the folder of data."""
    name = os.environ.get(DATA)
    if not name:
        return f"not set; needed for configurations that name ${DATA}: export {DATA}=/path/to/data"
    folder = Path(name)
    if not folder.is_dir():
        return f"{name}: no such folder"
    stores = sorted(str(path.relative_to(folder)) for path in stores_below(folder, DEPTH))
    others = sorted(path.name for path in folder.iterdir() if path.is_dir())
    others = [other for other in others if not any(store.split("/")[0] == other for store in stores)]
    return {"folder": name, "data stores": stores or "none", "other folders": others or "none"}


def _plugins() -> Any:
    """Names of the entry points of other packages, by group."""
    points = entry_points()
    ours = sorted(group for group in points.groups if group.startswith(PLUGINS))
    return {
        group: [f"{point.name} ({point.value})" for point in points.select(group=group)] for group in ours
    } or "none"
