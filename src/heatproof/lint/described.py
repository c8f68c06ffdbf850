"""What is known of an experiment, a run or a study, as far as it can threaten a conclusion.

A study is described in a short TOML file of these keys; an experiment and a run describe
themselves.  None, or a key that is left out, is unknown.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import polars as pl
import pydantic

from heatproof.disk import is_folder
from heatproof.errors import ExperimentError
from heatproof.experiment.file import Experiment, load, read_toml
from heatproof.experiment.settings import SettingsTable
from heatproof.report.published import PUBLISHED
from heatproof.runs.folder import Run, open_run

_PRIOR = "difference to the mean-mask prior"


class Prior(SettingsTable):
    """What a map reaches that sees no film.

    Attributes:
        quantity: As the published numbers call it, such as ``"auprc"``.
        data: The data set; empty for all.
        value: Of the prior.
        source: Where the value comes from.
    """

    quantity: str
    value: float
    data: str = ""
    source: str = ""


class Described(SettingsTable):
    """An experiment, a run or a study.

    Attributes:
        name: What it is called.
        tag: Tag of the study in ``heatproof.report.published``, whose numbers are its values.
        url: Its address.
        controls: What stood beside the methods without seeing the model or the film.
        priors: What a map reaches that sees no film, where it is known.
        values: Values of methods: quantity to method to value; added to the published ones.
        tuned_on: What thresholds, models or settings were chosen on.
        intervals: What was resampled, or taken as independent.
        patients_share_films: Whether patients have several films.
        randomization: Whether it was asked what maps are without what was learned.
        examples: How the films that are shown were found.
        ties: Which of tied maxima counts as the peak.
        grid: Cells of a side of the coarsest maps.
        by_size: Whether scores stand beside what chance gives for lesions of their size.
        size_matters: Whether its metrics give more for large lesions by chance.
        colours: The colour scale of maps that are shown or measured.
        defects: Registered defects, such as ``"D25"`` (``heatproof.lint.defects``).
    """

    name: str
    tag: str = ""
    url: str = ""
    controls: list[str] | None = None
    priors: list[Prior] = []
    values: dict[str, dict[str, float]] = {}
    tuned_on: Literal["test", "validation", "nothing"] | None = None
    intervals: Literal["none", "image", "patient"] | None = None
    patients_share_films: bool | None = None
    randomization: bool | None = None
    examples: Literal["chosen", "drawn", "none"] | None = None
    ties: Literal["first", "centroid"] | None = None
    grid: int | None = None
    by_size: bool | None = None
    size_matters: bool | None = None
    colours: str | None = None
    defects: list[str] = []

    def numbers(self, prior: Prior) -> Iterator[tuple[str, float]]:
        """Method or row, and value, of all that can be compared with a prior."""
        for number in PUBLISHED:
            alike = number.source.tag == self.tag and number.quantity == prior.quantity
            if alike and prior.data in ("", number.data) and number.method != "mean_mask":
                words = [number.method or number.where, number.model, number.finding]
                yield ", ".join(filter(None, words)), number.value
        yield from self.values.get(prior.quantity, {}).items()


def described(path: Path) -> Described:
    """What is known of a run's folder, an experiment file, or the description of a study.

    Raises:
        ExperimentError: It is none of these.
    """
    if is_folder(path):
        return of_run(open_run(path))
    _, table = read_toml(path)
    if "data" in table or "models" in table:
        return of_experiment(load(path, early=True))
    return of_text(path.read_text(encoding="utf-8"), str(path))


def of_text(text: str, where: str) -> Described:
    """The description of a study; raises ExperimentError."""
    try:
        return Described.model_validate(tomllib.loads(text))
    except pydantic.ValidationError as error:
        told = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()
        )
        raise ExperimentError(
            f"{where}: {told}. Expected an experiment with [[data]], or a description of a study"
            f" with the keys {', '.join(Described.model_fields)}"
        ) from error


_DEFECTS = {  # what a spec holds, where an option repeats a registered defect
    "jet_smoothed": "D01", "contour_fill=True": "D03", "halve_always=True": "D18",
    "sum_gradient=True": "D19", "data_range=2.0": "D24", "rule='trapezoid'": "D25",
    "target='predicted'": "D26", "magnitude='square'": "D27", "smooth_grad.pair": "D27",
    "smooth_grad.arun": "D27", "smooth_grad.venkatesh": "D27", "rule='pair'": "D28",
    "integrated_gradients.arun": "D28", "integrated_gradients.venkatesh": "D28",
    "guided_grad_cam.arun": "D30", "statistics='reset'": "D42", "ties='first'": "D09",
    "ssim.published": "D24",
}  # fmt: skip


def of_experiment(experiment: Experiment) -> Described:
    """What the file of an experiment tells."""
    trust = experiment.trust
    criteria = [] if trust is None else trust.criteria
    specs = [*experiment.explain.methods, *experiment.score.metrics, *criteria]
    specs += [] if trust is None else [*trust.similarities]
    defects = dict.fromkeys(
        defect for spec in specs for part, defect in _DEFECTS.items() if part in spec
    )
    judged = {data.name for data in experiment.data if data.judged}
    validation = experiment.classification.validation
    trained = [model.training for model in experiment.models if model.training]
    chosen = {training.validation for training in trained} | {validation or ""}
    return Described(
        name=experiment.name,
        controls=["mean_mask", *experiment.score.controls],
        tuned_on="test" if chosen & judged else "validation" if trained else None,
        intervals=experiment.statistics.by,
        patients_share_films=True if experiment.statistics.by == "image" else None,
        randomization=any(spec.startswith("randomization") for spec in criteria),
        examples="drawn",
        ties="first" if "D09" in defects else "centroid",
        by_size=True,
        defects=list(defects),
    )


def of_run(run: Run) -> Described:
    """What the tables of a run tell."""
    estimates = run["estimates"].frame.filter(pl.col("statistic") == _PRIOR)
    values: dict[str, dict[str, float]] = {}
    for row in estimates.iter_rows(named=True):
        name = f"{row['method']}, {row['model']}, {row['data']}, {row['finding']}"
        values.setdefault(row["metric"], {})[name] = row["value"]
    # Differences to the prior are compared with 0.
    priors = [
        Prior(quantity=metric, value=0.0, source="of the run, as differences") for metric in values
    ]
    asked = set()
    if "verdicts" in run.tables:
        asked = {str(name).partition("(")[0] for name in run["verdicts"].frame["criterion"]}
    return Described(
        name=run.name,
        controls=["mean_mask"] if len(estimates) else [],
        priors=priors,
        values=values,
        randomization="randomization" in asked,
        by_size=True,
    )
