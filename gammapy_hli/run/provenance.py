"""Where products come from: a PROV-JSON document of a session, and a short record for the headers of files.

W3C PROV: activities are steps, entities are files, agents are the software and its user. Terms of the IVOA Provenance
Data Model (activity description, parameters) stand beside them under ``voprov``.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from gammapy_hli.run.hashing import document_hash
from gammapy_hli.run.manifest import Manifest

PREFIXES = {
    "hli": "urn:gammapy_hli:",
    "step": "urn:gammapy_hli:step:",
    "out": "urn:gammapy_hli:product:",
    "in": "urn:gammapy_hli:input:",
    "voprov": "http://www.ivoa.net/documents/ProvenanceDM/voprov/",
}

#: Pairs of product and input of one step that are listed one by one. More would fill the document with what "used" and
#: "wasGeneratedBy" say already: every product of a step derives from all that the step used.
MOST_DERIVATIONS = 10_000


def provenance_document(manifests: Iterable[Manifest], config_text: str | None = None) -> dict[str, Any]:
    """The PROV-JSON document of all steps of a session.

    Parameters
    ----------
    manifests : iterable of Manifest
        In the order of the chain.
    config_text : str, optional
        The configuration in force; it becomes an entity that all steps used.
    """
    document = _Document()
    for manifest in manifests:
        document.add_step(manifest, config_text)
    return document.plain()


class _Document:
    """Collects the records of a PROV-JSON document, by kind and identifier."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, dict[str, Any]]] = {}
        self.products: dict[str, list[str]] = {}  # entities by step
        self._related: set[tuple[str, ...]] = set()

    def add_step(self, manifest: Manifest, config_text: str | None) -> None:
        step = f"step:{manifest.step}"
        self._add("activity", step, self._activity(manifest))
        agent = self._agent(manifest)
        self._relate("wasAssociatedWith", activity=step, agent=agent)
        used = [self._input(record.path, record.sha256, record.size) for record in manifest.files]
        for record in manifest.inputs:
            used += self.products.get(record.step, [])
            self._relate("wasInformedBy", informed=step, informant=f"step:{record.step}")
        for entity in used:
            self._relate("used", activity=step, entity=entity)
        if config_text is not None:
            self._add("entity", "hli:config.yaml", {"prov:type": "configuration", "prov:value": config_text})
            self._relate("used", activity=step, entity="hli:config.yaml")
        self.products[manifest.step] = [self._product(manifest, index) for index in range(len(manifest.products))]
        for product in self.products[manifest.step]:
            self._relate("wasGeneratedBy", entity=product, activity=step)
            for entity in used if len(used) * len(manifest.products) <= MOST_DERIVATIONS else ():
                self._relate("wasDerivedFrom", generatedEntity=product, usedEntity=entity)

    def plain(self) -> dict[str, Any]:
        return {"prefix": PREFIXES, **self.records}

    def _activity(self, manifest: Manifest) -> dict[str, Any]:
        description: dict[str, Any] = {
            "prov:startTime": manifest.start,
            "prov:endTime": manifest.end,
            "prov:label": manifest.step,
            "voprov:name": manifest.step.partition("@")[0],
            "voprov:version": str(manifest.recipe_version),
            "hli:status": manifest.status,
            "hli:key": manifest.key,
            "hli:command": " ".join(manifest.software.get("command", [])),
        }
        if manifest.flags:
            description["hli:flag"] = list(manifest.flags)
        parameters = {f"hli:{path}": option.text for path, option in manifest.options.items()}
        origins = [f"{path} <- {option.origin}" for path, option in manifest.options.items() if _is_set(option.origin)]
        return {**description, **parameters, **({"hli:origin": origins} if origins else {})}

    def _agent(self, manifest: Manifest) -> str:
        software = dict(manifest.software)
        packages: Mapping[str, Any] = software.get("packages") or {}
        versions = {name: software.get(name) for name in ("gammapy_hli", "python", "system")} | dict(packages)
        known = {f"hli:version-{name}": str(version) for name, version in versions.items() if version is not None}
        agent = f"hli:software-{document_hash(known)[:12]}"
        label = f"gammapy_hli {software.get('gammapy_hli', '')}".strip()
        self._add("agent", agent, {"prov:type": _qualified("prov:SoftwareAgent"), "prov:label": label, **known})
        if software.get("user"):
            user = f"hli:user-{software['user']}"
            self._add("agent", user, {"prov:type": _qualified("prov:Person"), "prov:label": software["user"]})
            self._relate("actedOnBehalfOf", delegate=agent, responsible=user)
        return agent

    def _input(self, path: str, sha256: str, size: int) -> str:
        entity = f"in:{sha256[:16]}-{os.path.basename(path)}"
        self._add("entity", entity, {"prov:location": path, "hli:sha256": sha256, "hli:size": size})
        return entity

    def _product(self, manifest: Manifest, index: int) -> str:
        record = manifest.products[index]
        entity = f"out:{manifest.step}/{record.path}"
        location = f"{manifest.step}/{record.path}"
        self._add("entity", entity, {"prov:location": location, "hli:sha256": record.sha256, "hli:size": record.size})
        return entity

    def _add(self, kind: str, identifier: str, attributes: dict[str, Any]) -> None:
        kept = {name: value for name, value in attributes.items() if value not in (None, "")}
        self.records.setdefault(kind, {}).setdefault(identifier, kept)

    def _relate(self, kind: str, **ends: str) -> None:
        relations = self.records.setdefault(kind, {})
        key = (kind, *ends, *ends.values())
        if key not in self._related:
            self._related.add(key)
            relations[f"_:{kind}{len(relations) + 1}"] = {f"prov:{end}": value for end, value in ends.items()}


def _is_set(origin: str) -> bool:
    return bool(origin) and origin != "default"


def _qualified(name: str) -> dict[str, str]:
    return {"$": name, "type": "prov:QUALIFIED_NAME"}
