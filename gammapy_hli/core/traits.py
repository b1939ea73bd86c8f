"""All traits under one address; each is defined in a file of its family."""

from gammapy_hli.core.container_traits import List, Mapping, OneOrMore, Plain
from gammapy_hli.core.model_traits import ModelParameter, ParameterValue, Prior
from gammapy_hli.core.option import InvalidValue, Option, OptionError, UnknownOptionError
from gammapy_hli.core.quantity_traits import Quantity, QuantityList, QuantityRange, number_in
from gammapy_hli.core.region_traits import Region, RegionSpec
from gammapy_hli.core.scalar_traits import Bool, Choice, Float, Int, Path, Str
from gammapy_hli.core.sky_traits import Position, SkyPosition, Time

__all__ = [
    "Bool",
    "Choice",
    "Float",
    "Int",
    "InvalidValue",
    "List",
    "Mapping",
    "ModelParameter",
    "OneOrMore",
    "Option",
    "OptionError",
    "ParameterValue",
    "Path",
    "Plain",
    "Position",
    "Prior",
    "Quantity",
    "QuantityList",
    "QuantityRange",
    "Region",
    "RegionSpec",
    "SkyPosition",
    "Str",
    "Time",
    "UnknownOptionError",
    "number_in",
]
