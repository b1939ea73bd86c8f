"""``gammapy-hli prov config``: from the records of steps back to a configuration that makes a product again."""

from typing import Any

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.errors import ConfigError, InputError, Problem
from gammapy_hli.base.yaml_reader import parse_yaml
from gammapy_hli.cli import PROGRAM
from gammapy_hli.core.records import option_texts
from gammapy_hli.core.resolve import resolve
from gammapy_hli.core.sources import CONFIG_VERSION, PythonSource
from gammapy_hli.run.lineage import Place, Session
from gammapy_hli.run.manifest import Manifest


def configuration_of(place: Place) -> str:
    """YAML that makes a product again: the options that were set, for its step and all before it.

    Options that had their default are left to it; where the default of this version is another one, the old value is
    written.

    Raises
    ------
    InputError
        A product on the way was set in Python, so that no configuration makes it.
    ConfigError
        An option on the way is not known to this version.
    """
    from gammapy_hli.report.configuration import block_yaml  # late: loads numpy and astropy

    session = place.session.back_from(place.step)
    settings = _settings(session)
    analysis = _analysis(settings, session)
    differing = _differences(analysis, session)
    if differing:
        for path, text in differing.items():
            _put(settings, path, text)
        analysis = _analysis(settings, session)
        differing = _differences(analysis, session)
    if differing:
        problems = [Problem("changed", path, f"cannot be set to {text} again") for path, text in differing.items()]
        raise ConfigError(problems)
    plain = {key: value for key, value in analysis.to_plain(only_set=True).items() if key != "general"}
    lines = [*_heading(place), f"config_version: {CONFIG_VERSION}", *block_yaml(plain)]
    return "\n".join(lines) + "\n"


def _settings(session: Session) -> dict[str, Any]:
    """The options that were set, nested, in plain form."""
    settings: dict[str, Any] = {"steps": list(session.manifests)}
    is_labelled = any("@" in name for name in session.manifests)
    for name, manifest in session.manifests.items():
        if manifest.status == "given":
            settings[name] = _given(session, manifest)
            continue
        for path, option in manifest.options.items():
            if option.is_set and option.text != "null":
                _put(settings, path, option.as_yaml)
        if is_labelled and manifest.inputs:
            settings.setdefault(name, {})["inputs"] = _wires(manifest)
    return settings


def _given(session: Session, manifest: Manifest) -> dict[str, Any]:
    """A model that was set in Python is its own file; other products cannot be told in a configuration."""
    if manifest.step.partition("@")[0] != "model":
        raise InputError(
            f"the product of '{manifest.step}' was set in Python; no configuration makes it. Keep its files: "
            f"{session.folder / manifest.step}"
        )
    return {"file": str((session.folder / manifest.step / manifest.products[0].path).absolute())}


def _wires(manifest: Manifest) -> dict[str, list[str]]:
    wires: dict[str, list[str]] = {}
    for record in manifest.inputs:
        wires.setdefault(record.role, []).append(record.step)
    return wires


def _put(settings: dict[str, Any], path: str, text: str) -> None:
    *sections, name = path.split(".")
    for section in sections:
        settings = settings.setdefault(section, {})
    settings[name] = parse_yaml(text).plain()


def _analysis(settings: dict[str, Any], session: Session) -> Analysis:
    return resolve(Analysis, [PythonSource(settings)], complete=False).build()


def _differences(analysis: Analysis, session: Session) -> dict[str, str]:
    """Options whose value is not the recorded one, with the recorded text."""
    differing: dict[str, str] = {}
    for name, manifest in session.manifests.items():
        if manifest.status != "given":
            now = option_texts(analysis[name])
            for path, option in manifest.options.items():
                if path not in now or now[path][0] != option.text:
                    differing[path] = option.as_yaml
    return differing


def _heading(place: Place) -> list[str]:
    session = place.session.back_from(place.step)
    manifests = list(session.manifests.values())
    software = manifests[-1].software
    packages = ", ".join(f"{name} {version}" for name, version in (software.get("packages") or {}).items() if version)
    what = place.path if place.product is None else f"{place.step}/{place.product.path}"
    sha256 = "" if place.product is None else f", sha256 {place.product.sha256}"
    made = f"gammapy_hli {software.get('gammapy_hli')}, Python {software.get('python')}"
    return [
        f"# Makes {what} again{sha256}",
        f"# First made with {made}, {packages}" if packages else f"# First made with {made}",
        f"# Run it: {PROGRAM} run -c THIS_FILE --outdir NEW_FOLDER",
    ]
