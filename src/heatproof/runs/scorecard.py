"""The scorecard of a run, from the tables that it wrote."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from heatproof.analysis.fidelity import Fidelity, fidelity_of_methods
from heatproof.analysis.intervals import Intervals
from heatproof.analysis.scorecard import Place, Scorecard, Sources, WithMap, scorecard
from heatproof.disk import write_whole
from heatproof.errors import ExperimentError
from heatproof.fidelity.metrics import fidelities
from heatproof.report.scorecard import ScorecardContent, as_json, as_pdf, page
from heatproof.runs.folder import Run
from heatproof.tables.comparisons import Comparisons
from heatproof.tables.estimates import Estimates
from heatproof.tables.fidelity import FidelityOfMaps
from heatproof.tables.films import Films
from heatproof.tables.scores import Scores
from heatproof.tables.verdicts import Verdicts

NAME = "scorecard"  # of its files


@dataclass(frozen=True, repr=False)
class RunScorecard:
    """What a run says of its methods by consistency, plausibility, fidelity and usefulness.

    Attributes:
        card: The cards.
        content: The cards with what the pages say of the run.
    """

    card: Scorecard
    content: ScorecardContent

    @property
    def json(self) -> str:
        """The cards for programs."""
        return as_json(self.content)

    def write(self, folder: Path) -> list[Path]:
        """Write ``scorecard.html``, ``scorecard.pdf`` and ``scorecard.json`` into a folder."""
        made: dict[str, str | bytes] = {
            "html": page(self.content),
            "pdf": as_pdf(self.content),
            "json": self.json,
        }
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for ending, content in made.items():
            files.append(folder / f"{NAME}.{ending}")
            write_whole(files[-1], content)
        return files

    def _repr_html_(self) -> str:
        return page(self.content)


def scorecard_of(run: Run, reading: Sequence[WithMap] = ()) -> RunScorecard:
    """The scorecard of a finished run.

    Args:
        run: The run.
        reading: What readers gained with its maps (``heatproof.reading.gains.gains``).

    Raises:
        ExperimentError: The run is not finished, or a table of it is damaged.
        SpecError: A metric of fidelity is of a package that is not installed.
    """
    if run.state != "finished":
        raise ExperimentError(
            f"{run.folder} is {run.state}, and not finished: give the command of the run again,"
            " which goes on where it was"
        )
    asked: Mapping[str, Any] = run.about.get("asked", {})
    sources = Sources(
        verdicts=_table(run, Verdicts),
        estimates=_table(run, Estimates),
        comparisons=_table(run, Comparisons),
        fidelity=tuple(_fidelity(run, asked)),
        reading=reading,
        findings=_findings(run),
        metric=_metric(asked),
        made=tuple(_made(run, asked)),
    )
    card = scorecard(sources)
    version = str((run.about.get("versions") or {}).get("heatproof", ""))
    return RunScorecard(
        card, ScorecardContent(run.name, str(run.about.get("finished") or ""), version, card)
    )


def _table(run: Run, kind: Any) -> Any:
    return run[kind.name] if kind.name in run.tables else kind.of_rows([])


def _metric(asked: Mapping[str, Any]) -> str:
    """The metric that the report ranks by, or the first."""
    metrics = asked.get("score", {}).get("metrics") or [""]
    return str(asked.get("report", {}).get("rank_by") or metrics[0])


def _fidelity(run: Run, asked: Mapping[str, Any]) -> Iterator[Fidelity]:
    rows: FidelityOfMaps = _table(run, FidelityOfMaps)
    known = {name: asked["statistics"][name] for name in ("by", "level", "min_positives")
             if name in asked.get("statistics", {})}  # fmt: skip
    specs = rows.frame["metric"].unique(maintain_order=True)
    metrics = {str(spec): fidelities.parse(str(spec)) for spec in specs}
    yield from fidelity_of_methods(rows, metrics, Intervals(**known))


def _made(run: Run, asked: Mapping[str, Any]) -> Iterator[Place]:
    """The maps that were scored, and those in the store of data sets that are judged."""
    columns = ("data", "model", "finding", "method")
    scored: Scores = _table(run, Scores)
    seen = scored.of_models().frame.select(columns).unique(maintain_order=True)
    tuning = [one["name"] for one in asked.get("data", ()) if not one.get("judged", True)]
    kept = run.maps.filter(~pl.col("data").is_in(tuning)).select(columns)
    yield from dict.fromkeys((*seen.iter_rows(), *kept.unique(maintain_order=True).iter_rows()))


def _findings(run: Run) -> dict[tuple[str, str], str]:
    """The finding, by data set and the name that estimates of the counting reader have."""
    scores: Scores = _table(run, Scores)
    films: Films = _table(run, Films)
    counting = films.counting().readers
    found = {}
    for (data, finding), rows in scores.by("data", "finding"):
        several = rows.frame["reader"].n_unique() > 1
        name = f"{finding} ({counting.get((data, finding))})" if several else str(finding)
        found[str(data), name] = str(finding)
    return found
