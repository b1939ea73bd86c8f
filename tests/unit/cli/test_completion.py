"""The completion scripts, tried in a real shell."""

import shutil
import subprocess

import pytest

from gammapy_hli.cli.main import main


def complete(script: str, *words: str) -> list[str]:
    """What bash offers for the last of some words."""
    quoted = " ".join(f"'{word}'" for word in words)
    text = f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _gammapy_hli; echo ${{COMPREPLY[@]}}"
    done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.fixture(scope="module")
def script() -> str:
    if shutil.which("bash") is None:
        pytest.skip("no bash")
    from gammapy_hli.cli.completion import _bash

    return _bash("bash")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("gammapy-hli", "pl"), ["plan"]),
        (("gammapy-hli", "run", "--fit.sta"), ["--fit.stack"]),
        (("gammapy-hli-fit", "--stac"), ["--stack"]),
        (("/some/where/gammapy-hli-reduction", "--background.meth"), ["--background.method"]),
        (("gammapy-hli", "simulate", "--n_r"), ["--n_runs"]),
        (("gammapy-hli", "prov", "--js"), ["--json"]),
        (("gammapy-hli", "info", "--j"), ["--json"]),
        (("gammapy-hli", "init", "--tar"), ["--target"]),
        (("gammapy-hli", "config", "--mod"), ["--models"]),
        (("gammapy-hli", "config", "to-"), ["to-script", "to-notebook"]),
        (("gammapy-hli", "prov", "h"), ["history"]),
        (("gammapy-hli", "completion", ""), ["bash", "zsh", "fish"]),
        (("gammapy-hli", "prov", "show", __file__[:-2]), [__file__]),
    ],
)
def test_bash_completes_commands_flags_and_options(script, words, wanted):
    assert complete(script, *words) == wanted


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script(shell, capsys):
    assert main(["completion", shell]) == 0
    assert "reduction.energy.min" in capsys.readouterr().out


def test_unknown_shell_is_named(capsys):
    assert main(["completion", "bsah"]) == 2
    assert "'bsah' is no shell known here. Did you mean 'bash'?" in capsys.readouterr().err
