"""Predicted counts of one source in a map dataset: a spectrum folded with a shape on the sky (NUMERICS B.16).

The counts are a product, energy dispersion (nt, ne) times flux (nt,) times shape (nt, pixels): the shape, exposure
times the source folded with the psf, changes only when a spatial parameter does, so that a new spectrum costs one small
matrix product. Beside it: `map_response.py` looks up the responses, `psf_fold.py` folds, `map_bins.py` says which bins
are used, `map_total.py` adds up all models of a dataset.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.geom.sphere import separation
from gammapy_hli.engine.models.sky_model import SkyModel
from gammapy_hli.engine.models.spatial_integral import PointIntegrator
from gammapy_hli.engine.predict.map_bins import MapBins
from gammapy_hli.engine.predict.map_response import MARGIN, Box, MapResponse, find_map_response

if TYPE_CHECKING:
    from gammapy_hli.engine.datasets.map import MapDataset

__all__ = ["FlatSource", "MapEvaluator"]

Array = NDArray[np.float64]

_KEPT_SHAPES = 4


class MapEvaluator:
    """One source in one map dataset.

    Responses are looked up once, at the position that the model has now. All methods are functions of what they are
    given; ``values`` are those of the spatial model (all parameters, in order), by default the ones it has now.

    Parameters
    ----------
    model : SkyModel
        With a spatial model.
    dataset : MapDataset
        With exposure; without psf or energy dispersion the source is not folded with them.
    response : MapResponse, optional
        Instead of looking one up.

    Attributes
    ----------
    name : str
        Of the source.
    is_inside : bool
        Whether anything of the source can reach a used pixel. If not, all counts are zero and `box` is empty.

    Raises
    ------
    InputError
        The source has no spatial model, or the dataset no exposure.
    """

    def __init__(self, model: SkyModel, dataset: MapDataset, response: MapResponse | None = None):
        self.name = model.name
        self.model = model
        self._dataset_name = dataset.name
        self._shape = dataset.shape
        self._geometry = dataset.geometry
        self._edges = dataset.energy_true.edges_value("TeV")
        self.response = find_map_response(model, dataset) if response is None else response
        assert model.spatial is not None  # find_map_response has complained
        self._spatial = model.spatial
        self._integrator = None if self.response is None else self._spatial.integrator(self.response.geometry)
        self._shapes: OrderedDict[bytes, Array] = OrderedDict()

    @property
    def is_inside(self) -> bool:
        """Whether the source contributes."""
        return self.response is not None

    @property
    def box(self) -> Box:
        """Rows and columns of the map that the source can reach."""
        return (slice(0, 0), slice(0, 0)) if self.response is None else self.response.box

    @property
    def edges(self) -> Array:
        """True energies [TeV], (nt + 1,), on which the flux is wanted."""
        return self._edges

    def require_inside(self) -> None:
        """Raise InputError where the source lies outside of the map."""
        if self.is_inside:
            return
        position, center, width = self.model.position, self._geometry.center, self._geometry.width
        assert position is not None  # a source without one fills the sky
        place, middle = (c.transform_to(self._geometry.frame).spherical for c in (position, center))
        raise InputError(
            f"source {self.name!r} at ({place.lon.deg:.4f}, {place.lat.deg:.4f}) deg lies outside of the used pixels "
            f"of dataset {self._dataset_name!r}, whose map is {width[0].value:g} x {width[1].value:g} deg wide around "
            f"({middle.lon.deg:.4f}, {middle.lat.deg:.4f}) deg {self._geometry.frame}. Check its position and frame, "
            "widen the map, or take the source out of the model of this dataset ('datasets_names')."
        )

    def has_moved(self, values: Array | None = None) -> bool:
        """Whether the source is further from where the responses were looked up than evaluation radius + 0.1 deg."""
        values = self._values(values)
        radius, place = self._spatial.radius(values), self._spatial.place(values)
        if self.response is None or self.response.position is None or radius is None or place is None:
            return False
        start = self.response.position.transform_to(self._spatial.frame).spherical
        moved = separation(np.deg2rad(place[0]), np.deg2rad(place[1]), start.lon.rad, start.lat.rad)
        return bool(np.rad2deg(moved) > radius + MARGIN)

    # --- the product ------------------------------------------------------------------------------------------------
    def shape(self, values: Array | None = None) -> Array:
        """Exposure times the source folded with the psf, (nt, *box) [cm2 s]; read-only, the last few are kept."""
        values = self._values(values)
        key = values.tobytes()
        found = self._shapes.get(key)
        if found is None:
            found = self._make_shape(values)
            found.setflags(write=False)
            while len(self._shapes) >= _KEPT_SHAPES:
                self._shapes.popitem(last=False)
        else:
            del self._shapes[key]
        self._shapes[key] = found
        return found

    def npred(self, flux: Array | None = None, values: Array | None = None) -> Array:
        """Predicted counts in the box, (ne, *box).

        Parameters
        ----------
        flux : array (nt,) [cm-2 s-1], optional
            In each bin of true energy; default: of the spectral model as it is now.
        values : array, optional
            Of the spatial model.
        """
        shape = self.shape(values)
        matrix = self._edisp.T * self.flux() if flux is None else self._edisp.T * flux
        return (matrix @ shape.reshape(len(shape), -1)).reshape(len(matrix), *shape.shape[1:])

    def npred_map(self, flux: Array | None = None, values: Array | None = None) -> Array:
        """`npred` in the whole map, (ne, ny, nx)."""
        cube = np.zeros(self._shape)
        if self.is_inside:
            cube[:, self.box[0], self.box[1]] = self.npred(flux, values)
        return cube

    def flux(self) -> Array:
        """Flux of the spectral model as it is now in each bin of true energy, (nt,) [cm-2 s-1]."""
        return self.model.spectral.bin_flux(self._edges, self.model.spectral.values)

    def flatten(self, bins: MapBins) -> FlatSource:
        """The same source on the bins that a likelihood uses."""
        return FlatSource(self, bins)

    # --- inside -----------------------------------------------------------------------------------------------------
    @property
    def _edisp(self) -> Array:
        return np.zeros((len(self._edges) - 1, self._shape[0])) if self.response is None else self.response.edisp

    def _values(self, values: Array | None) -> Array:
        return self._spatial.values if values is None else np.asarray(values, dtype=float)

    def _make_shape(self, values: Array) -> Array:
        if self.response is None or self._integrator is None:
            return np.zeros((len(self._edges) - 1, 0, 0))
        psf, size = self.response.psf, self.response.geometry.shape
        if psf is None:
            return self.response.exposure * self._integrator.integrate(values)
        if isinstance(self._integrator, PointIntegrator):
            folded = psf.fold_points(self._integrator.weights(values), size)
        else:
            folded = psf.fold(self._integrator.integrate(values))
        return np.multiply(folded, self.response.exposure)


class FlatSource:
    """A source on the used bins of its dataset, as a rectangle of energies times pixels; see `MapBins`.

    Made by `MapEvaluator.flatten`.
    """

    def __init__(self, evaluator: MapEvaluator, bins: MapBins):
        self.evaluator = evaluator
        self.name = evaluator.name
        self._bins = bins
        self._edisp = np.ascontiguousarray(evaluator._edisp[:, bins.energies])
        (rows, columns), (_, ny, nx) = evaluator.box, bins.shape
        numbers = np.arange(ny * nx).reshape(ny, nx)[rows, columns].ravel()
        self._is_whole = bins.has_all_pixels
        self._local: NDArray[np.intp] | None = None
        self._columns: NDArray[np.intp] | slice = numbers
        if not self._is_whole:
            self._local = np.flatnonzero(np.isin(numbers, bins.pixels))
            self._columns = np.searchsorted(bins.pixels, numbers[self._local])
        self._kept: tuple[Array, Array] | None = None

    @property
    def edges(self) -> Array:
        """True energies [TeV], (nt + 1,)."""
        return self.evaluator.edges

    def shape(self, values: Array | None = None) -> Array:
        """As `MapEvaluator.shape` on the used pixels of the box, (nt, m)."""
        whole = self.evaluator.shape(values)
        if self._local is None:
            return whole.reshape(len(whole), -1)
        if self._kept is None or self._kept[0] is not whole:
            self._kept = whole, whole.reshape(len(whole), -1)[:, self._local]
        return self._kept[1]

    def add_npred(self, total: Array, flux: Array, values: Array | None = None) -> None:
        """Add the predicted counts to a rectangle (n_energies, n_pixels), in place.

        Parameters
        ----------
        total : array (n_energies, n_pixels)
        flux : array (nt,) [cm-2 s-1]
        values : array, optional
            Of the spatial model.
        """
        if not self.evaluator.is_inside:
            return
        npred = (self._edisp.T * flux) @ self.shape(values)
        if self._is_whole:
            (rows, columns), (_, ny, nx) = self.evaluator.box, self._bins.shape
            part = total.reshape(len(total), ny, nx)[:, rows, columns]
            part += npred.reshape(part.shape)
        else:
            total[:, self._columns] += npred

    def npred(self, flux: Array, values: Array | None = None) -> Array:
        """Predicted counts on the rectangle (n_energies, n_pixels)."""
        total = np.zeros((len(self._bins.energies), len(self._bins.pixels)))
        self.add_npred(total, flux, values)
        return total

    def npred_flat(self, flux: Array, values: Array | None = None) -> Array:
        """Predicted counts in the used bins alone, (n_bins,)."""
        return self._bins.flat(self.npred(flux, values))

    def flux_slope(self, slope: Array, values: Array | None = None) -> Array:
        """Derivative of a sum over bins to the flux in each bin of true energy.

        Parameters
        ----------
        slope : array (n_energies, n_pixels)
            Derivative to the predicted counts; 0 in bins that are not used.

        Returns
        -------
        array (nt,)
            Times the jacobian of the spectrum it is the gradient.
        """
        if not self.evaluator.is_inside:
            return np.zeros(len(self._edisp))
        if self._is_whole:
            (rows, columns), (_, ny, nx) = self.evaluator.box, self._bins.shape
            part = slope.reshape(len(slope), ny, nx)[:, rows, columns].reshape(len(slope), -1)
        else:
            part = slope[:, self._columns]
        return np.einsum("te,te->t", self._edisp, self.shape(values) @ part.T)
