"""Checklists as tables."""

from heatproof.report.content import Content
from heatproof.report.paper.table import PaperColumn, PaperTable
from heatproof.report.prose.checklists import Item, claim, tripod_ai


def claim_table(content: Content) -> PaperTable[Item]:
    """CLAIM 2024, filled from the run."""
    return PaperTable[Item]("claim", "CLAIM 2024", _columns(), claim(content))


def tripod_table(content: Content) -> PaperTable[Item]:
    """TRIPOD+AI, filled from the run."""
    return PaperTable[Item]("tripod", "TRIPOD+AI", _columns(), tripod_ai(content))


def _columns() -> tuple[PaperColumn[Item], ...]:
    return (
        PaperColumn("Item", lambda row: row.number),
        PaperColumn("Topic", lambda row: row.topic),
        PaperColumn("Filled", lambda row: row.filled.value),
        PaperColumn("From the run", lambda row: row.says),
    )
