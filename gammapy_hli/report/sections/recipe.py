"""The configuration, and the commands and Python lines that make the analysis again."""

from gammapy_hli.report.blocks import Code, Section
from gammapy_hli.report.material import Material

CONFIG_NAME = "analysis.yaml"
_CALLS = {
    "selection": "analysis.select_observations({label})",
    "reduction": "analysis.reduce_data({label})",
    "model": None,
    "fit": "analysis.optimise({label})",
    "flux_points": "points = analysis.spectral_points({label})",
    "maps": "analysis.make_maps({label})",
}
_LOOKS = {
    "selection": "analysis.observations          # table of runs",
    "reduction": "analysis.datasets              # counts, background and responses, one dataset a run",
    "fit": "analysis.fit_result            # values, errors, covariance, goodness",
    "flux_points": 'points.to_table("e2dnde")      # an astropy table',
    "maps": 'analysis.product_of("maps")    # maps of the sky by name',
}


def recipe_section(material: Material) -> Section | None:
    """What was asked for, all that was in force, and how to do it again."""
    recipe = material.recipe
    if recipe is None:
        return None
    blocks = [
        Code(f"Configuration, as it was set: save it as {CONFIG_NAME}", recipe.as_set, open=True),
        Code("All options in force, defaults included", recipe.in_force),
        Code("Commands", _commands(recipe.steps), open=True),
        Code("The same in Python", _python(recipe.steps, material.has_maps), open=True),
    ]
    text = "Relative paths stand against the folder of the configuration file."
    return Section("again", "Make it again", blocks, text)


def _commands(steps: tuple[str, ...]) -> str:
    lines = [
        "# everything, into the folder 'result'; steps that are up to date are not run again",
        f"gammapy-hli run -c {CONFIG_NAME} --general.outdir result",
    ]
    plain = [step for step in steps if "@" not in step and step in (*_CALLS, "report")]
    if plain and len(plain) == len(steps):
        lines += ["", "# or step by step"]
        lines += [f"gammapy-hli-{step.replace('_', '-')} -c {CONFIG_NAME} --general.outdir result" for step in plain]
    made = [step for step in steps if step != "report"]
    if made:
        lines += ["", "# what a result was made from, back to the event lists; whether all files are as they were"]
        lines += [f"gammapy-hli prov show result/{made[-1]}", "gammapy-hli prov check result"]
    return "\n".join(lines) + "\n"


def _python(steps: tuple[str, ...], has_maps: bool) -> str:
    lines = [
        "from gammapy_hli.analysis import Analysis",
        "",
        f'analysis = Analysis("{CONFIG_NAME}")',
        "analysis.run()                 # all steps; or one by one:",
        "",
    ]
    for step in steps:
        section, _, label = step.partition("@")
        call = _CALLS.get(section, f'analysis.run(until="{step}")' if section != "report" else "analysis.make_report()")
        if call is None:
            call = f'analysis.run(until="{step}")'
        lines.append(call.format(label=f'label="{label}"' if label else ""))
    looks = [
        _LOOKS[section] for section in dict.fromkeys(step.partition("@")[0] for step in steps) if section in _LOOKS
    ]
    text = "\n".join([*lines, "", *looks]) + "\n"
    return text.replace(", one dataset a run", "") if has_maps else text
