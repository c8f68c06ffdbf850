"""The names that a report shows for methods and metrics, and those of its files."""

from heatproof.report.content import Content, MetricText

_LONGEST = 180  # letters of a file name: file systems take 255, with number and extension


class Names(dict[str, str]):
    """Spec to name; a spec without a name is its own name."""

    def __missing__(self, spec: str) -> str:
        return spec


def method_names(content: Content) -> Names:
    """Spec of a method to its name, or to the spec itself where two methods share the name."""
    names = [method.name for method in content.methods]
    return Names({m.spec: m.name for m in content.methods if names.count(m.name) == 1})


def metric_names(content: Content) -> Names:
    """Spec of a metric to its name."""
    return Names({metric.spec: metric.name for metric in content.metrics})


def described_metrics(content: Content) -> dict[str, MetricText]:
    """Spec of every metric in use to its text; the name of a metric without a text is its spec."""
    described = {metric.spec: metric for metric in content.metrics}
    used = dict.fromkeys(panel.metric for panel in content.localization)
    return described | {s: MetricText(s, s, "", "") for s in used if s not in described}


def file_name(*parts: str) -> str:
    """The name of a figure's file: letters, digits and hyphens, short enough for file systems."""
    letters = "".join(
        c if c.isascii() and c.isalnum() else " " for c in " ".join(filter(None, parts))
    )
    # The cut may end on a hyphen.
    return "-".join(letters.lower().split())[:_LONGEST].rstrip("-")
