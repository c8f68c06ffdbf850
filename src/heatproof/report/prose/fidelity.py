"""In words: which methods are true to the model, and which metrics should not be believed."""

from collections.abc import Iterator

from heatproof import words
from heatproof.analysis.fidelity import Fidelity
from heatproof.fidelity.metrics import FidelityMetric, fidelities
from heatproof.fidelity.truth import DOUBTED, reliability
from heatproof.report.content import Content
from heatproof.report.names import method_names


def fidelity_sentences(content: Content) -> Iterator[str]:
    """For each method, data set, model and finding: by how many metrics it is truer."""
    methods = method_names(content)
    groups: dict[tuple[str, str, str, str], list[Fidelity]] = {}
    for record in content.fidelity:
        if record.gain is not None:
            key = (record.dataset, record.model, record.finding, record.method)
            groups.setdefault(key, []).append(record)
    for (dataset, model, finding, method), records in groups.items():
        truer = [one for one in records if one.gain is not None and one.gain.low > 0]
        falser = [one for one in records if one.gain is not None and one.gain.high < 0]
        less = f" and less true by {len(falser)}" if falser else ""
        yield (
            f"{methods[method]}, for {finding} by {model} on {dataset}: truer than chance by"
            f" {len(truer)} of {words.count(len(records), 'metric')}{less}."
        )


def doubted_metrics(content: Content) -> list[str]:
    """Sentences about metrics that often cannot tell which of two maps is truer."""
    used = dict.fromkeys(record.metric for record in content.fidelity)
    found = {spec: reliability(spec) for spec in used}
    return [
        f"{spec} should not decide: where the truth is known, it tells which of two maps is truer"
        f" with an AUROC of {told}; a coin has 0.50."
        for spec, told in found.items()
        if told is not None and told.auroc < DOUBTED
    ]


def fidelity_metrics(content: Content) -> list[tuple[str, FidelityMetric]]:
    """The metrics in use, by spec."""
    return [
        (spec, fidelities.parse(spec))
        for spec in dict.fromkeys(record.metric for record in content.fidelity)
    ]
