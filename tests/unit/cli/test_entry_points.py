"""The umbrella command: what it shows of itself, and a reader that goes away."""

import os
import subprocess
import sys

import pytest

from gammapy_hli.cli.main import main


@pytest.mark.parametrize("command", ["data-reduction", "optimise", "flux-points", "run"])
def test_usage_names_the_command_that_was_asked(command, capsys):
    assert main([command, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: gammapy-hli {command} ")


def test_actions_of_prov_stand_one_a_line(capsys):
    assert main(["prov", "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:7]] == ["show", "config", "check", "graph", "history"]


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [("--version",), ("--help",), ("config", "--example", "crab-1d")])
def test_reader_that_goes_away_is_no_error(words, unbuffered):
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as nobody:
        ended = subprocess.run(
            [sys.executable, "-m", "gammapy_hli", *words], stdout=nobody, stderr=subprocess.PIPE, text=True,
            env=environment, check=False,
        )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")


def test_interrupt_that_meets_the_exec_of_a_text_ends_with_its_exit_code(tmp_path):
    """Such as that of a dataclass which is just imported: Python itself would end by the signal."""
    lines = ["import sys", "from gammapy_hli.cli.main import guarded"]
    lines += ["sys.exit(guarded(lambda: exec('raise KeyboardInterrupt')))"]
    (tmp_path / "interrupted.py").write_text("\n".join(lines))
    done = subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 130
