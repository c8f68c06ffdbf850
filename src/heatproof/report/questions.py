"""What an experiment asks of its tables: what is reported and compared, with which intervals."""

from collections.abc import Sequence

from heatproof.analysis.analyse import Questions, Tables
from heatproof.analysis.classification import Calls, with_thresholds
from heatproof.analysis.intervals import Intervals
from heatproof.analysis.verdicts import Asked, Network
from heatproof.experiment.file import Experiment
from heatproof.experiment.workspace import Workspace
from heatproof.report.facts.parts import similarity_names
from heatproof.stages.blocks import Judged
from heatproof.stages.written import Written
from heatproof.trust.criteria import wording


def tables_of(experiment: Experiment, written: Written) -> Tables:
    """The tables that are analysed: what the stages wrote, and the calls that follow from it."""
    return Tables(
        films=written.films,
        predictions=written.predictions,
        called=with_thresholds(written.predictions, written.films, calls_of(experiment)),
        scores=written.scores,
        shapes=written.shapes,
        structures=written.structures,
        pairs=written.pairs,
        fidelity=written.fidelity,
    )


def questions_of(work: Workspace, judged: Sequence[Judged]) -> Questions:
    """What the experiment asks of its tables."""
    experiment = work.experiment
    # Metadata that assign films to members would look like groups of patients otherwise.
    folds = (name for model in experiment.models for name in (*model.judges, *model.trained_on))
    return Questions(
        metrics=work.tuned_metrics,
        judged={(record.data, record.model) for record in judged if record.methods},
        intervals=intervals_of(experiment),
        calls=calls_of(experiment),
        compare=compared_models(experiment),
        asked=asked_of(work, judged),
        rules=work.rules,
        measures=similarity_names(work.similarities, work.criteria),
        networks={
            # A head is chosen as an architecture is: two heads are no two draws of one model.
            record.member: Network(
                record.model, " ".join(filter(None, (record.id.architecture, record.id.head)))
            )
            for record in judged
        },
        folds=frozenset(folds),
        fidelities=work.fidelity_metrics,
    )


def asked_of(work: Workspace, judged: Sequence[Judged]) -> Asked:
    """What the experiment asks of trust, and of which models it cannot ask randomization."""
    experiment, trust = work.experiment, work.experiment.trust
    methods: dict[str, dict[str, None]] = {}
    left_out: dict[str, list[str]] = {}
    title = wording("randomization").title
    for record in judged:
        if record.methods:
            methods.setdefault(record.data, {}).update(dict.fromkeys(record.methods))
            if record.undrawn:
                why = f"{title} is not asked of {record.member}: {record.undrawn}."
                left_out.setdefault(record.data, []).append(why)
    return Asked(
        criteria=tuple(work.criteria),
        methods={data: tuple(names) for data, names in methods.items()},
        left_out=left_out,
        present=trust is None or trust.films == "present",
        images=trust.images if trust else None,
        # Rules of other packages need not judge localization by a metric.
        metric=next((getattr(rule, "metric", "") for rule in work.rules.values()), ""),
        by_default=experiment.asks_by_default,
        refused=trust is None and not experiment.asks_by_default,
    )


def intervals_of(experiment: Experiment) -> Intervals:
    """How the experiment wants its intervals."""
    statistics = experiment.statistics
    return Intervals(
        by=statistics.by,
        resamples=statistics.resamples,
        level=statistics.level,
        seed=statistics.seed,
        min_positives=statistics.min_positives,
        margin=statistics.margin,
        family=statistics.family,
    )


def calls_of(experiment: Experiment) -> Calls:
    """How films are called positive: on which data, and by what, the threshold is chosen."""
    settings = experiment.classification
    seed = experiment.statistics.seed
    return Calls(settings.validation, settings.sensitivity, settings.by, seed)


def compared_models(experiment: Experiment) -> list[tuple[str, str]]:
    """Models that are compared: those declared, and each ensemble with its best checkpoint.

    An ensemble is compared with the single best checkpoint of the same trainings, where the
    experiment has both, because that is what an ensemble has to beat.
    """
    ensembles = [(model, model.ensemble) for model in experiment.models if model.ensemble]
    with_best = [
        (ensemble.group or ensemble.name, single.group or single.name)
        for ensemble, pool in ensembles
        for single, pool_of_single in ensembles
        if pool.best > pool_of_single.best == 1 and pool.of == pool_of_single.of
    ]
    declared = [(first, second) for first, second in experiment.statistics.compare]
    # A pair that is declared may also follow from the ensembles; it is compared once.
    return list(dict.fromkeys([*declared, *with_best]))
