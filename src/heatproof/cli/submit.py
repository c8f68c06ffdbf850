"""``heatproof submit``: workers of a run on a cluster."""

from pathlib import Path
from typing import Annotated, Any

import typer

from heatproof.cli.check import ExperimentFile
from heatproof.cli.terminal import console
from heatproof.errors import ExperimentError

_MINUTES = {"m": 1, "h": 60, "d": 1440}


def submit(  # noqa: PLR0917  typer gives them by name
    experiment: ExperimentFile,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A folder that all machines see.", show_default=False),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="How many.")] = 4,
    slurm: Annotated[bool, typer.Option("--slurm", help="As a job array of Slurm.")] = False,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="As actors of a Ray cluster: auto for that of ray start, or local.",
            show_default=False,
        ),
    ] = None,
    cpus: Annotated[int, typer.Option(min=1, help="Cores of each worker.")] = 4,
    gpus: Annotated[int, typer.Option(min=0, help="GPUs of each worker.")] = 0,
    memory: Annotated[
        int | None,
        typer.Option(min=1, metavar="GB", help="Memory of each worker.", show_default=False),
    ] = None,
    time: Annotated[str, typer.Option(help="Time limit of Slurm, such as 90m, 12h or 2d.")] = "24h",
    partition: Annotated[
        str | None, typer.Option(help="Partition of Slurm.", show_default=False)
    ] = None,
    sbatch: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Further options of sbatch, such as account=lab.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run an experiment with many workers on a cluster, by Slurm or by Ray.

    Each worker does what [bold]heatproof run --worker[/bold] does. A worker whose machine is lost
    or taken away is started again, and goes on.
    """
    from heatproof.experiment.early import check_early

    if slurm is (ray is not None):
        raise ExperimentError("submit: say either --slurm or --ray ADDRESS")
    minutes, further = _minutes(time), _pairs(sbatch or [])
    check_early(experiment, films=False)
    from heatproof.experiment.file import load  # here: torch takes long to load
    from heatproof.run.clusters import LOGS, Worker, submit_to_slurm, work_on_ray

    overrides: dict[str, Any] = {} if output is None else {"output": str(output.absolute())}
    folder = load(experiment, overrides).output_folder.absolute()
    worker = Worker(experiment.absolute(), {"output": str(folder)})
    if ray is not None:
        resources = {"num_cpus": float(cpus), "num_gpus": float(gpus)}
        typer.echo(str(work_on_ray(worker, workers, ray, resources)))
        return
    options: dict[str, Any] = {"timeout_min": minutes, "cpus_per_task": cpus}
    options |= {"gpus_per_node": gpus} if gpus else {}
    options |= {"mem_gb": memory} if memory else {}
    options |= {"slurm_partition": partition} if partition else {}
    options |= {"slurm_additional_parameters": further} if further else {}
    jobs = submit_to_slurm(worker, workers, folder / LOGS, options)
    array = jobs[0].partition("_")[0]
    console.print(
        f"{workers} workers are job {array}; squeue --job {array} lists them, and what they say is"
        f" in {folder / LOGS}. The report will be"
    )
    typer.echo(str(folder / "report.html"))


def _minutes(text: str) -> int:
    number, unit = text[:-1], text[-1:]
    if unit not in _MINUTES or not number.isdigit() or not int(number):
        raise ExperimentError(
            f"--time {text}: expected a number and a unit, such as 90m, 12h or 2d"
        )
    return int(number) * _MINUTES[unit]


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        key, is_pair, value = text.partition("=")
        if not is_pair or not key:
            raise ExperimentError(f"--sbatch {text}: expected KEY=VALUE, such as account=lab")
        pairs[key] = value
    return pairs
