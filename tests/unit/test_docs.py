"""The documentation tells the truth: its commands and Python give what it shows, its pages are up to date, links lead.

Pages are run from top to bottom in a folder of their own. A block ``console`` holds commands behind ``$`` and what they
print, ``pycon`` is Python with what it shows, a block with a ``title`` is a file to write. ``...`` stands for anything.
"""

import doctest
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.yaml_reader import parse_yaml
from gammapy_hli.cli import COMMANDS
from gammapy_hli.cli.config import ACTIONS
from gammapy_hli.core.docs import markdown_reference

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))])
RUN_PAGES = sorted([*(DOCS / "tutorials").glob("*.md"), *(DOCS / "how-to").glob("*.md")])
DEMO = "gammapy-hli-demo"
STARTS_WITH_DEMO = "<!-- starts with the demo -->"
OUTPUT = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
FENCE = re.compile(r"^```(?P<head>[^\n`]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
SECTIONS = "general|selection|reduction|model|fit|flux_points|report"


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    title: str
    text: str
    line: int


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = path.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        head = match["head"].strip()
        title = re.search(r'title="([^"]+)"', head)
        line = text.count("\n", 0, match.start()) + 2
        found.append(Block(head.split(" ")[0], title[1] if title else "", match["text"], line))
    return found


def page_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def environment(folder: Path) -> dict[str, str]:
    """Of the commands: our executables first, packages that the page writes can be found, no color."""
    own = {"NO_COLOR": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder / "site")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, **own, "PATH": path}


def run_command(command: str, folder: Path) -> str:
    """What a command prints: results, and where it fails its message too."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment(folder),
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )
    return done.stdout + (done.stderr if done.returncode else "")


def console_steps(block: Block) -> list[tuple[str, str]]:
    """Commands of a block with what they print."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert not parts[0].strip(), f"line {block.line}: a console block begins with '$ '"
    steps = []
    for part in parts[1:]:
        command, _, wanted = part.partition("\n")
        while command.endswith("\\"):
            more, _, wanted = wanted.partition("\n")
            command = f"{command[:-1]} {more.strip()}"
        steps.append((command, wanted))
    return steps


def write_file(block: Block, folder: Path) -> None:
    path = folder / block.title
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text, encoding="utf-8")
    if path.name == "pyproject.toml":
        pretend_installed(path, folder / "site")


def pretend_installed(project: Path, site: Path) -> None:
    """Put the packages of a project where Python finds them, with their entry points, as pip would."""
    facts = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    info = site / f"{facts['name'].replace('-', '_')}-{facts['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {facts['name']}\nVersion: {facts['version']}\n")
    lines = []
    for group, points in facts["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for package in project.parent.iterdir():
        if package.is_dir():
            shutil.copytree(package, site / package.name)


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    """A folder in which ``gammapy-hli demo`` has run."""
    folder = tmp_path_factory.mktemp("demo")
    run_command("gammapy-hli demo --quiet", folder)
    assert (folder / DEMO / "demo.yaml").is_file()
    return folder


@pytest.mark.parametrize("page", RUN_PAGES, ids=page_id)
def test_page_does_what_it_shows(page, tmp_path, monkeypatch, request):
    if STARTS_WITH_DEMO in page.read_text(encoding="utf-8"):
        shutil.copytree(request.getfixturevalue("demo") / DEMO, tmp_path / DEMO)
    monkeypatch.chdir(tmp_path)
    checker, names = doctest.OutputChecker(), {"__name__": "page"}
    runner = doctest.DocTestRunner(checker, verbose=False, optionflags=OUTPUT)
    for block in blocks(page):
        if block.title:
            write_file(block, tmp_path)
        elif block.language == "console":
            for command, wanted in console_steps(block):
                got = run_command(command, tmp_path)
                assert checker.check_output(wanted, got, OUTPUT), (
                    f"{page_id(page)}:{block.line}: $ {command}\nshown:\n{wanted}\nprinted:\n{got}"
                )
        elif block.language == "pycon":
            test = doctest.DocTestParser().get_doctest(block.text, names, page.name, str(page), block.line)
            told: list[str] = []
            result = runner.run(test, out=told.append, clear_globs=False)
            names = test.globs
            assert result.failed == 0, f"{page_id(page)}:{block.line}:\n" + "".join(told)


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http://", "https://", "#")):
            assert (page.parent / target.partition("#")[0]).exists(), f"{page_id(page)}: {target} leads nowhere"


@pytest.mark.parametrize("page", [path for path in PAGES if "adr" not in path.parts], ids=page_id)
def test_options_and_commands_that_pages_name_exist(page):
    text = page.read_text(encoding="utf-8")
    known = set(re.findall(r"^\| `([^`]+)` \|", markdown_reference(Analysis), re.MULTILINE))
    known |= {path.rpartition(".")[0] for path in known} | set(SECTIONS.split("|"))
    for name in re.findall(rf"`((?:{SECTIONS})\.[a-z_.]+)`", FENCE.sub("", text)):
        if not name.endswith((".yaml", ".py", ".md", ".fits", ".ecsv", ".dat")):
            assert name in known, f"{page_id(page)} names the option {name}, which there is not"
    commands = {command.name for command in COMMANDS}
    for name in re.findall(r"gammapy-hli ([a-z][a-z-]+)", text):
        assert name in commands, f"{page_id(page)} names the command {name}, which there is not"


def test_every_page_can_be_reached_from_the_index():
    seen, waiting = set(), [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        for target in re.findall(r"\]\(([^)\s#]+\.md)[^)]*\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                waiting.append((page.parent / target).resolve())
    assert {path for path in PAGES if DOCS in path.parents} <= seen


@pytest.mark.parametrize("name", ["options.md", "models.md"])
def test_generated_pages_are_up_to_date(name):
    spec = spec_from_file_location("make_reference", DOCS / "make_reference.py")
    maker = module_from_spec(spec)
    spec.loader.exec_module(maker)
    assert (DOCS / "reference" / name).read_text(encoding="utf-8") == maker.PAGES[name](), "run: make docs"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_flags_of_every_command_are_described(command, capsys):
    from gammapy_hli.cli.main import main

    page = (DOCS / "reference" / "command-line.md").read_text(encoding="utf-8")
    assert f"`{command.name}`" in page
    for action in ACTIONS if command.name == "config" else ("",):
        main([command.name, *([action] if action else []), "--help"])
        flags = re.findall(
            r"^  (?:-\w,? ?\S*,? ?)?(--[a-z-]+)", capsys.readouterr().out.partition("\noptions:\n  --")[0], re.M
        )
        missing = [flag for flag in flags if f"`{flag}" not in page]
        assert not missing, f"command-line.md does not describe {missing} of {command.name} {action}"


@pytest.mark.parametrize("page", [ROOT / "README.md"], ids=page_id)
def test_configurations_that_pages_show_are_valid(page):
    shown = [block for block in blocks(page) if block.language == "yaml"]
    assert shown
    for block in shown:
        Analysis(parse_yaml(block.text, page.name).plain())


def test_readme_configuration_and_python_run(demo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = {block.language: block.text for block in blocks(ROOT / "README.md")}
    config = re.sub(
        r"^  datastore:.*\n  obs_ids:.*\n", f"  datastore: {demo / DEMO / 'store'}\n", found["yaml"], flags=re.M
    )
    assert config != found["yaml"]
    Path("crab.yaml").write_text(config, encoding="utf-8")
    names: dict[str, object] = {}
    exec(compile(found["python"], "README.md", "exec"), names)
    assert names["analysis"].fit_result.success


def test_readme_has_one_test_command_that_ci_runs():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("<!-- test command -->") == 1
    command = FENCE.search(text, text.index("<!-- test command -->"))["text"].strip()
    assert command.count("\n") == 0
    assert command.endswith("pytest")


def test_the_example_configuration_is_the_same_everywhere():
    packaged = ROOT / "gammapy_hli" / "cli" / "examples" / "crab-1d.yaml"
    assert packaged.read_text(encoding="utf-8") == (ROOT / "configs" / "crab-1d.yaml").read_text(encoding="utf-8")
