"""``measure_fidelity``: whether maps are true to a model, measured without any mask."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch

from heatproof.errors import ModelError, near_misses
from heatproof.fidelity import fidelities, measure
from heatproof.fidelity.metrics import beside_chance
from heatproof.interactive.film import Film, is_one, source_of
from heatproof.models import Model, wrapped
from heatproof.models.devices import within_memory
from heatproof.saliency import explain
from heatproof.saliency import methods as registry
from heatproof.saliency.memory import parse_memory
from heatproof.stats.proportion import proportion
from heatproof.types import Dataset

USUAL = ("deletion", "insertion", "comprehensiveness", "sufficiency", "sensitivity_n", "infidelity")
_FILMS = 8  # explained together


@dataclass(frozen=True, repr=False)
class FidelityAnswer:
    """The fidelity of maps; printed, its summary.

    Attributes:
        films: One row per film, finding, method and metric: ``value``, and ``chance``, the value of
            the same map with its cells shuffled.
        summary: One row per method and metric: means, and on what share of the films a map is
            better than chance, with its 95 % interval (nan for a metric that has no chance).
    """

    films: pl.DataFrame
    summary: pl.DataFrame

    def __repr__(self) -> str:
        return "\n".join(_line(row) for row in self.summary.iter_rows(named=True))


@within_memory("Say memory, such as memory='2GB', or move the model to the CPU")
def measure_fidelity(
    model: Model,
    films: Dataset | Iterable[Film] | Film,
    methods: Sequence[str] | str,
    metrics: Sequence[str] = USUAL,
    findings: Sequence[str] | str | None = None,
    *,
    memory: str | None = None,
) -> FidelityAnswer:
    """Measure whether maps are true to the model: hide what they show, and ask the model again.

    No mask is looked at, so films need no annotation.  Beside each value stands that of chance: the
    same map with its cells shuffled.  Where a method is no better than chance, its maps do not show
    what the model uses; whether the model uses the lesion is another question.

    Args:
        model: What ``wrap`` or ``load_model`` gives.
        films: A data set, or films in any form that ``explain`` takes, one or several.
        methods: Specs of saliency methods.
        metrics: Specs of metrics of fidelity; ``heatproof fidelities`` lists them.
        findings: Which findings; None for all of the model.
        memory: What the process may take, such as ``"4GB"``.

    Raises:
        PixelError: A film cannot be read.
        ModelError: The model has no such finding, or there is no film.
        SpecError: No such method or metric.
        MapError: A method cannot explain this model.

    Example:
        >>> import heatproof, torch
        >>> _ = torch.manual_seed(0)
        >>> network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, 4), torch.nn.Flatten(),
        ...                               torch.nn.Linear(64, 1))
        >>> model = heatproof.wrap(network, ["Nodule"], size=16, mean=0, std=1)
        >>> films = heatproof.Phantom(images=4, seed=2)
        >>> answer = heatproof.measure_fidelity(model, films, "gradient", ["deletion(steps=4)"])
        >>> answer.films.columns
        ['film', 'finding', 'method', 'metric', 'value', 'chance']
    """
    model = wrapped(model)
    specs = (methods,) if isinstance(methods, str) else tuple(methods)
    parts, asked = registry.parts(specs), fidelities.parts(metrics)
    targets = _targets(model, findings)
    limit = parse_memory(memory) if memory else None
    listed: list[Film]
    if isinstance(films, Dataset):
        listed = [films[row] for row in range(len(films))]
    else:
        listed = [films] if is_one(films) else [*films]
    if not listed:
        raise ModelError("there is no film; expected at least one")
    rows = []
    for start in range(0, len(listed), _FILMS):
        sources = [source_of(film) for film in listed[start : start + _FILMS]]
        images = torch.stack([model.preprocessing.tensor(film.read()) for _, film in sources])
        explanation = explain(parts, model, images, targets, limit)
        maps = {spec: made.values for spec, made in explanation.maps.items()}
        measured = measure(asked, model, images, maps, targets, limit, methods=parts)
        rows += [
            {
                "film": name,
                "finding": model.findings[target],
                "method": method,
                "metric": metric,
                "value": float(found.values[row, column]),
                "chance": float(found.chance[row, column]),
            }
            for (method, metric), found in measured.items()
            for row, (name, _) in enumerate(sources)
            for column, target in enumerate(targets)
        ]
    table = pl.DataFrame(rows)
    return FidelityAnswer(table, _summary(table))


def _line(row: dict[str, Any]) -> str:
    found = f"{row['method']}, {row['metric']} ({row['better']} is truer): {row['value']:.3f}"
    if not beside_chance(fidelities.parse(row["metric"])):
        return f"{found} on {row['maps']} maps"
    return (
        f"{found}, chance {row['chance']:.3f}; better than chance on {row['share']:.0%} of"
        f" {row['maps']} maps [{row['low']:.0%}, {row['high']:.0%}]"
    )


def _targets(model: Model, findings: Sequence[str] | str | None) -> list[int]:
    known = list(model.findings)
    asked = known if findings is None else [findings] if isinstance(findings, str) else findings
    for finding in asked:
        if finding not in known:
            raise ModelError(f"the model has no finding {finding!r}; {near_misses(finding, known)}")
    return [known.index(finding) for finding in dict.fromkeys(asked)]


def _summary(table: pl.DataFrame) -> pl.DataFrame:
    rows = []
    for (method, spec), of_both in table.group_by(["method", "metric"], maintain_order=True):
        metric = fidelities.parse(str(spec))
        better = metric.better
        # A value that is undefined, such as a correlation of a constant map, tells nothing.
        defined = of_both.filter(pl.col("value").is_finite())
        told = defined.filter(pl.col("chance").is_finite())
        value, chance = told["value"].to_numpy(), told["chance"].to_numpy()
        hits = value > chance if better == "higher" else value < chance
        share = proportion(np.asarray(hits, bool), told["film"].to_list())
        rows.append(
            {
                "method": method,
                "metric": spec,
                "better": better,
                "value": _mean(defined["value"]),
                "chance": _mean(told["chance"]),
                "share": share.value,
                "low": share.low,
                "high": share.high,
                "maps": len(told) if beside_chance(metric) else len(defined),
            }
        )
    return pl.DataFrame(rows)


def _mean(values: pl.Series) -> float:
    return float(values.to_numpy().mean()) if len(values) else float("nan")
