"""value -> text -> value is the identity for every type of trait."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gammapy_hli.base.yaml_reader import parse_yaml
from gammapy_hli.core.plain import format_number, plain_text
from gammapy_hli.core.traits import (
    Bool,
    Choice,
    Float,
    Int,
    List,
    Mapping,
    ModelParameter,
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

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
POSITIVE = st.floats(min_value=1e-300, max_value=1e300)
TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
ENERGIES = st.builds(lambda x, u: f"{x!r} {u}", POSITIVE, st.sampled_from(["TeV", "GeV", "erg", "keV"]))
ANGLES = st.builds(lambda x, u: f"{x!r} {u}", st.floats(0, 80), st.sampled_from(["deg", "arcmin", "rad"]))
LATITUDES = st.builds(lambda x: f"{x!r} deg", st.floats(-90, 90))
POSITIONS = st.fixed_dictionaries(
    {"lon": st.builds(lambda x: f"{x!r} deg", st.floats(0, 360)), "lat": LATITUDES},
    optional={"frame": st.sampled_from(["icrs", "galactic"])},
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT.filter(bool), inner, max_size=3),
    max_leaves=8,
)


def round_trip(trait, raw):
    """The stored form, after one trip through YAML text."""
    stored = trait.check(raw)
    back = trait.check(parse_yaml(f"x: {trait.to_text(raw)}").plain()["x"])
    assert back == stored
    assert trait.key(back) == trait.key(stored)
    assert trait.check(stored) == stored


@given(ENERGIES)
def test_quantity(raw):
    round_trip(Quantity(unit="TeV"), raw)


@given(st.lists(ENERGIES, max_size=4))
def test_quantity_list(raw):
    round_trip(QuantityList(unit="TeV"), raw)


@given(POSITIONS)
def test_sky_position(raw):
    round_trip(SkyPosition(), raw)


@given(st.datetimes())
def test_time_as_text(raw):
    round_trip(Time(), raw)


@given(st.floats(-1e6, 1e6), st.sampled_from(["utc", "tt", "tai"]))
def test_time_as_mjd(mjd, scale):
    round_trip(Time(), {"mjd": mjd, "scale": scale})


@given(POSITIONS, ANGLES)
def test_region(center, radius):
    round_trip(Region(), {"circle": {"center": center, "radius": radius}})
    round_trip(Region(), {"annulus": {"center": center, "inner_radius": radius, "outer_radius": radius}})
    round_trip(Region(), {"polygon": {"vertices": [center] * 3}})


@given(st.integers())
def test_int(raw):
    round_trip(Int(), raw)


@given(NUMBERS)
def test_float(raw):
    round_trip(Float(), raw)
    assert float(format_number(raw)) == raw


@given(st.booleans())
def test_bool(raw):
    round_trip(Bool(), raw)


@given(TEXT)
def test_str(raw):
    round_trip(Str(), raw)


@given(TEXT.filter(str.strip))
def test_path(raw):
    round_trip(Path(), raw)


@given(st.lists(TEXT, min_size=1, unique=True), st.data())
def test_choice(words, data):
    round_trip(Choice(words), data.draw(st.sampled_from(words)))


@given(st.lists(st.integers()), st.dictionaries(NAMES, NUMBERS))
def test_list_and_mapping(numbers, mapping):
    round_trip(List(Int()), numbers)
    round_trip(Mapping(Float()), mapping)


@given(PLAIN)
@settings(max_examples=300)
def test_plain(raw):
    round_trip(Plain(None), raw)
    assert parse_yaml(f"x: {plain_text(raw)}").plain()["x"] == raw


@given(NUMBERS, st.booleans(), st.floats(1e-9, 1e9))
def test_model_parameter(value, frozen, sigma):
    round_trip(ModelParameter(unit=""), value)
    round_trip(ModelParameter(unit="TeV"), f"{value!r} GeV")
    parameter = {
        "value": value,
        "min": min(value, 0),
        "frozen": frozen,
        "prior": {"gauss": {"mean": 0, "sigma": sigma}},
    }
    round_trip(ModelParameter(unit=""), parameter)
    round_trip(Prior(), parameter["prior"])
