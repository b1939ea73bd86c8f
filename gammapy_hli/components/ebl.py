"""Absorption by the extragalactic background light, as a part of a spectral model."""

from collections.abc import Iterable, Mapping

from gammapy_hli.base.errors import Problem
from gammapy_hli.core.component import Component
from gammapy_hli.core.traits import Choice, ModelParameter, Path
from gammapy_hli.engine.models.spectral_table import EBL_REFERENCES


class EblAbsorption(Component):
    """Absorption by the extragalactic background light, a factor on the spectrum (EBLAbsorptionNormSpectralModel)."""

    reference = Choice(
        tuple(EBL_REFERENCES),
        None,
        allow_none=True,
        group="table",
        help="Table of $GAMMAPY_DATA/ebl.",
        level="basic",
    )
    filename = Path(None, group="table", help="A table of one's own: XSPEC table model with the redshift.")
    redshift = ModelParameter(None, frozen=True, least=0, help="Redshift of the source.", level="basic")
    alpha_norm = ModelParameter(1.0, frozen=True, least=0, help="Factor on the opacity; 1 is the table as it is.")

    def check_complete(self) -> Iterable[Problem]:
        if self.stored("reference") is None and self.stored("filename") is None:
            yield self.problem(
                "reference",
                "a reference or a filename is needed",
                code="missing",
                hint="write e.g. reference: dominguez",
            )
        redshift = self.stored("redshift")
        if redshift is None or (isinstance(redshift, Mapping) and not {"value", "link"} & redshift.keys()):
            table = next((name for name in ("reference", "filename") if self.stored(name) is not None), None)
            where = "" if table is None else f" with {table} {self.place_of(table)}"
            message = f"the redshift of the source is needed{where}"
            yield self.problem("redshift", message, code="missing", hint="write e.g. redshift: 0.116")
