"""``measure_region_use``: whose fault is it where a map misses the finding?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from torch.nn.functional import interpolate

from heatproof.data.annotations.references import reference_mask, references_of
from heatproof.errors import AnnotationError, ModelError, SpecError, near_misses
from heatproof.fidelity.infills import Normal
from heatproof.fidelity.infills import infills as registry_of_infills
from heatproof.fidelity.region_use import (
    CELLS,
    CONTROLS,
    MARGIN,
    RegionUse,
    cell,
    control_regions,
    region_use,
    shows,
)
from heatproof.models import Model, wrapped
from heatproof.models.devices import within_memory
from heatproof.models.still import held_still
from heatproof.saliency import explain
from heatproof.saliency import methods as registry
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.memory import parse_memory
from heatproof.stats import estimates
from heatproof.stats.proportion import proportion
from heatproof.types import REFERENCE, Dataset, Sample

INFILLS = ("local_mean", "telea", "normal_patch")
_NORMAL = 50  # films without the finding, of which the nearest is taken
_LEVEL = 0.95


@dataclass(frozen=True, repr=False)
class RegionUseAnswer:
    """What a model does with what a reader marked; printed, the cells.

    Attributes:
        cases: One row per film and method: ``uses`` (yes, no, inconclusive), ``shown``, ``cell``
            (null where inconclusive), and ``logit``.
        falls: One row per film and infill: ``fall`` of the logit where the region is replaced,
            ``complement`` where everything else is, ``controls``, the mean where control regions
            are, and ``exceeds``, the share of controls that the fall exceeds.
        changes: One row per infill: mean over films of ``fall``, ``complement``, and ``excess``
            (fall minus controls), each with its 95 % interval by patient.
        cells: One row per method and cell: ``films``, and its ``share`` of the conclusive ones with
            a 95 % interval by patient.  The cell ``inconclusive`` is a share of all.
    """

    cases: pl.DataFrame
    falls: pl.DataFrame
    changes: pl.DataFrame
    cells: pl.DataFrame

    def __repr__(self) -> str:
        return "\n".join(
            f"{row['method']}: {row['cell']} on {row['films']} films, {row['share']:.0%}"
            f" [{row['low']:.0%}, {row['high']:.0%}]"
            for row in self.cells.iter_rows(named=True)
        )


@within_memory("Say memory, such as memory='2GB', or move the model to the CPU")
def measure_region_use(
    model: Model,
    films: Dataset,
    methods: Sequence[str] | str,
    finding: str | None = None,
    infills: Sequence[str] = INFILLS,
    *,
    controls: int = CONTROLS,
    margin: float = MARGIN,
    reader: str = REFERENCE,
    seed: int = 0,
    memory: str | None = None,
) -> RegionUseAnswer:
    """Replace what a reader marked, and see whether the model misses it and whether maps show it.

    Where a map does not show the finding, either the model looks elsewhere and the map is honest,
    or the model looks there and the map does not say so.  ``heatproof.fidelity.region_use`` has
    the rules.

    Args:
        model: What ``wrap`` or ``load_model`` gives.
        films: Those on which the reader marked the finding are asked about; those that are labelled
            as without it lend what normal patches are made of.
        methods: Specs of saliency methods.
        finding: Of the model; None where it has one alone.
        infills: Specs of what takes the place of regions.  Where no film is without the finding,
            ``normal_patch`` is left out.
        controls: Number of control regions of each film; with fewer than 19 nothing is concluded.
        margin: The largest change of the logit that would not matter.
        reader: Who marked.
        seed: Places control regions.
        memory: What the process may take, such as ``"4GB"``.

    Raises:
        ModelError: The model has no such finding, or its canvas cannot be told from its transform.
        AnnotationError: The reader marked the finding on no film, or nowhere that the network sees.
        SpecError: No such method or infill, or no infill that these films allow.
    """
    model = wrapped(model)
    target = _target(model, finding)
    named = model.findings[target]
    specs = (methods,) if isinstance(methods, str) else tuple(methods)
    parts, filled = registry.parts(specs), registry_of_infills.parts(infills)
    samples = [films[row] for row in range(len(films))]
    marked = [s for s in samples if (named, reader) in references_of(s, [named])]
    if not marked:
        raise AnnotationError(f"{reader} marked {named} on none of {len(samples)} films")
    normal = _normal(model, samples, named)
    if not normal:
        filled = {spec: part for spec, part in filled.items() if not part.needs_normal}
    if not filled:
        raise SpecError(
            f"infills={list(infills)}: each is made of films without {named}, and no film is"
            " labelled so; say another, such as local_mean"
        )
    regions = {s.image_id: _region(model, s, named, reader) for s in marked}
    limit = parse_memory(memory) if memory else None
    cases: list[dict[str, Any]] = []
    falls: list[dict[str, Any]] = []
    for number, sample in enumerate(marked):
        region = regions[sample.image_id]
        if not region.any() or region.all():
            continue  # it lies where the network does not look, or is all that it sees
        image = model.preprocessing.tensor(sample.pixels.read())[None]
        elsewhere = [_centre(r) for s, r in regions.items() if s != sample.image_id and r.any()]
        around = control_regions(region, elsewhere, controls, seed + number)
        with held_still(model):
            forward = ForwardPass(model, image, limit)
            use = region_use(forward, region, target, filled, around, normal)
            logit = float(forward.logits[0, target])
        about = {"film": sample.image_id, "cluster": sample.cluster}
        falls += list(_falls(about, use))
        maps = explain(parts, model, image, [target], limit).maps
        for spec, made in maps.items():
            values = interpolate(made.values, image.shape[2:], mode="bilinear")[0, 0]
            shown, uses = shows(values, region, around), use.uses(margin)
            cases.append(
                about
                | {"method": spec, "logit": logit, "uses": uses, "shown": shown}
                | {"cell": cell(uses, shown)}
            )
    if not cases:
        raise AnnotationError(
            f"what {reader} marked as {named} lies on none of {len(marked)} films within what the"
            " network sees, or is all that it sees"
        )
    table, of_falls = pl.DataFrame(cases, infer_schema_length=None), pl.DataFrame(falls)
    return RegionUseAnswer(table, of_falls, _changes(of_falls), _cells(table))


def _target(model: Model, finding: str | None) -> int:
    known = list(model.findings)
    if finding is None and len(known) == 1:
        return 0
    if finding not in known:
        told = f"no finding {finding!r}" if finding else f"{len(known)} findings, so say which"
        raise ModelError(f"the model has {told}; {near_misses(finding or '', known)}")
    return known.index(finding)


def _normal(model: Model, samples: Sequence[Sample], finding: str) -> Normal:
    """Inputs of films that are labelled as without the finding."""
    without = [s for s in samples if s.labels.get(finding) is False][:_NORMAL]
    return [model.preprocessing.tensor(s.pixels.read()).numpy() for s in without]


def _region(model: Model, sample: Sample, finding: str, reader: str) -> np.ndarray:
    """What the reader marked, on the canvas of the network."""
    geometry = getattr(model.preprocessing, "geometry", None)
    if geometry is None:
        raise ModelError(
            "where a mark lies in the input cannot be told from your own transform; wrap the"
            " network with size, mean and std instead"
        )
    region: np.ndarray = geometry.mask(reference_mask(sample, finding, reader))
    return region


def _centre(region: np.ndarray) -> tuple[float, float]:
    y, x = np.nonzero(region)
    return (
        float(y.min() + y.max() + 1) / 2 / region.shape[0],
        float(x.min() + x.max() + 1) / 2 / region.shape[1],
    )


def _falls(about: Mapping[str, str], use: RegionUse) -> Iterator[dict[str, Any]]:
    for spec, fall in use.falls.items():
        controls = use.controls[spec]
        yield {
            **about,
            "infill": spec,
            "fall": fall,
            "complement": use.complements[spec],
            "controls": float(controls.mean()) if len(controls) else float("nan"),
            "exceeds": float((fall > controls).mean()) if len(controls) else float("nan"),
        }


def _changes(falls: pl.DataFrame) -> pl.DataFrame:
    rows = []
    table = falls.with_columns(excess=pl.col("fall") - pl.col("controls"))
    for (infill,), group in table.group_by(["infill"], maintain_order=True):
        row: dict[str, Any] = {"infill": infill, "films": len(group)}
        for name in ("fall", "complement", "excess"):
            found = estimates.mean(group[name].to_numpy(), group["cluster"].to_list(), _LEVEL)
            row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
        rows.append(row)
    return pl.DataFrame(rows)


def _cells(cases: pl.DataFrame) -> pl.DataFrame:
    rows = []
    for (method,), of_method in cases.group_by(["method"], maintain_order=True):
        told = of_method.filter(pl.col("cell").is_not_null())
        groups: list[tuple[str, pl.DataFrame, pl.Series]] = [
            *((each, told, told["cell"] == each) for each in CELLS),
            ("inconclusive", of_method, of_method["cell"].is_null()),
        ]
        for name, among, there in groups:
            hits = there.to_numpy().astype(bool)
            share = proportion(hits, among["cluster"].to_list(), _LEVEL)
            rows.append(
                {"method": method, "cell": name, "films": int(hits.sum())}
                | {"share": share.value, "low": share.low, "high": share.high}
            )
    return pl.DataFrame(rows)
