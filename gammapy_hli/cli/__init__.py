"""The umbrella command and the executables of the steps, all made from one table.

Modules of commands are loaded when their command is given; help and templates load no numpy.
"""

from dataclasses import dataclass

from gammapy_hli.tools import TOOLS

PROGRAM = "gammapy-hli"
INTERRUPTED = 130  # exit code after ctrl-C


@dataclass(frozen=True)
class Command:
    """One command: its name, the function that runs it, what it is for, and a fixed first argument of that function."""

    name: str
    address: str
    help: str
    argument: str = ""


COMMANDS: tuple[Command, ...] = (
    Command("run", "gammapy_hli.cli.chain:run", "run all steps of a configuration that are not up to date"),
    Command("plan", "gammapy_hli.cli.chain:plan", "show what run would do, and why"),
    Command("status", "gammapy_hli.cli.chain:status", "show the state of every step"),
    *(
        Command(entry.command, "gammapy_hli.cli.chain:step", f"run the step {entry.section} alone", entry.section)
        for entry in TOOLS
    ),
    *(
        Command(name, "gammapy_hli.cli.chain:until", f"run everything up to {entry.section}", entry.section)
        for entry in TOOLS
        for name in entry.commands
    ),
    Command("init", "gammapy_hli.cli.init:main", "look at a data store, ask a few questions, write a configuration"),
    Command("config", "gammapy_hli.cli.config:main", "write, check, show and describe configurations"),
    Command("simulate", "gammapy_hli.cli.simulate:main", "make a small simulated DL3 store"),
    Command("prov", "gammapy_hli.cli.prov:main", "show what a product was made from, and check that all is whole"),
    Command("info", "gammapy_hli.cli.info:main", "show versions, or what a data store, a file or an outdir is"),
    Command("completion", "gammapy_hli.cli.completion:main", "print a completion script for bash, zsh or fish"),
    Command("demo", "gammapy_hli.cli.demo:main", "simulate a store, analyze it, show the result"),
)
