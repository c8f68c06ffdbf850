"""Tables of whether maps are true to the model."""

from heatproof.analysis.fidelity import Fidelity
from heatproof.report.content import Content
from heatproof.report.names import method_names
from heatproof.report.paper.table import PaperColumn, PaperTable
from heatproof.types import Estimate


def fidelity_table(content: Content) -> PaperTable[Fidelity]:
    """What each metric of fidelity says of each method, beside chance."""
    methods = method_names(content)
    return PaperTable[Fidelity](
        "fidelity",
        "Fidelity of maps to the model",
        (
            PaperColumn("Data set", lambda row: row.dataset),
            PaperColumn("Model", lambda row: row.model),
            PaperColumn("Finding", lambda row: row.finding),
            PaperColumn("Metric", lambda row: row.metric),
            PaperColumn("Method", lambda row: methods[row.method]),
            PaperColumn("Value", lambda row: row.value, Estimate),
            PaperColumn("Truer is", lambda row: row.better),
            PaperColumn("Truer than chance by", lambda row: row.gain, Estimate, signed=True),
            PaperColumn("Films on which truer than chance", lambda row: row.wins, Estimate),
            PaperColumn("AUROC of the metric", _reliability),
            PaperColumn("Films", lambda row: row.value.cases, int),
        ),
        content.fidelity,
    )


def _reliability(row: Fidelity) -> str:
    return "not measured" if row.reliability is None else str(row.reliability)
