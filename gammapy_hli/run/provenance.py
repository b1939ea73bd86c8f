"""Where products come from: the PROV-JSON document of a session.

W3C PROV: activities are steps, entities are files, agents are the software and its user. Where the IVOA Provenance Data
Model 1.0 has a word for something it is used too, under ``voprov``: DatasetEntity, ActivityDescription, ConfigFile,
WasConfiguredBy, and the names of their attributes.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from gammapy_hli.run.hashing import document_hash
from gammapy_hli.run.history import Attempt
from gammapy_hli.run.manifest import Manifest

PREFIXES = {
    "hli": "urn:gammapy_hli:",
    "step": "urn:gammapy_hli:step:",
    "attempt": "urn:gammapy_hli:attempt:",
    "out": "urn:gammapy_hli:product:",
    "in": "urn:gammapy_hli:input:",
    "voprov": "http://www.ivoa.net/documents/ProvenanceDM/voprov/",
}

#: Pairs of product and input of one step that are listed one by one. More would fill the document with what "used" and
#: "wasGeneratedBy" say already: every product of a step derives from all that the step used.
MOST_DERIVATIONS = 10_000


CONFIG = "hli:config.yaml"


def provenance_document(
    manifests: Iterable[Manifest], config_text: str | None = None, attempts: Iterable[Attempt] = ()
) -> dict[str, Any]:
    """The PROV-JSON document of all steps of a session.

    Parameters
    ----------
    manifests : iterable of Manifest
        In the order of the chain.
    config_text : str, optional
        The configuration in force; it becomes an entity that all steps used.
    attempts : iterable of Attempt, optional
        Executions of steps that made no product: they failed, or were interrupted or killed.
    """
    document = _Document(config_text)
    for manifest in manifests:
        document.add_step(manifest)
    for attempt in attempts:
        document.add_attempt(attempt)
    return document.plain()


class _Document:
    """Collects the records of a PROV-JSON document, by kind and identifier."""

    def __init__(self, config_text: str | None) -> None:
        self.config_text = config_text
        self.records: dict[str, dict[str, dict[str, Any]]] = {}
        self.products: dict[str, list[str]] = {}  # entities by step
        self._related: set[tuple[str, ...]] = set()

    def add_step(self, manifest: Manifest) -> None:
        """A step with its files, its inputs, its products and who made it."""
        step = f"step:{manifest.step}"
        self._add("activity", step, self._activity(manifest))
        self._relate("wasAssociatedWith", activity=step, agent=self._agent(manifest.software))
        self._add_description(step, manifest)
        used = [self._input(record.path, record.sha256, record.size) for record in manifest.files]
        for entity in used:
            self._relate("used", activity=step, entity=entity, role="file")
        used += self._add_inputs(step, [(record.role, record.step) for record in manifest.inputs])
        self._add_configuration(step)
        self.products[manifest.step] = [self._product(manifest, index) for index in range(len(manifest.products))]
        for product in self.products[manifest.step]:
            self._relate("wasGeneratedBy", entity=product, activity=step)
            for entity in used if len(used) * len(manifest.products) <= MOST_DERIVATIONS else ():
                self._relate("wasDerivedFrom", generatedEntity=product, usedEntity=entity)

    def add_attempt(self, attempt: Attempt) -> None:
        """An execution of a step that made no product."""
        activity = f"attempt:{attempt.step}-{document_hash([attempt.step, attempt.start])[:8]}"
        facts = {
            "prov:startTime": attempt.start,
            "prov:endTime": attempt.end,
            "prov:label": attempt.step,
            "voprov:name": attempt.step.partition("@")[0],
            "hli:status": attempt.status,
            "hli:error": attempt.error,
            "hli:command": _command(attempt.software),
        }
        self._add("activity", activity, {**facts, **{f"hli:{path}": text for path, text in attempt.options.items()}})
        self._relate("wasAssociatedWith", activity=activity, agent=self._agent(attempt.software))
        wires = [(role, step) for role, source in attempt.inputs.items() for step in _as_list(source)]
        self._add_inputs(activity, wires)
        self._add_configuration(activity)

    def _add_inputs(self, activity: str, wires: Iterable[tuple[str, str]]) -> list[str]:
        """The products of other steps that an activity used, in their roles."""
        used = []
        for role, source in wires:
            for entity in self.products.get(source, ()):
                self._relate("used", activity=activity, entity=entity, role=role)
                used.append(entity)
            if source in self.products:
                self._relate("wasInformedBy", informed=activity, informant=f"step:{source}")
        return used

    def _add_configuration(self, activity: str) -> None:
        if self.config_text is not None:
            facts = {"prov:type": _qualified("voprov:ConfigFile"), "voprov:name": "config.yaml"}
            self._add("entity", CONFIG, {**facts, "prov:value": self.config_text})
            self._relate("used", activity=activity, entity=CONFIG, role="voprov:WasConfiguredBy")

    def _add_description(self, step: str, manifest: Manifest) -> None:
        """What kind of work it is, in which version: the same for all instances of a step."""
        section = manifest.step.partition("@")[0]
        description = f"hli:description-{section}-{manifest.recipe_version}"
        facts = {"voprov:name": section, "voprov:version": str(manifest.recipe_version)}
        self._add("entity", description, {"prov:type": _qualified("voprov:ActivityDescription"), **facts})
        self._relate("used", activity=step, entity=description, role="voprov:ActivityDescription")

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
            "hli:config_key": manifest.config_key,
            "hli:work_key": manifest.work_key,
            "hli:command": _command(manifest.software),
        }
        if manifest.flags:
            description["hli:flag"] = list(manifest.flags)
        parameters = {f"hli:{path}": option.text for path, option in manifest.options.items()}
        seeds = [f"{path} = {option.text}" for path, option in manifest.options.items() if path.endswith("seed")]
        origins = [f"{path} <- {option.origin}" for path, option in manifest.options.items() if option.is_set]
        lists = {"hli:seed": seeds, "hli:origin": origins}
        return {**description, **parameters, **{name: values for name, values in lists.items() if values}}

    def _agent(self, facts: Mapping[str, Any]) -> str:
        software = dict(facts)
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
        return self._dataset(entity, path, sha256, size)

    def _product(self, manifest: Manifest, index: int) -> str:
        record = manifest.products[index]
        entity = f"out:{manifest.step}/{record.path}"
        return self._dataset(entity, f"{manifest.step}/{record.path}", record.sha256, record.size)

    def _dataset(self, entity: str, location: str, sha256: str, size: int) -> str:
        facts = {"prov:type": _qualified("voprov:DatasetEntity"), "voprov:name": os.path.basename(location)}
        self._add("entity", entity, {**facts, "prov:location": location, "hli:sha256": sha256, "hli:size": size})
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


def _command(software: Mapping[str, Any]) -> str:
    return " ".join(software.get("command", []))


def _as_list(source: Any) -> list[str]:
    return [source] if isinstance(source, str) else list(source)


def _qualified(name: str) -> dict[str, str]:
    return {"$": name, "type": "prov:QUALIFIED_NAME"}
