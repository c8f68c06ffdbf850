"""``heatproof check``: whether an experiment can run, what it can conclude, and what it takes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from heatproof.cli.terminal import escape, table

if TYPE_CHECKING:
    from heatproof.experiment.workspace import Workspace
    from heatproof.run.costs import Costs

ExperimentFile = Annotated[
    Path, typer.Argument(metavar="EXPERIMENT.toml", help="What to judge, and how.")
]


def check(experiment: ExperimentFile) -> None:
    """Say whether an experiment can run, and what it would set aside; change no result.

    Reads the file, the headers of all films and the annotations, and tells every mistake at once.
    Then it tries every model on films of noise and on up to 16 real ones, of which it draws a
    contact sheet as the network sees them, and says what the experiment will be able to conclude,
    what not and why, and what it takes in time and on disk.
    """
    from heatproof.experiment.early import check_early

    opened = check_early(experiment)  # before torch is imported, which takes seconds
    from heatproof.experiment.file import load
    from heatproof.experiment.workspace import open_workspace
    from heatproof.run.costs import costs
    from heatproof.run.pipeline import check_experiment as try_all
    from heatproof.words import count

    described = load(experiment)
    work = open_workspace(described, opened)
    try_all(work)
    out = Console()
    listed = table("data", "films", "patients", "findings", "annotated films")
    for name, films in work.data.items():
        patients = {sample.patient_id for sample in films.samples}
        listed.add_row(
            escape(name),
            str(len(films.samples)),
            "unknown" if None in patients else str(len(patients)),
            escape(", ".join(films.findings)),
            str(sum(bool(sample.annotations) for sample in films.samples)),
        )
    out.print(listed)
    for assignment in work.assignments:
        films_seen = f"{len(assignment.samples)} films of {assignment.data}"
        out.print(escape(f"{assignment.model} judges {films_seen}"))
    for maps in described.maps:
        out.print(escape(f"{maps.name}: maps of {maps.data}, from {maps.folder}"))
    for name, films in work.data.items():
        for image_id, reason in {**films.missing, **films.damaged}.items():
            out.print(escape(f"{name}: {image_id} will be set aside: {reason}"))
        for place, reason in films.marks:
            out.print(escape(f"{name}: {place}: a mark will be set aside: {reason}"))
    warned = _tell_handshakes(out, work)
    _tell_costs(out, costs(work))
    _tell_prospects(out, work)
    out.print(f"It can run; {count(warned, 'warning')} above." if warned else "It can run.")


def _tell_handshakes(out: Console, work: "Workspace") -> int:
    """What each network saw and said of a few films; returns the number of warnings."""
    from heatproof.run.glance import MOST, SECONDS
    from heatproof.run.handshake import handshakes
    from heatproof.words import count, number

    warned = 0
    out.print(f"Each model looks at up to {MOST} films, for {SECONDS:.0f} seconds at most.")
    for shake in handshakes(work):
        films = count(len(shake.glance.seen), "film")
        aurocs = ", ".join(f"{name} {number(auroc)}" for name, auroc in shake.glance.aurocs.items())
        rough = f", rough AUROC: {aurocs}" if aurocs else ""
        out.print(escape(f"{shake.model} saw {films}{rough}. As it saw them:"))
        out.print(escape(str(shake.sheet)), soft_wrap=True)
        for warning in shake.glance.warnings:
            out.print(
                f"[yellow]Warning:[/] {escape(f'{shake.model}: {warning}.')}".replace("?.", "?")
            )
        warned += len(shake.glance.warnings)
    return warned


def _tell_prospects(out: Console, work: "Workspace") -> None:
    from heatproof.run.prospects import prospects

    known = prospects(work)
    for title, texts in (("It will tell:", known.can), ("It cannot tell:", known.cannot)):
        if texts:
            out.print(f"[bold]{title}[/]")
        for text in texts:
            out.print(escape(f"- {text}"), highlight=False)


def _tell_costs(out: Console, expected: "Costs") -> None:
    from heatproof.words import size

    if not expected.explaining.films:
        return  # maps are imported, or made by localizers
    disk = expected.explaining.stored
    kept = f", up to {size(disk)} on disk" if disk else ""
    out.print(escape(f"Explaining: {expected.explaining}{kept}"))
    for spec, again in expected.trust.items():
        out.print(escape(f"Trust, {spec}: {again} more"))
    if expected.trust:
        out.print(escape("[trust] images = ... makes that less, and trust = false spares it."))
