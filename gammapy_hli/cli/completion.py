"""``gammapy-hli completion bash|zsh|fish``: a static script that completes commands, flags and options."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.cli import COMMANDS, PROGRAM
from gammapy_hli.cli.arguments import Parser, UsageError, add_run_flags, common_parser, split
from gammapy_hli.cli.config import ACTIONS
from gammapy_hli.cli.prov import ACTIONS as PROV_ACTIONS
from gammapy_hli.cli.prov import flags_of_actions
from gammapy_hli.cli.questions import QUESTIONS
from gammapy_hli.components.simulation import Simulation
from gammapy_hli.core.walk import walk
from gammapy_hli.tools import TOOLS

SHELLS = ("bash", "zsh", "fish")
_WORDS = {"config": tuple(ACTIONS), "prov": tuple(PROV_ACTIONS), "completion": SHELLS}
_CONFIG_FLAGS = (
    *("--config", "--outdir", "--output", "--overwrite", "--example", "--values", "--steps", "--level", "--inputs"),
    *("--json", "--changed", "--history", "--models", "--strict"),
)

_BASH = """\
# {program} completion: put   source <({program} completion {shell})   into the start file of your shell
_{function}() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" command="${{COMP_WORDS[1]}}" options="" words=""
  local called="${{COMP_WORDS[0]##*/}}"
  if [ "$called" != "{program}" ]; then
    command="${{called#{program}-}}"
  elif [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{commands}" -- "$word"))
    return
  fi
  case "$command" in
{cases}
  esac
  case "$word" in
    -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
    *)
      if [ "$COMP_CWORD" -eq 2 ] && [ -n "$words" ]; then
        COMPREPLY=($(compgen -W "$words" -- "$word"))
      else
        COMPREPLY=($(compgen -f -- "$word"))
      fi
      ;;
  esac
}}
complete -o filenames -F _{function} {program} {executables}
"""


def main(argv: list[str]) -> int:
    """Print the script of one shell."""
    usage = f"{PROGRAM} completion {'|'.join(SHELLS)}"
    parser = common_parser(f"{PROGRAM} completion", "Print a completion script for a shell.", usage)
    arguments = split(parser, argv, positional=1)
    if arguments.flags.help or arguments.flags.help_all:
        print(parser.format_help(), end="")
        return 0
    shell = arguments.words[0] if arguments.words else ""
    if shell not in SHELLS:
        raise UsageError(
            f"'{shell}' is no shell known here.{did_you_mean(shell, SHELLS)} Write one of {', '.join(SHELLS)}"
        )
    print(_fish() if shell == "fish" else _bash(shell), end="")
    return 0


def options_of(command: str) -> list[str]:
    """Flags and options of a command, as they are typed."""
    sections = {entry.command: entry.section for entry in TOOLS}
    if command == "simulate":
        return ["--config", "--n-jobs", "--overwrite", *_paths(Simulation, "")]
    if command in ("config", "init", "prov", "info", "demo", "completion"):
        return {"config": [*_CONFIG_FLAGS],
                "init": [*(f"--{name}" for name in QUESTIONS), "--outdir", "--yes", "--overwrite"],
                "prov": [*flags_of_actions()], "info": ["--json"],
                "demo": ["--outdir", "--seed", "--n-jobs", "--quiet"]}.get(command, [])  # fmt: skip
    section = sections.get(command)
    own = ["--label"] if section else ["--from", "--until", "--only"] if command in ("run", "plan") else []
    return [*_run_flags(), *own, *_paths(Analysis, section)]


@cache
def _run_flags() -> tuple[str, ...]:
    parser: Parser = common_parser(PROGRAM)
    add_run_flags(parser)
    return tuple(name for action in parser._actions for name in action.option_strings if name.startswith("--"))


def _paths(root: Any, section: str | None) -> list[str]:
    """Options as they are typed; below a section relative to it."""
    prefix = f"{section}." if section else ""
    paths = [item.path for item in walk(root) if item.is_option and "<" not in item.path]
    return [f"--{path.removeprefix(prefix)}" for path in paths if path.startswith(prefix)]


def _cases() -> Iterator[str]:
    for command in COMMANDS:
        words = f' words="{" ".join(_WORDS[command.name])}"' if command.name in _WORDS else ""
        yield f'    {command.name}) options="{" ".join(options_of(command.name))}"{words} ;;'


def _bash(shell: str) -> str:
    script = _BASH.format(
        program=PROGRAM,
        shell=shell,
        function=PROGRAM.replace("-", "_"),
        commands=" ".join(command.name for command in COMMANDS),
        cases="\n".join(_cases()),
        executables=" ".join(f"{PROGRAM}-{entry.command}" for entry in TOOLS),
    )
    return f"autoload -U +X bashcompinit && bashcompinit\n{script}" if shell == "zsh" else script


def _fish() -> str:
    lines = [f"# {PROGRAM} completion: save as ~/.config/fish/completions/{PROGRAM}.fish"]
    for command in COMMANDS:
        lines.append(
            f"complete -c {PROGRAM} -n __fish_use_subcommand -f -a {command.name} -d '{_quoted(command.help)}'"
        )
    for command in COMMANDS:
        seen = f"__fish_seen_subcommand_from {command.name}"
        words = " ".join(_WORDS.get(command.name, ()))
        if words:
            none_yet = f"{seen}; and not __fish_seen_subcommand_from {words}"
            lines.append(f"complete -c {PROGRAM} -n '{none_yet}' -f -a '{words}'")
        for option in options_of(command.name):
            lines.append(f"complete -c {PROGRAM} -n '{seen}' -l '{option[2:]}'")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return text.replace("'", "\\'")
