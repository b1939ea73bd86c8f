"""Plain documents as YAML text, fast where libyaml is there: the same text, ten times as soon."""

import hashlib
from typing import Any

import yaml

PlainDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def yaml_text(document: Any, *, width: int = 80) -> str:
    """Keys in the order given, block style, Unicode as it is."""
    text: str = yaml.dump(document, sort_keys=False, allow_unicode=True, width=width, Dumper=PlainDumper)
    return text


def with_checksum(document: dict[str, Any]) -> dict[str, Any]:
    """A document with the ``checksum`` that gammapy looks for in its YAML files, and warns where it is not there.

    It is the MD5 of the document without it, as gammapy writes it: read and written again with an indent of 4.
    """
    text = yaml.dump(document, sort_keys=False, indent=4, width=80, default_flow_style=False, Dumper=PlainDumper)
    return {**document, "checksum": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}
