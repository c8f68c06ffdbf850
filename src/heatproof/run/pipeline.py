"""A run: train, explain, score, trust, report, in this order, each stage skipping what is done.

Every stage walks over blocks of films and writes one unit per block, whole or not at all.  So a run
that is killed and started again does what was left, and ends with the same report.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import torch

from heatproof.analysis.choices import choices
from heatproof.errors import ExperimentError
from heatproof.experiment.file import Experiment
from heatproof.experiment.model import Model
from heatproof.experiment.workspace import Workspace, open_workspace
from heatproof.localize.tuned import candidates_of
from heatproof.models.card import ModelCard
from heatproof.models.devices import device_named, repeatable, within_memory
from heatproof.preparation.opening import AnyModel, Opener, check_model, identified, open_model
from heatproof.progress import Progress, Silent
from heatproof.report.writing import write_report
from heatproof.stages.blocks import BLOCK, Judged, blocks_of
from heatproof.stages.control_maps import control_tasks
from heatproof.stages.explanation import explain_films, methods_of
from heatproof.stages.framing import geometry_of
from heatproof.stages.imported_maps import import_blocks, import_maps
from heatproof.stages.scoring import Task, block_task, score
from heatproof.stages.trust import check_pairs, trust
from heatproof.stages.tuning import try_candidates
from heatproof.tables.films import Films
from heatproof.types import ModelId

Stage = Literal["train", "explain", "score", "trust", "report"]
STAGES: tuple[Stage, ...] = get_args(Stage)


def run(experiment: Experiment, until: Stage = "report", progress: Progress | None = None) -> Path:
    """Run an experiment up to a stage; returns the report, or the folder of its results.

    Raises:
        HeatproofError: The experiment cannot be run as described; nothing that was done is lost.
    """
    if until == "train" and not any(model.training for model in experiment.models):
        raise ExperimentError(
            f"{experiment.file_name} trains nothing: none of its models has [models.training]"
        )
    progress = progress or Silent()
    progress.start("check", 1)
    work = open_workspace(experiment)
    check(work)
    _make(work.folder)
    progress.advance()
    progress.finish()
    trained, others_end = _train(work, progress)
    if until == "train" or others_end:
        return work.folder / "models"
    device = device_named(experiment.explain.device)
    openers = {
        model.name: partial(
            _opened_on,
            device,
            partial(open_model, experiment, model, work.data, trained.get(model.name)),
        )
        for model in experiment.models
    }
    return run_stages(work, openers, progress, until)


def check(work: Workspace) -> None:
    """Try whatever the experiment brings: a mistake in the last is found before work starts.

    Raises:
        HeatproofError: A model, its training or imported maps are not as described, or a criterion
            of trust will find no models to compare.
    """
    ids = {}
    for entry in work.experiment.maps:
        import_blocks(work, entry)
        ids[entry.name] = ModelId(**entry.id.model_dump())
    models = work.experiment.models
    if any(model.made_here for model in models):
        ids |= _check_plans(work, [model for model in models if model.made_here])
    for model in models:
        if not model.made_here:
            ids[model.name] = check_model(
                work.experiment, work.judgings, model, work.data, work.methods
            )
    check_pairs(work, ids)


def _check_plans(work: Workspace, models: Sequence[Model]) -> dict[str, ModelId]:
    # Lightning takes seconds to import, which runs that train nothing need not wait for.
    from heatproof.preparation.ensemble import check_pool, pool_id
    from heatproof.preparation.plan import trained_id
    from heatproof.preparation.plan_checks import check_plan, check_processes, check_taught

    for model in models:
        (check_pool if model.ensemble else check_plan)(work, model)
    trained = [model for model in models if model.training]
    check_processes(trained)
    check_taught(work, trained)
    return {
        model.name: pool_id(work, model) if model.ensemble else trained_id(model)
        for model in models
    }


@repeatable()
@within_memory("Say [explain] memory, such as '4GB', or device = 'cpu'; what was made is kept")
def run_stages(
    work: Workspace, openers: Mapping[str, Opener], progress: Progress, until: Stage = "report"
) -> Path:
    """The stages after training, with the models at hand."""
    explained = _explain(work, openers, progress)
    if until == "explain":
        return work.folder / "maps"
    work = _tuned(work, [one for one in explained if one.judging.tunes], progress)
    judged = [replace(one, methods=()) if one.judging.tunes else one for one in explained]
    tasks = _score(work, judged, progress)
    if until == "score":
        return work.folder / "scores"
    trusted = trust(work, judged, openers, progress)
    if until == "trust":
        return work.folder / "trust"
    return write_report(work, judged, [task.name for task in tasks], trusted, progress)


def _tuned(work: Workspace, tuning: Sequence[Judged], progress: Progress) -> Workspace:
    """The experiment with every choice made; itself where nothing is to be tuned."""
    candidates = candidates_of(work.metrics)
    if not candidates or not tuning:
        return work
    scores, predictions = try_candidates(work, tuning, candidates, progress)
    data = tuning[0].judging.films
    films = Films.of({data.name: data.samples})
    chosen = choices(candidates, work.metrics, scores, predictions, films)
    return replace(work, tuned=tuple(chosen))


def _opened_on(device: torch.device, opener: Opener) -> tuple[AnyModel, ModelCard, Path | None]:
    model, card, folder = opener()
    return model.to(device), card, folder


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExperimentError(
            f"cannot write to {folder}: {error}; choose another folder with output = ... or -o"
        ) from error


def _train(work: Workspace, progress: Progress) -> tuple[dict[str, Path], bool]:
    """Folders of the models that are made here, by name; and whether this process only helped."""
    models = [model for model in work.experiment.models if model.made_here]
    if not models:
        return {}, False
    from heatproof.preparation.ensemble import make_ensemble
    from heatproof.preparation.training import train_model
    from heatproof.train.processes import is_first

    progress.start("train", len(models))
    folders = {
        model.name: (make_ensemble if model.ensemble else train_model)(work, model, progress)
        for model in models
    }
    progress.finish()
    return folders, not is_first()


def _explain(work: Workspace, openers: Mapping[str, Opener], progress: Progress) -> list[Judged]:
    judged = []
    units = sum(-(-len(judging.samples) // BLOCK) for judging in work.judgings)
    progress.start("explain", units + len(work.experiment.maps))
    for name, opener in openers.items():  # one model in memory at a time
        own = [judging for judging in work.judgings if judging.model == name]
        if not own:
            continue  # it is there for others that start from it, or for an ensemble
        model, card, folder = opener()
        card = identified(model, card)
        for judging in own:
            blocks = blocks_of(judging, card)
            explain_films(work, model, blocks, progress)
            methods = methods_of(work, model) if judging.explained else ()
            judged.append(Judged(judging, card.id, card, blocks, methods, folder))
    for entry in work.experiment.maps:
        brought = import_maps(work, entry, progress)
        judged.append(Judged(brought[0].judging, brought[0].id, None, brought, (entry.method,)))
    progress.finish()
    return judged


def _score(work: Workspace, judged: Sequence[Judged], progress: Progress) -> list[Task]:
    tasks = []
    for one in judged:
        geometry = geometry_of(one)
        tasks += [
            block_task(work, block, method, geometry)
            for method in one.methods
            for block in one.blocks
        ]
    for name in dict.fromkeys(one.judging.films.name for one in judged if one.methods):
        tasks += control_tasks(work, work.data[name], judged)
    progress.start("score", len(tasks))
    score(work, tasks, progress)
    progress.finish()
    return tasks
