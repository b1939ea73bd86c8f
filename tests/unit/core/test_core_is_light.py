"""The tool kit, template, schema, help and a whole check import neither numpy nor astropy."""

import subprocess
import sys
from pathlib import Path

CODE = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("tree", {conftest!r})
tree = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tree)
from gammapy_hli.core import docs, effective, help_text, schema, template
found = tree.from_text(tree.CRAB, complete=True)
assert not found.problems, found.problems
effective.effective_yaml(found.build(), ".")
template.template(tree.Analysis)
schema.json_schema(tree.Analysis)
help_text.help_text(tree.Analysis, level="all")
docs.markdown_reference(tree.Analysis)
heavy = {{"numpy", "astropy", "scipy", "matplotlib", "regions"}} & set(sys.modules)
assert not heavy, heavy
"""


def test_checking_and_describing_a_configuration_loads_no_heavy_package():
    code = CODE.format(conftest=str(Path(__file__).parent / "conftest.py"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
