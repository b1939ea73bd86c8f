"""Who may import whom (DESIGN.md section 3): the contracts stand in pyproject.toml, imports inside functions count."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]

pytest.importorskip("importlinter", reason="import-linter is not installed")


def lint(folder, *arguments):
    """Exit code and text of import-linter in a folder."""
    done = subprocess.run([*LINTER, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_layers_are_kept():
    code, text = lint(ROOT)
    assert code == 0, text


WRONG = {
    "core imports the engine inside a function": (
        "core/tool.py",
        "def wrong():\n    import gammapy_hli.engine.fit.fit\n",
        "The tool kit knows no gamma rays",
    ),
    "the engine imports traitlets": ("engine/stats/cash.py", "import traitlets\n", "The engine knows no options"),
    "the engine imports a component": (
        "engine/stats/cash.py",
        "import gammapy_hli.components.cone\n",
        "The engine stands below the components",
    ),
    "datasets import the fit": ("engine/datasets/stack.py", "import gammapy_hli.engine.fit.fit\n", "Engine"),
    "a tool imports matplotlib": ("tools/fit.py", "import matplotlib\n", "Pictures are made in plot"),
    "run imports a tool": ("run/step.py", "import gammapy_hli.tools.fit\n", "Configuration tower"),
}


@pytest.mark.parametrize(("file", "line", "contract"), WRONG.values(), ids=WRONG)
def test_a_wrong_import_is_found(tmp_path, monkeypatch, file, line, contract):
    """A copy of the package with one wrong line breaks the contract that forbids it."""
    copy_package(tmp_path)
    path = tmp_path / "gammapy_hli" / file
    path.write_text(path.read_text() + "\n\n" + line)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code, text = lint(tmp_path)
    assert code == 1, text
    assert any(row.startswith(contract) and "BROKEN" in row for row in text.splitlines()), text


def copy_package(folder):
    """The sources and settings of the package in another folder."""
    for path in (ROOT / "gammapy_hli").rglob("*.py"):
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text())
    (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
