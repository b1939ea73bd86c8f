"""The options of an analysis as the texts that a report shows: without those that only say how the work is done."""

from collections.abc import Mapping
from typing import Any

from gammapy_hli.core.component import Component
from gammapy_hli.core.effective import effective_yaml
from gammapy_hli.core.plain import key_text, plain_text
from gammapy_hli.core.sources import CONFIG_VERSION
from gammapy_hli.report.material import Recipe

HOW = "general"
"""Section on processes, logs and the output folder: it differs between equal analyses."""
WIDTH = 96


def make_recipe(root: Component, steps: tuple[str, ...]) -> Recipe:
    """Texts of the configuration of an analysis."""
    plain = root.to_plain(only_set=True)
    order = [key for key in plain if "@" not in key] + [step for step in steps if "@" in step and step in plain]
    given = {key: plain[key] for key in order if key != HOW}
    lines = [f"config_version: {CONFIG_VERSION}", *block_yaml(given)]
    return Recipe("\n".join(lines) + "\n", _without_section(effective_yaml(root, comments=False), HOW), steps)


def block_yaml(values: Mapping[str, Any], depth: int = 0) -> list[str]:
    """Plain values as lines of YAML: mappings in blocks where they do not fit on a line or stand at the top.

    >>> block_yaml({"fit": {"stack": True}, "steps": ["fit"]})
    ['fit:', '  stack: true', 'steps: [fit]']
    """
    indent = "  " * depth
    lines = []
    for key, value in values.items():
        name = key if "@" in key else key_text(key)
        text = f"{indent}{name}: {plain_text(value)}"
        if isinstance(value, Mapping) and value and (depth == 0 or len(text) > WIDTH):
            lines += [f"{indent}{name}:", *block_yaml(value, depth + 1)]
        else:
            lines.append(text)
    return lines


def _without_section(text: str, name: str) -> str:
    """YAML without one section at the top."""
    kept, skipping = [], False
    for line in text.splitlines():
        if line and not line.startswith(" "):
            skipping = line.startswith(f"{name}:")
        if not skipping:
            kept.append(line)
    return "\n".join(kept).strip("\n") + "\n"
