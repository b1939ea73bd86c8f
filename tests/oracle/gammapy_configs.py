"""Configurations of gammapy's Analysis on public data, in the words of its documentation, with a models file each."""

_CRAB_1D = """\
observations:
  datastore: $GAMMAPY_DATA/hess-dl3-dr1
  obs_cone: {frame: icrs, lon: 83.633 deg, lat: 22.014 deg, radius: 5 deg}
datasets:
  type: 1d
  stack: true
  geom:
    axes:
      energy: {min: 0.5 TeV, max: 30 TeV, nbins: 20}
      energy_true: {min: 0.1 TeV, max: 50 TeV, nbins: 40}
  on_region: {frame: icrs, lon: 83.633 deg, lat: 22.014 deg, radius: 0.11 deg}
  containment_correction: true
  safe_mask: {methods: [aeff-default, aeff-max], parameters: {aeff_percent: 0.1}}
  background: {method: reflected, exclusion: $GAMMAPY_DATA/joint-crab/exclusion/exclusion_mask_crab.fits.gz}
fit:
  fit_range: {min: 1 TeV, max: 20 TeV}
flux_points:
  energy: {min: 1 TeV, max: 20 TeV, nbins: 8}
  source: source
"""

_JOINT_1D = """\
general: {n_jobs: 1}
observations:
  datastore: $GAMMAPY_DATA/hess-dl3-dr1
  obs_ids: [23523, 23526]
datasets:
  type: 1d
  stack: false
  geom:
    axes:
      energy: {min: 0.4 TeV, max: 40 TeV, nbins: 16}
      energy_true: {min: 0.1 TeV, max: 100 TeV, nbins: 40}
  on_region: {frame: icrs, lon: 83.633 deg, lat: 22.014 deg, radius: 0.1 deg}
  safe_mask: {methods: [edisp-bias], parameters: {bias_percent: 5}}
  background: {method: reflected}
fit:
  fit_range: {min: 0.8 TeV}
light_curve:
  energy_edges: {min: 1 TeV, max: 10 TeV, nbins: 1}
  source: source
"""

_CRAB_3D = """\
observations:
  datastore: $GAMMAPY_DATA/hess-dl3-dr1
  obs_cone: {frame: icrs, lon: 83.633 deg, lat: 22.014 deg, radius: 5 deg}
datasets:
  type: 3d
  stack: true
  geom:
    wcs:
      skydir: {frame: icrs, lon: 83.633 deg, lat: 22.014 deg}
      binsize: 0.04 deg
      width: {width: 2 deg, height: 2 deg}
      binsize_irf: 0.2 deg
    selection: {offset_max: 2.5 deg}
    axes:
      energy: {min: 1 TeV, max: 10 TeV, nbins: 5}
      energy_true: {min: 0.5 TeV, max: 20 TeV, nbins: 12}
  background:
    method: fov_background
    parameters: {method: scale}
    exclusion: $GAMMAPY_DATA/joint-crab/exclusion/exclusion_mask_crab.fits.gz
  safe_mask: {methods: [offset-max], parameters: {offset_max: 2.5 deg}}
fit:
  fit_range: {min: 1 TeV, max: 10.1 TeV}
flux_points:
  energy: {min: 1 TeV, max: 10 TeV, nbins: 2}
excess_map:
  correlation_radius: 0.1 deg
"""

_MSH_RING = """\
observations:
  datastore: $GAMMAPY_DATA/hess-dl3-dr1
  obs_ids: [20136, 20137]
datasets:
  type: 3d
  stack: true
  geom:
    wcs:
      skydir: {frame: icrs, lon: 228.6125 deg, lat: -59.2717 deg}
      binsize: 0.05 deg
      width: {width: 3 deg, height: 3 deg}
    axes:
      energy: {min: 1 TeV, max: 10 TeV, nbins: 1}
      energy_true: {min: 0.5 TeV, max: 20 TeV, nbins: 10}
  background: {method: ring, parameters: {r_in: 0.5 deg, width: 0.3 deg}}
  safe_mask: {methods: [offset-max], parameters: {offset_max: 2.5 deg}}
excess_map: {correlation_radius: 0.1 deg}
"""

CONFIGS = {"crab-1d": _CRAB_1D, "joint-1d": _JOINT_1D, "crab-3d": _CRAB_3D, "msh-ring": _MSH_RING}
"""By name; all but the ring are fitted."""

_POWER_LAW = """\
components:
- name: source
  type: SkyModel
  spectral:
    type: PowerLawSpectralModel
    parameters:
    - {name: index, value: 2.6}
    - {name: amplitude, value: 5.0e-11, unit: cm-2 s-1 TeV-1}
    - {name: reference, value: 1.0, unit: TeV, frozen: true}
"""
_POINT = """\
  spatial:
    type: PointSpatialModel
    frame: icrs
    parameters:
    - {name: lon_0, value: 83.63, unit: deg}
    - {name: lat_0, value: 22.02, unit: deg}
"""
MODELS = {"crab-1d": _POWER_LAW, "joint-1d": _POWER_LAW, "crab-3d": _POWER_LAW + _POINT}
"""Models files by name."""
