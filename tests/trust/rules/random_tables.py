"""Tables of evidence with everything that a table may have: for rules, and for their witness."""

from typing import Any

import numpy as np
import polars as pl

from tests.trust.rules.witness import Last

METHODS = ("m", "n", "edges")
CONTROLS = ("readers", "detection")
CRITERIA = (
    "localization", "randomization(draws=2)", "repeatability", "reproducibility",
    "data_randomization", "compression", "label_efficiency",
)  # fmt: skip
BLOCKS = {"a": ("head", "layer", "stem"), "b": ("head", "stem", "stage1")}
"""The cascades of two models, of which one ends with a block that is within the other's."""
VALIDITIES = ("ok", "ok", "ok", "ok", "ok", "ok", "tied", "zero", "constant", "not finite")
COLUMNS = {
    "criterion": pl.String, "method": pl.String, "similarity": pl.String, "image_id": pl.String,
    "image_id_b": pl.String, "cluster": pl.String, "cluster_b": pl.String, "model_a": pl.String,
    "model_b": pl.String, "step": pl.String, "draw": pl.Int32, "population": pl.String,
    "value": pl.Float64, "validity_a": pl.String, "validity_b": pl.String,
}  # fmt: skip
Rows = list[dict[str, Any]]


def random_table(seed: int) -> tuple[Rows, Last]:
    """Rows in the order of the stages, and the last steps by criterion and model.

    Films may be few, of one patient or of many; values tie, lie on a bar, or are undefined;
    populations, measures, methods and controls may be missing.
    """
    rng = np.random.default_rng(seed)
    table = _Table(rng)
    last: dict[tuple[str, str], str] = {}
    for criterion in rng.permutation(CRITERIA)[:3].tolist():
        for method in (*METHODS, *CONTROLS):
            if rng.random() < 0.1:
                continue
            table.start(criterion, method)
            last |= getattr(table, f"{criterion.split('(')[0]}")()
    return [row for row in table.rows if row["population"] not in table.missing], last


def frame(rows: Rows) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=COLUMNS)


class _Table:
    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.rows = rng, list[dict[str, Any]]()
        count = int(rng.choice([1, 2, 3, 8, 15]))
        patients = int(rng.integers(1, count + 1))
        self.films = [(f"f{film}", f"patient {film % patients}") for film in range(count)]
        self.undefined = float(rng.choice([0.0, 0.0, 0.1, 0.6]))
        self.invalid = rng.random() < 0.3
        self.ties = rng.random() < 0.3
        # Most tables have everything, or no criterion would be judged.
        gone = ["prior", "random pairs", "different films", "map", "same film"]
        self.missing = {name for name in gone if rng.random() < 0.1}
        kinds = [("ssim(data_range=2.0)", "ssim"), ("ssim",), ("ssim(data_range=2.0)",), ()]
        ssim = kinds[int(rng.choice(4, p=[0.32, 0.32, 0.32, 0.04]))]
        self.measures = [*ssim, *(name for name in ("iou", "pixel_error") if rng.random() < 0.95)]

    def start(self, criterion: str, method: str) -> None:
        self.criterion, self.method = criterion, method
        self.level = self.rng.uniform(0.2, 0.8)
        self.spread = float(self.rng.choice([0.0, 0.02, 0.3]))

    def value(self, measure: str) -> float:
        level = 1 - self.level if measure == "pixel_error" else self.level
        if self.rng.random() < self.undefined:
            return float(self.rng.choice([np.nan, np.inf]))
        if self.ties:
            return float(self.rng.choice([0.25, 0.5, 0.5, 0.75]))
        return float(np.clip(self.rng.normal(level, self.spread), 0, 1))

    def add(
        self,
        population: str,
        pairs: list[tuple[tuple[str, str], tuple[str, str]]],
        models: tuple[str, str],
        measures: list[str],
        step: str = "",
        draw: int = -1,
    ) -> None:
        for measure in measures:
            for one, other in pairs:
                validity = VALIDITIES if self.invalid else ("ok",)
                self.rows.append(
                    {
                        "criterion": self.criterion, "method": self.method, "similarity": measure,
                        "image_id": one[0], "image_id_b": other[0], "cluster": one[1],
                        "cluster_b": other[1], "model_a": models[0], "model_b": models[1],
                        "step": step, "draw": draw, "population": population,
                        "value": self.value(measure), "validity_a": str(self.rng.choice(validity)),
                        "validity_b": str(self.rng.choice(validity)),
                    }
                )  # fmt: skip

    def same(self) -> list[Any]:
        return [(film, film) for film in self.films]

    def different(self) -> list[Any]:
        turned = [*self.films[1:], self.films[0]]
        return [pair for pair in zip(self.films, turned, strict=True) if pair[0][1] != pair[1][1]]

    def localization(self) -> Last:
        for model in ("a", "b"):
            self.add("map", self.same(), (model, model), ["auprc", "auroc"])
        self.add("prior", self.same(), ("", ""), ["auprc", "auroc"])
        return {}

    def randomization(self) -> Last:
        models = [("a",), ("a", "b"), ("b", "a")][int(self.rng.integers(3))]
        for model in models:
            for block in BLOCKS[model]:
                for draw in range(2):
                    self.add("same film", self.same(), (model, model), self.measures, block, draw)
            self.add("random pairs", self.different(), (model, model), self.measures)
        return {(self.criterion, model): BLOCKS[model][-1] for model in models}

    def between(self, steps: tuple[str, ...] = ("",)) -> Last:
        for models in (("a", "a2"), ("a", "a3")):
            for step in steps:
                self.add("same film", self.same(), models, self.measures, step)
                self.add("different films", self.different(), models, self.measures, step)
        return {(self.criterion, "a"): steps[-1]}

    def repeatability(self) -> Last:
        return self.between()

    def reproducibility(self) -> Last:
        return self.between()

    def data_randomization(self) -> Last:
        return self.between()

    def label_efficiency(self) -> Last:
        return self.between(("0.5", "0.1"))

    def compression(self) -> Last:
        for step in ("90", "50"):
            self.add("same film", self.same(), ("a", "a"), self.measures, step)
        self.add("different films", self.different(), ("a", "a"), self.measures)
        return {(self.criterion, "a"): "50"}
