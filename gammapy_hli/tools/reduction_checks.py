"""What the options of a reduction need of each other, checked before any step runs."""

from collections.abc import Iterator
from typing import Any

from gammapy_hli.base.errors import Problem
from gammapy_hli.core.region_traits import region_shape_name


def missing_sky(tool: Any) -> Iterator[Problem]:
    """A spectrum without an on region, maps without a geometry."""
    needed = "on_region" if tool.stored("type") == "spectrum" else "geometry"
    is_there = tool.stored("on_region") is not None if needed == "on_region" else tool.geometry is not None
    if not is_there:
        example = {
            "on_region": '{circle: {center: "83.63 deg, 22.01 deg", radius: 0.11 deg}}',
            "geometry": '{center: "83.63 deg, 22.01 deg", width: [4 deg, 4 deg], pixel: 0.02 deg}',
        }[needed]
        message = f"is needed for reduction.type {tool.place_of('type')}"
        yield tool.problem(needed, message, code="missing", hint=f"write e.g. {example}")


def reduction_problems(tool: Any) -> Iterator[Problem]:
    """Options that do not fit each other."""
    shape = region_shape_name(tool.stored("on_region"))
    if shape is not None and tool.stored("type") == "spectrum":
        yield from containment_problems(tool, shape)
    if tool.stored("average_edisp") and tool.stored("use_region_center"):
        yield tool.problem(
            "average_edisp", f"needs use_region_center false; it is {tool.place_of('use_region_center')}"
        )
    chosen = tool.background.chosen("method")
    if chosen is not None and tool.stored("type") not in chosen.reduction_types:
        yield tool.background.problem(
            "method", f"{tool.background.method} does not fit reduction.type {tool.place_of('type')}"
        )
    yield from _search_problems(tool, chosen)
    yield from _overlap_problems(tool)
    if tool.group is not None and (tool.stored("type") == "spectrum" or not tool.stored("stack")):
        name = "type" if tool.stored("type") == "spectrum" else "stack"
        yield tool.problem("group", f"adds images or maps, but {tool.dotted_path}.{name} is {tool.place_of(name)}")
    if "bkg-peak" in tool.safe_mask.stored("methods") and chosen is None:
        yield tool.safe_mask.problem(
            "methods",
            f"bkg-peak needs a background; reduction.background.method is {tool.background.place_of('method')}",
        )


def containment_problems(tool: Any, shape: str) -> Iterator[Problem]:
    """A containment correction of a shape that has none; a point stands for a cut that the responses hold already."""
    if tool.stored("containment_correction") and shape not in ("circle", "point"):
        yield tool.problem(
            "containment_correction",
            f"needs a circle; reduction.on_region is {'an' if shape[0] in 'ae' else 'a'} {shape} "
            f"({tool.origin_of('on_region')})",
            hint="set it to false or take a circle",
        )


def _overlap_problems(tool: Any) -> Iterator[Problem]:
    """Whether events of the true energies can be seen in the reconstructed ones."""
    (low, high), (low_true, high_true) = tool.energy.limits(), tool.energy_true.limits()
    if None in (low, high, low_true, high_true) or (low_true < high and high_true > low):
        return
    name = "edges" if tool.energy_true.stored("edges") is not None else "min"
    yield tool.energy_true.problem(
        name,
        f"the true energies {tool.energy_true.place_of_limits()} do not overlap {tool.dotted_path}.energy "
        f"{tool.energy.place_of_limits()}",
        hint="let them reach over the reconstructed ones on both sides",
    )


def _search_problems(tool: Any, method: Any) -> Iterator[Problem]:
    """Whether a search for significant sky can work with the other options."""
    exclusion = tool.background.exclusion
    search = exclusion.from_significance
    if search is None:
        return
    if tool.stored("type") == "spectrum":
        yield exclusion.problem(
            "from_significance",
            f"needs maps, but reduction.type is {tool.place_of('type')}",
            hint="make images first and take their reduction/exclusion.fits as exclusion.mask, or name regions",
        )
    elif method is None or not method.uses_exclusion:
        yield exclusion.problem(
            "from_significance",
            "searches the sky that the background leaves out, but reduction.background.method "
            f"{tool.background.place_of('method')} leaves out none",
            hint="take ring, adaptive-ring or fov, or take the search out",
        )
    elif tool.geometry is not None:
        radius, pixel = search.number_of("radius"), tool.geometry.number_of("pixel")
        if radius is not None and pixel is not None and radius < pixel:
            yield search.problem(
                "radius", f"{search.place_of('radius')} is below geometry.pixel {tool.geometry.place_of('pixel')}"
            )
