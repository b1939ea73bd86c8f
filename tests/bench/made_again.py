"""Does `prov config` make every product again, byte by byte? A table by configuration; exit code 1 where it does not.

    python tests/bench/made_again.py [--configs configs/crab-1d.yaml ...] [--folder FOLDER]

Runs each configuration (by default all in configs/ whose data are there), writes the configuration of the whole outdir
from its records, runs that into a second folder, and compares all files but manifests. The page of a report is left
out: it shows the configuration as it was written. Then `prov check` must find everything whole in both.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = {"manifest.json", "index.html"}


def gammapy_hli(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Call a command in a folder."""
    code = "import sys; from gammapy_hli.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def product_files(outdir: Path) -> dict[str, bytes]:
    """Content of all files of products, by their name below the outdir."""
    found = (path for path in outdir.glob("*/**/*") if path.is_file() and path.name not in LEFT_OUT)
    return {
        str(path.relative_to(outdir)): path.read_bytes()
        for path in sorted(found)
        if not path.relative_to(outdir).parts[0].startswith(".")
    }


def made_again(config: Path, folder: Path) -> tuple[int, list[str]]:
    """Number of files compared, and what went wrong."""
    first, again, text = (str(folder / f"{config.stem}{end}") for end in ("", "-again", "-again.yaml"))
    for words in (
        ("run", "-q", "-c", str(config), "--outdir", first),
        ("prov", "config", first, "-o", text),
        ("run", "-q", "-c", text, "--outdir", again),
    ):
        done = gammapy_hli(*words, folder=folder)
        if done.returncode not in (0, 4):
            return 0, [f"{' '.join(words[:2])}: exit code {done.returncode}: {done.stderr.strip()[-300:]}"]
    one, other = product_files(Path(first)), product_files(Path(again))
    wrong = [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]
    for outdir in (first, again):
        checked = gammapy_hli("prov", "check", outdir, folder=folder)
        wrong += [] if checked.returncode == 0 else [f"prov check {outdir}: {checked.stdout.strip()[-300:]}"]
    return len(one), wrong


def main() -> int:
    """Run all, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configs", type=Path, nargs="+", default=sorted((ROOT / "configs").glob("*.yaml")))
    parser.add_argument("--folder", type=Path, help="where to work; kept")
    given = parser.parse_args()
    if not os.environ.get("GAMMAPY_DATA"):
        raise SystemExit("GAMMAPY_DATA is not set; the configurations need real data")
    any_wrong = False
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        for config in given.configs:
            n_files, wrong = made_again(config.resolve(), folder)
            any_wrong |= bool(wrong) or not n_files
            print(f"{config.stem:<18} {n_files:5d} files  {'; '.join(wrong) or 'all equal'}", flush=True)
    return 1 if any_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
