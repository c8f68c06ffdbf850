"""Films that tune metrics are judged by nobody, and neither are their patients: refused otherwise.

A threshold that was chosen on the films that it is judged on flatters whatever was tuned, and with
it every comparison; so this is an error, and no warning.
"""

from collections.abc import Iterator, Mapping, Sequence

from heatproof.errors import ExperimentError
from heatproof.experiment.assignment import Assignment
from heatproof.experiment.file import Experiment
from heatproof.experiment.films import OpenedData
from heatproof.localize import Metric
from heatproof.maps.tuning import tunable
from heatproof.types import Sample
from heatproof.words import count


def check_tuning(
    experiment: Experiment,
    data: Mapping[str, OpenedData],
    assigned: Sequence[Assignment],
    metrics: Mapping[str, Metric],
) -> None:
    """Raises ExperimentError where metrics cannot be tuned as described, or must not be."""
    name = experiment.score.tune
    to_tune = [spec for spec, metric in metrics.items() if tunable(metric)]
    if name is None:
        if to_tune:
            raise ExperimentError(
                f"{to_tune[0]} is to be tuned, but on what? Say [score] tune = the name of data"
                " that nobody judges, or give it a table or a value"
            )
        return
    if not to_tune:
        raise ExperimentError(
            f"[score] tune = {name!r}, but no metric is to be tuned; did you mean"
            " iou(binarize=tuned)?"
        )
    if any(entry.name == name and entry.judged for entry in experiment.data):
        raise ExperimentError(
            f"[score] tune = {name!r}, whose films are judged; say judged = false for it, and judge"
            " films of other patients"
        )
    for judged in _judged_data(experiment, assigned):
        _refuse_shared(name, data[name], data[judged])
    _check_imported(experiment, name)


def check_kept(experiment: Experiment) -> None:
    """Raises ExperimentError where maps that are asked for twice would not be kept."""
    keep = experiment.explain.keep
    if keep == "all":
        return
    if experiment.score.tune is not None:
        raise ExperimentError(
            f"[explain] keep = {keep!r}, but [score] tune = {experiment.score.tune!r} chooses"
            ' values from the maps of all models; say keep = "all", or give the metric a value'
        )
    if experiment.maps:
        raise ExperimentError(
            f"[explain] keep = {keep!r}, but [[maps]] imports maps, which are stored before they"
            ' are scored; say keep = "all", or import them in an experiment of their own'
        )


def _check_imported(experiment: Experiment, name: str) -> None:
    """Raises ExperimentError where imported maps lack those of the tuning films."""
    # Values are tuned for each model and method, so each needs maps of the tuning films.
    tuned = {(entry.name, entry.method) for entry in experiment.maps if entry.data == name}
    for entry in experiment.maps:
        if (entry.name, entry.method) not in tuned:
            raise ExperimentError(
                f"[score] tune = {name!r}, but there are no maps of {entry.name!r} by"
                f" {entry.method!r} for it; add [[maps]] with data = {name!r}"
            )


def _judged_data(experiment: Experiment, assigned: Sequence[Assignment]) -> Iterator[str]:
    """The name of every data set that somebody judges, each once."""
    names = [assignment.data for assignment in assigned if assignment.role == "judged"]
    names += [entry.data for entry in experiment.maps if entry.data != experiment.score.tune]
    yield from dict.fromkeys(names)


def _refuse_shared(name: str, tuning: OpenedData, judged: OpenedData) -> None:
    """Raises ExperimentError where films or patients of both are the same."""
    if judged.name == name:  # a model that names it in its data
        raise ExperimentError(f"[score] tune = {name!r}, which a model is told to judge")
    # Names of films do not tell: two data sets may call one film differently.
    pixels = {_file(sample) for sample in judged.samples}
    films = [sample.image_id for sample in tuning.samples if _file(sample) in pixels]
    patients = {sample.cluster for sample in judged.samples}
    shared = sorted({s.cluster for s in tuning.samples if s.cluster in patients})
    if films or shared:
        what = count(len(films), "film") if films else count(len(shared), "patient")
        example = films[0] if films else shared[0].removeprefix("patient ")
        raise ExperimentError(
            f"[score] tune = {name!r}: {what} of it, such as {example}, is judged in"
            f" {judged.name!r}; metrics tuned on judged patients flatter what is tuned. Divide the"
            " patients, for example with part and parts"
        )


def _file(sample: Sample) -> object:
    """What a film is known by: its file, whatever is said beside it, such as its grey levels."""
    return getattr(sample.pixels, "path", sample.pixels)
