"""``gammapy-hli prov``: where a product comes from, what makes it again, and whether all is as it was."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from gammapy_hli.base.atomic_write import json_text, write_text
from gammapy_hli.base.errors import HliError, InputError
from gammapy_hli.base.file_record import KEYS, read_record
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.cli import PROGRAM
from gammapy_hli.cli.arguments import Arguments, Parser, UsageError, color, common_parser, split
from gammapy_hli.cli.prov_graph import FORMATS, graph_of, write_graph
from gammapy_hli.cli.prov_text import history_text, lineage_document, lineage_text
from gammapy_hli.run.history import read_attempts
from gammapy_hli.run.lineage import Finding, Session, check_session, locate, read_session
from gammapy_hli.run.step import input_places

OUTDIR = "analysis"
"""The output folder where none is named: the default of general.outdir."""
CHANGED, MISSING = 4, 3


def main(argv: list[str]) -> int:
    """``gammapy-hli prov show|config|check|graph|history``."""
    if not argv or argv[0].startswith("-"):
        parser = common_parser(f"{PROGRAM} prov", _overview(), f"{PROGRAM} prov {'|'.join(ACTIONS)} [...]")
        split(parser, argv)
        print(parser.format_help(), end="")
        return 0 if argv else UsageError.exit_code
    if argv[0] not in ACTIONS:
        hint = did_you_mean(argv[0], ACTIONS)
        raise UsageError(f"prov knows no '{argv[0]}'.{hint} It knows: {', '.join(ACTIONS)}")
    return ACTIONS[argv[0]](argv[1:])


def show(argv: list[str]) -> int:
    """The way from a product back to the event lists."""
    parser = _parser("show", "FILE", "Show what a product was made from, step by step, back to the event lists.")
    parser.add_argument("--outdir", metavar="FOLDER", help="where a file that was copied away comes from")
    parser.add_argument("--all", action="store_true", help="defaults and every file too, whole hashes")
    parser.add_argument("--json", action="store_true", help="everything as JSON")
    arguments = _split(parser, argv)
    if arguments is None:
        return 0
    path, flags = _file(arguments), arguments.flags
    if flags.outdir is None and _is_copied_away(path):
        return _show_record(path, flags.json)
    place = locate(path, flags.outdir)
    if flags.json:
        print(json_text(lineage_document(place)), end="")
    else:
        print(lineage_text(place, show_all=flags.all))
    return 0 if place.is_whole else CHANGED


def config(argv: list[str]) -> int:
    """The configuration that makes a product again."""
    parser = _parser("config", "FILE", "Write the configuration that makes a product again.")
    parser.add_argument("--outdir", metavar="FOLDER", help="where a file that was copied away comes from")
    _add_output(parser)
    arguments = _split(parser, argv)
    if arguments is None:
        return 0
    from gammapy_hli.cli.prov_config import configuration_of  # late: other actions need no options

    _write(configuration_of(locate(_file(arguments), arguments.flags.outdir)), arguments)
    return 0


def check(argv: list[str]) -> int:
    """Whether all inputs and products are as they were."""
    parser = _parser("check", "[OUTDIR]", "Read all inputs and products again and tell which are not as they were.")
    parser.add_argument("--json", action="store_true", help="every file as JSON")
    arguments = _split(parser, argv)
    if arguments is None:
        return 0
    session = _session(arguments)
    findings = list(check_session(session, _places_now(session)))
    if arguments.flags.json:
        print(json.dumps([vars(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            if finding.state != "whole":
                print(_finding_text(finding))
        print(_check_summary(findings, session))
    states = {finding.state for finding in findings}
    if states & {"missing", "unreadable"}:
        return MISSING
    return CHANGED if states & {"changed", "out of date"} else 0


def graph(argv: list[str]) -> int:
    """A picture of what was made from what."""
    parser = _parser("graph", "[OUTDIR | FILE]", "Draw what was made from what: of all steps, or of one product.")
    parser.add_argument("--format", choices=FORMATS, default=None, help="default: by the name of the file, or mermaid")
    _add_output(parser)
    arguments = _split(parser, argv)
    if arguments is None:
        return 0
    flags = arguments.flags
    place = locate(arguments.words[0] if arguments.words else OUTDIR)
    form = flags.format or _graph_format(Path(flags.output or ""))
    _write(write_graph(graph_of(place.session.back_from(place.step)), form), arguments)
    return 0


_GRAPH_ENDINGS = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".md": "mermaid"}


def _graph_format(path: Path) -> str:
    """The format that the name of a file asks for; UsageError where its ending is not known."""
    if not path.suffix:
        return "mermaid"
    form = _GRAPH_ENDINGS.get(path.suffix.lower())
    if form is None:
        known = ", ".join(f"{ending} ({name})" for ending, name in _GRAPH_ENDINGS.items())
        raise UsageError(
            f"--output {path}: a graph is not written as {path.suffix}.", f"Endings: {known}; or name it with --format"
        )
    return form


def history(argv: list[str]) -> int:
    """What was run in a folder, and how it ended."""
    parser = _parser("history", "[OUTDIR]", "Show every execution of a step, also of those that failed.")
    parser.add_argument("--json", action="store_true", help="with options and versions, as JSON")
    arguments = _split(parser, argv)
    if arguments is None:
        return 0
    folder = Path(arguments.words[0] if arguments.words else OUTDIR)
    attempts = read_attempts(folder)
    if not attempts:
        raise InputError(f"{folder}: has no history; expected the outdir of a run")
    print(json.dumps([vars(each) for each in attempts], indent=2) if arguments.flags.json else history_text(attempts))
    return 0


ACTIONS: dict[str, Callable[[list[str]], int]] = {
    "show": show,
    "config": config,
    "check": check,
    "graph": graph,
    "history": history,
}


def flags_of_actions() -> tuple[str, ...]:
    """The flags of all actions, for completion."""
    return ("--outdir", "--all", "--json", "--format", "--output", "--overwrite")


def _overview() -> str:
    width = max(len(name) for name in ACTIONS)
    return "\n".join(f"{name:<{width}}  {_first_line(action)}" for name, action in ACTIONS.items())


def _first_line(action: Callable[[list[str]], int]) -> str:
    return (action.__doc__ or "").splitlines()[0].rstrip(".").lower()


def _parser(action: str, words: str, description: str) -> Parser:
    parser = common_parser(f"{PROGRAM} prov {action}", description, f"{PROGRAM} prov {action} {words} [flags]")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _add_output(parser: Parser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", help="write to this file in place of stdout")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")


def _split(parser: Parser, argv: list[str]) -> Arguments | None:
    """The arguments; None where the help was shown."""
    arguments = split(parser, argv, positional=1)
    if arguments.flags.help or arguments.flags.help_all:
        print(parser.format_help(), end="")
        return None
    if arguments.options:
        typed = f"--{arguments.options[0][2]}"
        raise UsageError(f"unknown flag '{typed}'.{did_you_mean(typed, arguments.known)}")
    return arguments


def _file(arguments: Arguments) -> Path:
    if not arguments.words:
        raise UsageError("no file.", f"Name a product: {PROGRAM} prov show {OUTDIR}/flux_points/crab.fits")
    return Path(arguments.words[0])


def _session(arguments: Arguments) -> Session:
    return read_session(arguments.words[0] if arguments.words else OUTDIR)


def _places_now(session: Session) -> dict[str, str]:
    """Where the inputs of a session stand by its configuration; nothing where that cannot be read."""
    from gammapy_hli.analysis import Analysis  # late: other actions need no options

    try:
        return dict(input_places(Analysis.read(session.folder).run_steps()))
    except HliError:
        return {}


def _write(text: str, arguments: Arguments) -> None:
    flags = arguments.flags
    if flags.output is None:
        print(text, end="")
        return
    path = Path(flags.output)
    if path.exists() and not flags.overwrite:
        raise UsageError(f"{path} is there already.", "Choose another name, or allow it with --overwrite")
    if not path.parent.is_dir():
        raise UsageError(f"--output {path}: there is no folder {path.parent}")
    write_text(path, text)


def _is_copied_away(path: Path) -> bool:
    """Whether a file is in no output folder, but tells where it comes from."""
    if not path.is_file() or not read_record(path):
        return False
    try:
        locate(path)
    except InputError:
        return True
    return False


def _show_record(path: Path, as_json: bool) -> int:
    record = read_record(path)
    if as_json:
        print(json_text({"file": str(path), "record": record}), end="")
        return 0
    print(f"{path}  (in no output folder; this is the record in its header)")
    for key, value in record.items():
        print(f"  {key:<8} {value:<34} {color(KEYS[key], '2')}")
    print("To walk further back name the folder it comes from: --outdir FOLDER")
    return 0


def _finding_text(finding: Finding) -> str:
    words = {"out of date": "has run again since", "missing": "is missing"}
    if finding.kind == "step":
        return f"{finding.step}: {color('out of date', '33')}  its input '{finding.path}' {words[finding.state]}"
    return f"{finding.step}: {finding.kind} {color(finding.state, '31')}  {finding.path}"


def _check_summary(findings: list[Finding], session: Session) -> str:
    files = {finding.path: finding for finding in findings if finding.kind != "step"}
    counts = Counter(finding.state for finding in files.values())
    size = sum(finding.size for finding in files.values())
    parts = ", ".join(f"{number} {state}" for state, number in counts.most_common())
    return f"{session.folder}: {len(session.manifests)} steps, {len(files)} files, {size / 1e6:.1f} MB: {parts}"
