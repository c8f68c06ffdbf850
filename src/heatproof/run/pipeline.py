"""``run``: train, explain, score, trust, fidelity, report; each stage skips what is done.

Every stage walks over blocks of films and writes one unit per block, whole or not at all.  So a run
that is killed and started again does what was left, and ends with the same report.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import torch

from heatproof.analysis.choices import choices
from heatproof.data.geometry import geometries
from heatproof.errors import (
    AbsentMapError,
    DamagedError,
    DamagedMapError,
    ExperimentError,
    Gathered,
    HeatproofError,
    Several,
)
from heatproof.experiment.claim import check_folder, claim, finish, is_finished
from heatproof.experiment.file import Experiment
from heatproof.experiment.model import ModelEntry
from heatproof.experiment.workspace import Workspace, open_workspace
from heatproof.leases import Leases
from heatproof.localize.tuned import candidates_of
from heatproof.models import Model
from heatproof.models.card import ModelCard
from heatproof.models.devices import device_named, repeatable, within_memory
from heatproof.models.receptive_field import offset
from heatproof.preparation.opening import AnyModel, Opener, check_model, identified, open_model
from heatproof.progress import Progress, Silent
from heatproof.report.writing import PAGE, write_report
from heatproof.stages.blocks import BLOCK, Judged, blocks_of
from heatproof.stages.control_maps import control_maps
from heatproof.stages.explanation import explain_films, looks_at_features, methods_of
from heatproof.stages.fidelity import measure_maps
from heatproof.stages.framing import geometry_of
from heatproof.stages.imported_maps import canvas_of, import_maps, list_maps
from heatproof.stages.loop import complete
from heatproof.stages.passing import Passing
from heatproof.stages.scoring import maps_of, score
from heatproof.stages.trust import check_pairs, compare_maps
from heatproof.stages.tuning import try_candidates
from heatproof.stages.undrawn import IMPORTED, why_undrawn
from heatproof.stages.written import Written, read_back
from heatproof.tables.films import Films
from heatproof.types import ModelId

Stage = Literal["train", "explain", "score", "trust", "fidelity", "report"]
STAGES: tuple[Stage, ...] = get_args(Stage)
_Result = TypeVar("_Result")
LEASES = "leases"  # the folder in which workers say what they make
_MENDED = 5  # damaged files that are found late, and mended, in one run: more is a broken disk
_HINT = "Say [explain] memory, such as '4GB', or device = 'cpu'; what was made is kept"


def run(
    experiment: Experiment,
    until: Stage = "report",
    progress: Progress | None = None,
    *,
    worker: bool = False,
) -> Path:
    """Run an experiment up to a stage; returns the report, or the folder of its results.

    Args:
        experiment: The experiment.
        until: The last stage.
        progress: Hears of every unit.
        worker: Whether others run it at the same time, into the same folder: each unit is then made
            by one of them, and all of them end when everything is there.

    Raises:
        HeatproofError: The experiment cannot be run as described; nothing that was done is lost.
    """
    if until == "train" and not any(model.training for model in experiment.models):
        raise ExperimentError(
            f"{experiment.file_name} trains nothing: none of its models has [models.training]"
        )
    progress = progress or Silent()
    work = _begin(experiment, progress)
    if worker:
        work = replace(work, leases=Leases(work.folder / LEASES))
    trained, only_helps = _train(work, progress)
    if until == "train" or only_helps:
        return work.folder / "models"
    return _run_stages(work, _openers(work, trained), progress, until)


@repeatable()
@within_memory(_HINT)
def measure(experiment: Experiment, progress: Progress) -> tuple[Workspace, Written]:
    """Measure maps, and write no report: for callers that analyse the scores themselves.

    Args:
        experiment: None of its models is trained here.
        progress: Hears of every unit.

    Raises:
        HeatproofError: The experiment cannot be run as described; nothing that was done is lost.
    """
    begun = _begin(experiment, progress)

    def measured() -> tuple[Workspace, Written]:
        explained = _explain(begun, _openers(begun, {}), progress)
        work, judged, scored = _measure(begun, explained, progress)
        return work, read_back(work, judged, scored, compared=[])

    return _mending(measured, begun, progress)


def _begin(experiment: Experiment, progress: Progress) -> Workspace:
    """The experiment, opened and checked, with a folder to write to."""
    progress.start("check", 1)
    work = open_workspace(experiment)
    check_experiment(work)
    claim(experiment)
    progress.advance()
    progress.finish()
    return work


@within_memory(_HINT)
def check_experiment(work: Workspace) -> None:
    """Try every model and every folder of maps, so that a mistake shows before work starts.

    Raises:
        HeatproofError: A model, its training or imported maps are not as described, or a criterion
            of trust will find no models to compare.
    """
    check_folder(work.experiment)
    ids, gathered = {}, Gathered()
    for maps in work.experiment.maps:
        with gathered.each():
            # Called for its errors: the folder is listed, and no map is read yet.
            list_maps(work, maps)
        ids[maps.name] = ModelId(**maps.id.model_dump())
    entries = work.experiment.models
    if any(entry.made_here for entry in entries):
        with gathered.each():
            ids |= _check_plans(work, [entry for entry in entries if entry.made_here])
    for entry in entries:
        if not entry.made_here:
            with gathered.each(), _naming(entry):
                ids[entry.name] = check_model(work, entry)
    gathered.tell()
    check_pairs(work, ids)


@contextmanager
def _naming(entry: ModelEntry) -> Iterator[None]:
    """Errors name the model, of which there may be several."""
    try:
        yield
    except HeatproofError as error:
        if isinstance(error, Several) or repr(entry.name) in str(error):
            raise
        raise type(error)(f"model {entry.name!r}: {error}") from error


def _check_plans(work: Workspace, entries: Sequence[ModelEntry]) -> dict[str, ModelId]:
    """Check models that are made here; returns their identities by name, without checkpoints."""
    # Lightning takes seconds to import, which runs that train nothing need not wait for.
    from heatproof.preparation.ensemble import check_pool, pool_id
    from heatproof.preparation.plan import trained_id
    from heatproof.preparation.plan_checks import check_plan, check_processes, check_taught

    gathered = Gathered()
    for entry in entries:
        with gathered.each():
            if entry.ensemble:
                check_pool(work.experiment, entry)
            else:
                check_plan(work, entry)
    gathered.tell()
    trained = [entry for entry in entries if entry.training]
    check_processes(trained)
    check_taught(work, trained)
    return {
        entry.name: pool_id(work.experiment, entry) if entry.ensemble else trained_id(entry)
        for entry in entries
    }


# Training stands outside: it may round to TF32, and maps may not.
@repeatable()
@within_memory(_HINT)
def _run_stages(
    work: Workspace, openers: Mapping[str, Opener], progress: Progress, until: Stage
) -> Path:
    """The stages after training."""
    return _mending(lambda: _stages(work, openers, progress, until), work, progress)


def _mending(stages: Callable[[], _Result], work: Workspace, progress: Progress) -> _Result:
    """What the stages return; they are gone through again where a file of theirs was damaged.

    A stage makes what is damaged when it begins.  This is for what a later stage finds, such as a
    map, or a file that was removed meanwhile.
    """
    for _ in range(_MENDED):
        try:
            return stages()
        except DamagedError as error:
            progress.warn(f"{error}; it is made again")
            if isinstance(error, DamagedMapError | AbsentMapError):
                # Where one is, more may be, as after a power cut: all of them in one round.
                for data in work.data:
                    work.store(data).damaged()
    return stages()


def _stages(
    work: Workspace, openers: Mapping[str, Opener], progress: Progress, until: Stage
) -> Path:
    explained = _explain(work, openers, progress)
    if until == "explain":
        return work.folder / "maps"
    work, judged, scored = _measure(work, explained, progress)
    if until == "score":
        return work.folder / "scores"
    compared = compare_maps(work, judged, openers, progress)
    if until == "trust":
        return work.folder / "trust"
    measured = measure_maps(work, judged, openers, progress)
    if until == "fidelity":
        return work.folder / "fidelity"
    written = read_back(work, judged, scored, compared, measured)

    def report(*_: str) -> None:
        write_report(work, judged, written, progress)
        finish(work.folder, written.digests, [_member(outcome) for outcome in judged])
        if work.experiment.explain.keep == "none":
            work.settle()

    if work.leases is None:
        report()
    else:
        complete(
            ["report"],
            name=str,
            is_done=lambda _: is_finished(work.folder),
            read=str,
            write=report,
            progress=Silent(),
            leases=work.leases,
        )
    return work.folder / PAGE


def _member(outcome: Judged) -> dict[str, Any]:
    """What whoever reads the folder must know of a model to find its maps and lay them out."""
    return {
        "data": outcome.data,
        "model": outcome.model,
        "member": outcome.member,
        "id": outcome.id.at_rest(),
        "geometry": geometries.spec(geometry_of(outcome)),
    }


def _measure(
    work: Workspace, explained: Sequence[Judged], progress: Progress
) -> tuple[Workspace, list[Judged], list[str]]:
    """Tune and score.

    Returns:
        The experiment with the tuned values, every model and data set, and the names of the units
        of scores.
    """
    tuning = [outcome for outcome in explained if outcome.assignment.role == "tunes"]
    work = _tuned(work, tuning, progress)
    # Maps of tuning films have done their work; without methods, no later stage asks for them.
    judged = [
        replace(outcome, methods=()) if outcome.assignment.role == "tunes" else outcome
        for outcome in explained
    ]
    return work, judged, _score(work, judged, progress)


def _openers(work: Workspace, trained: Mapping[str, Path]) -> dict[str, Opener]:
    """What opens each model, by its name.

    Args:
        work: The experiment.
        trained: Folders of the models that were trained here, by name.
    """
    device = device_named(work.experiment.explain.device)
    return {
        entry.name: partial(_opened, work, entry, trained.get(entry.name), device)
        for entry in work.experiment.models
    }


def _opened(
    work: Workspace, entry: ModelEntry, trained: Path | None, device: torch.device
) -> tuple[AnyModel, ModelCard, Path | None]:
    """What ``open_model`` returns, with the model on a device; one in memory stays where it is."""
    model, card, folder = open_model(work.experiment.folder, entry, work.data, trained)
    return model if entry.in_memory else model.to(device), card, folder


def _train(work: Workspace, progress: Progress) -> tuple[dict[str, Path], bool]:
    """Train models and choose ensembles.

    Returns:
        Folders of the models by name, and whether this process only helped another to train them:
        then the other goes on with the run, and this one ends.
    """
    entries = [entry for entry in work.experiment.models if entry.made_here]
    if not entries:
        return {}, False
    # Imported here, since Lightning takes seconds; see ``_check_plans``.
    from heatproof.preparation.ensemble import choose_members, ensemble_folder, is_chosen
    from heatproof.preparation.folders import trained_folder
    from heatproof.preparation.training import is_trained, train_model
    from heatproof.train.processes import is_first

    def make(entry: ModelEntry, _: ModelEntry) -> None:
        if entry.ensemble:
            choose_members(work, entry)
        else:
            train_model(work, entry, progress)

    progress.start("train", len(entries))
    for together in _waves(entries):
        complete(
            together,
            name=lambda entry: f"model {entry.name}",
            is_done=lambda entry: (is_chosen if entry.ensemble else is_trained)(work, entry),
            read=lambda entry: entry,
            write=make,
            progress=progress,
            leases=work.leases,
        )
    progress.finish()
    folders = {
        entry.name: (ensemble_folder if entry.ensemble else trained_folder)(work, entry)
        for entry in entries
    }
    return folders, not is_first()


def _waves(entries: Sequence[ModelEntry]) -> Iterator[list[ModelEntry]]:
    """Models that are made here, in groups: each needs models of earlier groups alone."""
    left = {entry.name: entry for entry in entries}
    while left:
        # What a model needs stands before it in the experiment, so one of them needs nothing left.
        ready = [entry for entry in left.values() if not left.keys() & set(_needed(entry))]
        yield ready
        for entry in ready:
            del left[entry.name]


def _needed(entry: ModelEntry) -> list[str]:
    """The models that must be there before this one is made."""
    if entry.ensemble:
        return list(entry.ensemble.of)
    return [entry.training.start] if entry.training and entry.training.start else []


def _explain(work: Workspace, openers: Mapping[str, Opener], progress: Progress) -> list[Judged]:
    """Explain the films of every model and import maps; returns what came of each assignment."""
    work.clean()
    judged = []
    count = sum(-(-len(assignment.samples) // BLOCK) for assignment in work.assignments)
    progress.start("explain", count + len(work.experiment.maps))
    for name, opener in openers.items():  # one model in memory at a time
        assigned = [assignment for assignment in work.assignments if assignment.member == name]
        if not assigned:
            continue  # only other models start from it, or an ensemble is chosen from it
        model, card, folder = opener()
        # Models of equal weights may differ in preprocessing or code, and so in their maps.
        card = identified(model, card)
        # An experiment that says nothing of trust tells why it does not ask, too.
        asked = work.randomizes or work.experiment.asks_by_default
        undrawn = why_undrawn(model) if asked else ""
        sees = offset(model) if isinstance(model, Model) and looks_at_features(work) else None
        for assignment in assigned:
            blocks = blocks_of(assignment, card, work.experiment.explain.precision)
            methods = methods_of(work, model) if assignment.explained else ()
            told = Judged(assignment, card.id, card, blocks, methods, folder, undrawn, sees)
            passing = (
                Passing(work, told) if methods and work.experiment.explain.keep != "all" else None
            )
            explain_films(work, model, blocks, progress, passing)
            judged.append(told)
    for entry in work.experiment.maps:
        blocks = import_maps(work, entry, progress)
        methods = (entry.method,)
        first, canvas = blocks[0], canvas_of(entry)
        judged.append(
            Judged(
                first.assignment, first.id, None, blocks, methods, undrawn=IMPORTED, canvas=canvas
            )
        )
    progress.finish()
    return judged


def _tuned(work: Workspace, tuning: Sequence[Judged], progress: Progress) -> Workspace:
    """The experiment with a value for all that metrics leave open."""
    candidates = candidates_of(work.metrics)
    if not candidates or not tuning:
        return work
    scores, predictions = try_candidates(work, tuning, candidates, progress)
    films = Films.of({tuning[0].data: tuning[0].films.samples})
    chosen = choices(candidates, work.metrics, scores, predictions, films)
    return replace(work, tuned=tuple(chosen))


def _score(work: Workspace, judged: Sequence[Judged], progress: Progress) -> list[str]:
    """Names of the units of scores, of methods and of controls."""
    to_score = [maps for outcome in judged for maps in maps_of(work, outcome)]
    # The controls of a data set serve all models that judge it, so they are made once.
    for data in dict.fromkeys(outcome.data for outcome in judged if outcome.methods):
        to_score += control_maps(work, work.data[data], judged)
    progress.start("score", len(to_score))
    names = score(work, to_score, progress)
    progress.finish()
    return names
