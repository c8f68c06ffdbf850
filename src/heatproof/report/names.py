"""What methods, metrics and figures are called."""

from heatproof.report.content import Content
from heatproof.report.described import Metric


def method_names(content: Content) -> dict[str, str]:
    """Spec to the name shown: the method's own, or the spec where two share that name."""
    names = [method.name for method in content.methods]
    return {m.spec: m.name if names.count(m.name) == 1 else m.spec for m in content.methods}


LONGEST = 180  # letters of a file name, of the 255 that file systems take


def described_metrics(content: Content) -> dict[str, Metric]:
    """Spec to metric; one that is not described is called by its spec."""
    described = {metric.spec: metric for metric in content.metrics}
    used = dict.fromkeys(panel.metric for panel in content.localization)
    return described | {s: Metric(s, s, "", "") for s in used if s not in described}


def metric_names(content: Content) -> dict[str, str]:
    """Spec of a metric to what it is called."""
    return {spec: metric.name for spec, metric in described_metrics(content).items()}


def file_name(*parts: str) -> str:
    """Of a figure: letters, digits and hyphens, not longer than file systems take."""
    letters = "".join(
        c if c.isascii() and c.isalnum() else " " for c in " ".join(filter(None, parts))
    )
    return "-".join(letters.lower().split())[:LONGEST].rstrip("-")
