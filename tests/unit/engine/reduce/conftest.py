"""One observation made in code: flat responses, a few events at known places."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.dl3.events import EventList
from gammapy_hli.engine.dl3.gti import DEFAULT_REFERENCE, Gti
from gammapy_hli.engine.dl3.observation import Observation
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.region import parse_region
from gammapy_hli.engine.irf.aeff import EffectiveArea
from gammapy_hli.engine.irf.background import Background2D
from gammapy_hli.engine.irf.edisp import EnergyDispersion
from gammapy_hli.engine.irf.psf_table import PsfTable
from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan
from gammapy_hli.engine.reduce.spectrum import SpectrumPlan

POINTING = SkyCoord(83.63, 21.51, unit="deg")
ENERGY_TRUE = Axis.from_energy_bounds("0.01 TeV", "300 TeV", nbin=30, name="energy_true")
OFFSET = Axis.from_edges([0, 1, 2, 3] * u.deg, name="offset", interp="lin")


def make_responses():
    """Effective area 1e5 m2, energies as they are, PSF flat out to 0.2 deg, 1e-3 background events s-1 TeV-1 sr-1."""
    migra = Axis.from_edges(np.linspace(0.2, 1.8, 161), name="migra", interp="lin")
    rad = Axis.from_edges(np.linspace(0, 0.2, 41) * u.deg, name="rad", interp="lin")
    density = np.exp(-0.5 * ((migra.center.value - 1) / 0.05) ** 2)
    cap = 1 / (np.pi * np.deg2rad(0.2) ** 2)
    shape = (ENERGY_TRUE.nbin, OFFSET.nbin)
    return {
        "aeff": EffectiveArea(ENERGY_TRUE, OFFSET, np.full(shape, 1e5) * u.m**2),
        "edisp": EnergyDispersion(
            ENERGY_TRUE, migra, OFFSET, np.broadcast_to(density[:, None], (shape[0], 160, shape[1])) * u.one
        ),
        "psf": PsfTable(ENERGY_TRUE, OFFSET, rad, np.full((*shape, 40), cap) / u.sr),
        "bkg": Background2D(
            Axis.from_energy_bounds("0.01 TeV", "300 TeV", nbin=30),
            OFFSET,
            np.full(shape, 1e-9) * u.Unit("s-1 MeV-1 sr-1"),
        ),
    }


@pytest.fixture
def responses():
    """Responses by kind."""
    return make_responses()


@pytest.fixture
def make_observation(responses):
    """Maker of an observation of 1000 s, DEADC 0.9, from positions [deg] and energies [TeV]."""

    def make(ra=(83.63,), dec=(22.01,), energy=(2.0,), pointing=POINTING, stop=1000.0, **changed_irfs):
        header = {"RA_PNT": pointing.ra.deg, "DEC_PNT": pointing.dec.deg, "DEADC": 0.9, "OBS_MODE": "POINTING"}
        n = len(ra)
        events = EventList(
            time=np.arange(n, dtype=float),
            ra=np.array(ra, dtype=float),
            dec=np.array(dec, dtype=float),
            energy=np.array(energy, dtype=float),
            event_id=np.arange(n),
            reference=DEFAULT_REFERENCE,
            meta={**header, "TELESCOP": "TEST", "ZEN_PNT": 20.0},
        )
        gti = Gti(np.array([0.0]), np.array([stop]))
        return Observation.in_memory(7, events, gti, **{**responses, **changed_irfs})

    return make


@pytest.fixture
def plan():
    """On region 0.11 deg around (83.63, 22.01) deg, half a degree from the pointing; no background, all bins safe."""
    return SpectrumPlan(
        on_region=parse_region("icrs;circle(83.63,22.01,0.11)"),
        energy=Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=2),
        energy_true=Axis.from_energy_bounds("0.3 TeV", "30 TeV", nbin=8, name="energy_true"),
        safe_mask=SafeMaskPlan(methods=()),
    )
