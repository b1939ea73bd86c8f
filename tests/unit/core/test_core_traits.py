"""Every trait: forms that it takes, their canonical text, and what it says about those that it does not."""

import datetime
from pathlib import Path as FilePath

import pytest

from gammapy_hli.base.errors import ConfigError
from gammapy_hli.base.yaml_reader import parse_yaml
from gammapy_hli.core.traits import (
    Bool,
    Choice,
    Float,
    Int,
    InvalidValue,
    List,
    Mapping,
    ModelParameter,
    OneOrMore,
    Path,
    Plain,
    Prior,
    Quantity,
    QuantityList,
    Region,
    SkyPosition,
    Str,
    Time,
)

DNDE = "TeV-1 s-1 cm-2"
ENERGY = Quantity(unit="TeV", above="0 TeV")
ANGLE = Quantity(unit="deg", min="0 deg", max="180 deg")
CRAB = {"frame": "icrs", "lon": "83.63 deg", "lat": "22.01 deg"}

VALID = [
    (ENERGY, "0.3 TeV", "0.3 TeV"),
    (ENERGY, {"value": 0.3, "unit": "TeV"}, "0.3 TeV"),
    (ENERGY, "300GeV", "300 GeV"),
    (ENERGY, "3e-1  TeV", "0.3 TeV"),
    (ENERGY, ".5 erg", "0.5 erg"),
    (ANGLE, "1.5 arcmin", "1.5 arcmin"),
    (Quantity(unit=DNDE), "3e-11 cm-2 s-1 TeV-1", "3e-11 cm-2 s-1 TeV-1"),
    (Quantity(unit=DNDE), "1 / (cm2 s TeV)", None),
    (Quantity(unit=DNDE), "1 cm**-2 s^-1 TeV-1", "1 cm**-2 s^-1 TeV-1"),
    (Quantity(unit=""), 3, "3"),
    (Quantity(unit=""), "10 %", "10 %"),
    (QuantityList(unit="TeV"), ["0.1 TeV", "1 TeV"], "[0.1 TeV, 1 TeV]"),
    (SkyPosition(), CRAB, "{frame: icrs, lon: 83.63 deg, lat: 22.01 deg}"),
    (SkyPosition(), "83.63 deg, 22.01 deg", "{frame: icrs, lon: 83.63 deg, lat: 22.01 deg}"),
    (SkyPosition(), "05h34m32s +22d00m52s", "{frame: icrs, lon: 05h34m32s, lat: +22d00m52s}"),
    (SkyPosition(), "05h34m32s -22d00m52s", "{frame: icrs, lon: 05h34m32s, lat: -22d00m52s}"),
    (
        SkyPosition(),
        {"frame": "galactic", "lon": "184 deg", "lat": "-5 deg"},
        "{frame: galactic, lon: 184 deg, lat: -5 deg}",
    ),
    (Time(), "2019-12-01T00:00:00", "2019-12-01T00:00:00"),
    (Time(), "2020-01-01", "2020-01-01T00:00:00"),
    (Time(), "2020-01-01 12:30", "2020-01-01T12:30:00"),
    (Time(), "2016-12-31T23:59:60.5Z", "2016-12-31T23:59:60.5"),
    (Time(), {"mjd": 53343.9, "scale": "tt"}, "{mjd: 53343.9, scale: tt}"),
    (
        Time(),
        datetime.datetime(2020, 1, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
        "2020-01-01T00:00:00",
    ),
    (Region(), "icrs;circle(83.63,22.01,0.3)", '"icrs;circle(83.63,22.01,0.3)"'),
    (Region(), "on.reg", "on.reg"),
    (
        Region(),
        {"circle": {"center": "83.63 deg, 22.01 deg", "radius": "0.11 deg"}},
        "{circle: {center: {frame: icrs, lon: 83.63 deg, lat: 22.01 deg}, radius: 0.11 deg}}",
    ),
    (Region(), {"point": {"center": CRAB}}, "{point: {center: {frame: icrs, lon: 83.63 deg, lat: 22.01 deg}}}"),
    (Choice(["ring", "fov"]), "ring", "ring"),
    (Path(), "$GAMMAPY_DATA/hess-dl3-dr1", "$GAMMAPY_DATA/hess-dl3-dr1"),
    (Path(), FilePath("a/b"), "a/b"),
    (Int(), 10, "10"),
    (Int(), 10.0, "10"),
    (Float(), 1e-12, "1e-12"),
    (Float(), 3, "3"),
    (Bool(), True, "true"),
    (Str(), "yes", '"yes"'),
    (Str(), "12", '"12"'),
    (Str(), "Crab: a nebula", '"Crab: a nebula"'),
    (List(Int()), [23523, 23526], "[23523, 23526]"),
    (Mapping(Int()), {"a": 1}, "{a: 1}"),
    (OneOrMore(Str()), "fit", "fit"),
    (OneOrMore(Str()), ["a", "b"], "[a, b]"),
    (Plain(), {"a": [1, None, True]}, "{a: [1, null, true]}"),
    (Prior(), {"gauss": {"mean": 0, "sigma": 0.15}}, "{gauss: {mean: 0, sigma: 0.15}}"),
    (ModelParameter(unit=""), 2.3, "2.3"),
    (ModelParameter(unit=DNDE), "3e-11 cm-2 s-1 TeV-1", "3e-11 cm-2 s-1 TeV-1"),
    (ModelParameter(unit=""), {"value": 2}, "2"),
    (
        ModelParameter(unit=""),
        {"value": 2, "min": 0, "max": 5, "frozen": True},
        "{value: 2, min: 0, max: 5, frozen: true}",
    ),
    (ModelParameter(unit="TeV"), {"value": 2, "unit": "GeV", "min": "1 MeV"}, "{value: 2 GeV, min: 1 MeV}"),
    (ModelParameter(unit=""), {"value": 0, "prior": {"gauss": {"mean": 0, "sigma": 1}}}, None),
    (
        ModelParameter(unit=DNDE),
        {"prior": {"log_uniform": {"min": "1e-12 cm-2 s-1 TeV-1", "max": "1e-6 m-2 s-1 TeV-1"}}},
        "{prior: {log_uniform: {min: 1e-12 cm-2 s-1 TeV-1, max: 1e-06 m-2 s-1 TeV-1}}}",
    ),
    (
        ModelParameter(unit="TeV-1"),
        {"prior": {"uniform": {"min": 0, "max": "1 TeV-1"}}},
        "{prior: {uniform: {min: 0 TeV-1, max: 1 TeV-1}}}",
    ),
    (ModelParameter(unit=""), {"link": "crab.spectral.index"}, "{link: crab.spectral.index}"),
    (Int(None), None, "null"),
]


@pytest.mark.parametrize(("trait", "raw", "text"), VALID, ids=[f"{type(t).__name__}-{r}" for t, r, _ in VALID])
def test_valid_value_has_canonical_text_that_reads_back(trait, raw, text):
    found = trait.to_text(raw)
    assert text is None or found == text
    assert trait.to_text(parse_yaml(found).plain()) == found


INVALID = [
    (ENERGY, "1 m", r"'1 m' has unit m \(length\); expected a unit convertible to TeV \(energy\)"),
    (ENERGY, 300, '300 has no unit; write e.g. "300 TeV"'),
    (ENERGY, "10", '10 has no unit; write e.g. "10 TeV"'),
    (ENERGY, "1 2 TeV", "holds two numbers"),
    (ENERGY, "1 Tev", r"'Tev' is not a unit.*Did you mean.*TeV"),
    (ENERGY, "nan TeV", "not a finite number"),
    (ENERGY, "inf TeV", "not a finite number"),
    (ENERGY, "1e999 TeV", "not a finite number"),
    (ENERGY, {"value": float("nan"), "unit": "TeV"}, "not a finite number"),
    (ENERGY, {"value": 3, "unt": "TeV"}, "unknown key 'unt'. Did you mean 'unit'"),
    (ENERGY, {"value": 3}, "3 has no unit"),
    (ENERGY, "0 TeV", "out of range; expected a quantity in TeV .energy., > 0 TeV"),
    (ENERGY, True, "true is not a quantity"),
    (ENERGY, "TeV", "'TeV' is not a quantity"),
    (ENERGY, [1], "is not a quantity"),
    (ENERGY, None, "null is not allowed"),
    (ANGLE, "200 deg", "out of range"),
    (Quantity(unit=DNDE), "3 ph/s", r"'3 ph/s' has unit ph/s.*expected a unit convertible to TeV-1 s-1 cm-2"),
    (QuantityList(unit="TeV"), "1 TeV", r"not a list; write \[1 TeV\]"),
    (QuantityList(unit="TeV"), ["1 TeV", 3], "3 has no unit"),
    (QuantityList(unit="TeV", increasing=True), ["1 TeV", "100 GeV"], "expected increasing values"),
    (QuantityList(unit="TeV", length=2), ["1 TeV"], "1 value; expected a list of 2"),
    (SkyPosition(), "Crab", "names are not looked up"),
    (SkyPosition(), "83.63 22.01", 'no unit; write "83.63 deg, 22.01 deg"'),
    (SkyPosition(), "83.63, 22.01", "83.63 has no unit"),
    (SkyPosition(), "83.63 deg, 95 deg", "latitude between"),
    (SkyPosition(), {"lon": "1 deg"}, "lat is missing"),
    (SkyPosition(), {"lon": "1 deg", "lat": "22:00:52"}, '22:00:52.*write e.g. "22d00m52s"'),
    (SkyPosition(), {"frame": "ICRS", "lon": "1 deg", "lat": "2 deg"}, "frame 'ICRS' is not allowed"),
    (SkyPosition(), {"ra": "1 deg", "lat": "2 deg"}, "unknown key 'ra'"),
    (SkyPosition(), "05h34m72s +22d00m52s", "below 60"),
    (Time(), "yesterday", "is not a time"),
    (Time(), 53343.9, "mjd: 53343.9"),
    (Time(), "2020-13-01", "month"),
    (Time(), "2020-01-01T00:00:00+01:00", "without a time zone"),
    (Time(), {"mjd": 53343.9}, "no scale is given"),
    (Time(), {"mjd": 53343.9, "scale": "TT"}, "scale 'TT' is not allowed"),
    (Region(), "circle(83.63,22.01,0.3)", "no frame is given"),
    (Region(), "icrs;cirle(83.63,22.01,0.3)", "shape 'cirle' is not allowed"),
    (Region(), "icrs;circle(83.63,22.01", "is not a region"),
    (
        Region(),
        {"circle": {"center": "83.63 deg, 22.01 deg", "radus": "1 deg"}},
        "unknown key 'radus'. Did you mean 'radius'",
    ),
    (Region(), {"circle": {"center": "83.63 deg, 22.01 deg"}}, "radius is missing"),
    (Region(), {"circle": {"center": "83.63 deg, 22.01 deg", "radius": 0.1}}, "0.1 has no unit"),
    (Region(), {"cicle": {}}, "Did you mean 'circle'"),
    (Region(), 3, "is not a region"),
    (
        Choice(["reflected", "ring", "fov"]),
        "rng",
        "'rng' is not allowed; did you mean 'ring'. Allowed: reflected, ring, fov",
    ),
    (Choice(["ring"]), "Ring", "did you mean 'ring'"),
    (Choice(["ring"]), 3, "3 is not allowed"),
    (Path(), 3, "is not the path of a file"),
    (Path(), "", "empty"),
    (Int(), True, "true is not a whole number"),
    (Int(), 1.5, "1.5 is not a whole number"),
    (Int(), "10", "without quotes"),
    (Int(min=1), 0, "0 is out of range; expected a whole number, >= 1"),
    (Float(), float("nan"), "not a finite"),
    (Float(), "1e-12", "without quotes"),
    (Float(), "3 TeV", "without unit"),
    (Float(above=0), 0, "> 0"),
    (Bool(), "yes", "write true"),
    (Bool(), "off", "write false"),
    (Bool(), 1, "1 is not true or false"),
    (Str(), 5, 'write "5"'),
    (Str(), ["a"], "is not text"),
    (List(Int()), 5, r"write \[5\]"),
    (List(Int()), ["a"], "'a' is not a whole number"),
    (List(Int(), unique=True), [1, 1], "1 stands twice"),
    (Mapping(Int()), [1], "not a mapping"),
    (Mapping(Int(), keys=["abc"]), {"abd": 1}, "Did you mean 'abc'"),
    (Plain(), {1: 2}, "not text"),
    (Plain(), float("inf"), "finite"),
    (Prior(), {"gaus": {}}, "Did you mean 'gauss'"),
    (Prior(), {"gauss": {"mean": 0, "sigma": 0}}, "sigma 0 is not positive"),
    (Prior(), {"gauss": {"mean": 0, "sigm": 1}}, "unknown key 'sigm'. Did you mean 'sigma'"),
    (Prior(), {"gauss": {"mean": 0}}, "a gauss prior has mean and sigma"),
    (Prior(), {"gauss": {"mean": True, "sigma": 1}}, "true is not a number"),
    (Prior(), {"uniform": {"min": 1, "max": 1}}, "min 1 is not below max 1"),
    (Prior(), {"log_uniform": {"min": 0, "max": 1}}, "min 0 is not positive"),
    (Prior(), {"gauss": {}, "uniform": {}}, "is not a prior"),
    (ModelParameter(unit=DNDE), {"prior": {"gauss": {"mean": 0, "sigma": 1e-12}}}, "1e-12 has no unit"),
    (ModelParameter(unit="TeV"), {"prior": {"uniform": {"min": 0, "max": "1 deg"}}}, "'1 deg' has unit deg"),
    (ModelParameter(unit=""), {"value": 3, "prior": {"uniform": {"min": 0, "max": 2}}}, "3 lies outside .*, 0 to 2"),
    (ModelParameter(unit=DNDE), "3 ph/s", "has unit ph/s"),
    (ModelParameter(unit=DNDE), 3, "3 has no unit"),
    (ModelParameter(unit=""), "3 TeV", r"has unit TeV \(energy\); expected no unit"),
    (ModelParameter(unit=""), {"vale": 3}, "Did you mean 'value'"),
    (ModelParameter(unit=""), {"value": 3, "max": 2}, "does not fit max 2"),
    (ModelParameter(unit=""), {"min": 3, "max": 2}, "min 3 is above max 2"),
    (ModelParameter(unit=""), {"value": 3, "frozen": "no"}, "'no' is not true or false"),
]


@pytest.mark.parametrize(("trait", "raw", "match"), INVALID, ids=[f"{type(t).__name__}-{r}" for t, r, _ in INVALID])
def test_invalid_value_says_what_was_got_and_what_is_expected(trait, raw, match):
    with pytest.raises(InvalidValue, match=match):
        trait.check(raw)


def test_quantity_becomes_an_astropy_quantity_when_used():
    energy = ENERGY.parse("300 GeV")
    assert energy.to_value("TeV") == pytest.approx(0.3)
    assert str(energy.unit) == "GeV"


def test_quantity_list_becomes_one_array_in_the_unit_of_the_trait():
    edges = QuantityList(unit="TeV").parse(["100 GeV", "1 TeV"])
    assert edges.to_value("TeV").tolist() == [0.1, 1.0]


def test_same_quantity_in_other_units_is_the_same_setting():
    assert ENERGY.key("100 GeV") == ENERGY.key("0.1 TeV") == "0.1 TeV"


def test_astropy_objects_are_taken_in_python():
    from astropy import units
    from astropy.coordinates import SkyCoord
    from astropy.time import Time as AstropyTime

    assert ENERGY.check(0.3 * units.TeV) == "0.3 TeV"
    assert QuantityList(unit="TeV").check([1, 2] * units.GeV) == ["1 GeV", "2 GeV"]
    assert SkyPosition().check(SkyCoord(83.63, 22.01, unit="deg"))["lat"] == "22.01 deg"
    assert Time().parse(Time().check(AstropyTime(53343.9, format="mjd", scale="tt"))).scale == "tt"
    with pytest.raises(InvalidValue, match="an array of 2 values"):
        ENERGY.check([1, 2] * units.TeV)


REGIONS = [
    {"circle": {"center": CRAB, "radius": "0.11 deg"}},
    {"ellipse": {"center": CRAB, "width": "1 deg", "height": "2 deg", "angle": "3 deg"}},
    {"rectangle": {"center": CRAB, "width": "1 deg", "height": "2 deg", "angle": "0 deg"}},
    {"annulus": {"center": CRAB, "inner_radius": "1 deg", "outer_radius": "2 deg"}},
    {"point": {"center": CRAB}},
]


@pytest.mark.parametrize("mapping", REGIONS, ids=[next(iter(mapping)) for mapping in REGIONS])
def test_region_object_becomes_the_mapping_of_a_file(mapping):
    import regions
    from astropy import units
    from astropy.coordinates import SkyCoord

    ((shape, values),) = mapping.items()
    name = {"annulus": "CircleAnnulus"}.get(shape, shape.title())
    sizes = {key: units.Quantity(value) for key, value in values.items() if key != "center"}
    region = getattr(regions, f"{name}SkyRegion")(SkyCoord(83.63, 22.01, unit="deg"), **sizes)
    assert Region().check(region) == mapping


def test_position_becomes_a_skycoord_when_asked():
    position = SkyPosition().parse("05h34m32s +22d00m52s")
    assert position.to_skycoord().ra.deg == pytest.approx(83.6333, abs=1e-3)


def test_time_keeps_its_scale():
    assert Time().parse({"mjd": 53343.9, "scale": "tt"}).scale == "tt"
    assert Time().parse("2020-01-01").scale == "utc"


def test_path_expands_variables_and_home_when_used(monkeypatch):
    monkeypatch.setenv("HLI_TEST_DATA", "/data")
    assert Path().parse("$HLI_TEST_DATA/x") == FilePath("/data/x")
    assert Path().parse("${HLI_TEST_DATA}/x") == FilePath("/data/x")
    assert Path().parse("~/x") == FilePath.home() / "x"
    assert Path().check("$NOPE/x") == "$NOPE/x"


def test_undefined_variable_is_named_when_the_path_is_used(monkeypatch):
    monkeypatch.delenv("NOPE", raising=False)
    with pytest.raises(ConfigError, match=r"environment variable \$NOPE is not set"):
        Path().parse("$NOPE/x")


WORDS = [
    (List(Int()), ["1", "2", "3"], [1, 2, 3]),
    (List(Int()), ["[1, 2]"], [1, 2]),
    (List(Int()), [], []),
    (Int(), ["-3"], -3),
    (Float(), ["1e-12"], 1e-12),
    (Bool(), ["true"], True),
    (Str(), ["12"], "12"),
    (Int(None), ["null"], None),
    (ENERGY, ["0.3 TeV"], "0.3 TeV"),
    (SkyPosition(), ["83.63 deg, 22.01 deg"], CRAB),
    (SkyPosition(), ["{lon: 83.63 deg, lat: 22.01 deg}"], CRAB),
    (OneOrMore(Str()), ["a", "b"], ["a", "b"]),
    (OneOrMore(Str()), ["a"], "a"),
    (ModelParameter(unit=""), ["2.5"], 2.5),
    (ModelParameter(unit=""), ["{value: 2, frozen: true}"], {"value": 2.0, "frozen": True}),
    (Time(), ["2020-01-01"], "2020-01-01T00:00:00"),
]


@pytest.mark.parametrize(("trait", "words", "stored"), WORDS, ids=[f"{type(t).__name__}-{w}" for t, w, _ in WORDS])
def test_words_of_the_command_line(trait, words, stored):
    assert trait.check_words(words) == stored


def test_too_many_words_are_an_error():
    with pytest.raises(InvalidValue, match="got 1 2; expected one value"):
        Int().check_words(["1", "2"])


ALL = list({type(trait): trait for trait, *_ in VALID}.values())


@pytest.mark.parametrize("trait", ALL, ids=[type(trait).__name__ for trait in ALL])
def test_every_trait_describes_itself_and_has_a_schema(trait):
    assert trait.expected()
    assert isinstance(trait.schema(), dict)
    assert trait.describe()


def test_numbers_of_a_prior_are_in_the_unit_of_the_parameter():
    raw = {
        "value": "3e-11 cm-2 s-1 TeV-1",
        "prior": {"gauss": {"mean": "3e-7 m-2 s-1 TeV-1", "sigma": "1e-7 m-2 s-1 TeV-1"}},
    }
    parameter = ModelParameter(unit=DNDE).parse(raw)
    assert parameter.prior == {"gauss": {"mean": 3e-11, "sigma": 1e-11}}
    assert ModelParameter(unit=DNDE).key(ModelParameter(unit=DNDE).check(raw))["prior"] == parameter.prior
