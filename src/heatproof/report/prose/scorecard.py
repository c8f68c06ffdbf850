"""The scorecard in words: what each aspect asks, what was found, what would measure the rest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan

from heatproof import words
from heatproof.analysis.scorecard import Aspect, Card, Entry, Evidence, Kind, Scorecard
from heatproof.fidelity.truth import DOUBTED
from heatproof.types import Outcome

SOURCE = (
    "Lago, Zamzmi, Eich and Delfino, Bioengineering 2026, 13(1):111,"
    " doi:10.3390/bioengineering13010111"
)
QUESTIONS = {
    Aspect.CONSISTENCY: "Does the map stay as it is for similar inputs?",
    Aspect.PLAUSIBILITY: "Is it near what readers marked?",
    Aspect.FIDELITY: "Does it say what the model does?",
    Aspect.USEFULNESS: "Are readers better with it?",
}
SIGNS = {
    Outcome.PASS: "\N{CHECK MARK}",
    Outcome.FAIL: "\N{MULTIPLICATION X}",
    Outcome.INCONCLUSIVE: "?",
    Outcome.NOT_TESTED: "\N{EN DASH}",
}
OUTCOMES = {
    Outcome.PASS: "pass",
    Outcome.FAIL: "fail",
    Outcome.INCONCLUSIVE: "inconclusive",
    Outcome.NOT_TESTED: "not measured",
}
BESIDE = {
    Kind.TRUST: "trust grid",
    Kind.PRIOR: "minus the location prior",
    Kind.READERS: "beside readers",
    Kind.CHANCE: "beside shuffled maps",
    Kind.WITHOUT: "minus reading without a map",
}
_MEASURED_BY = {
    Aspect.CONSISTENCY: 'criteria = ["repeatability", "flip", "input_noise"] under [trust] of the'
    " experiment file asks it",
    Aspect.PLAUSIBILITY: "nothing was marked on these films; annotations under [[data]] of the"
    " experiment file names files of marks",
    Aspect.FIDELITY: "metrics = [\"infidelity(infill='black')\"] under [fidelity] of the"
    " experiment file asks it",
    Aspect.USEFULNESS: "no reader study was given; heatproof scorecard RUN --readers STUDY.toml"
    " takes one",
}


@dataclass(frozen=True)
class Heading:
    """The cards of one data set and finding."""

    dataset: str
    finding: str
    cards: tuple[Card, ...]

    @property
    def title(self) -> str:
        """In words."""
        return f"{self.finding} on {self.dataset}"

    @property
    def models(self) -> int:
        """How many models the cards are about."""
        return len({card.model for card in self.cards})


def headings(card: Scorecard) -> list[Heading]:
    """The cards by data set and finding, in their order."""
    found: dict[tuple[str, str], list[Card]] = {}
    for one in card.cards:
        found.setdefault((one.dataset, one.finding), []).append(one)
    return [Heading(*place, tuple(cards)) for place, cards in found.items()]


def title(card: Card) -> str:
    """Method and model of a card."""
    return f"{card.method} of {card.model}" if card.model else card.method


def statement(entry: Entry) -> str:
    """What an aspect rests on, in a sentence or two; or what would measure it."""
    if not entry.evidence:
        return f"Not measured: {_MEASURED_BY[entry.aspect]}."
    deciding = [one for one in entry.evidence if one.decides]
    beside = [one for one in entry.evidence if not one.decides]
    return " ".join((*_by_outcome(deciding), *_beside(entry, deciding, beside)))


def _by_outcome(deciding: Sequence[Evidence]) -> Iterator[str]:
    for outcome, word in OUTCOMES.items():
        named = dict.fromkeys(_name(one) for one in deciding if one.outcome is outcome)
        if named:
            yield f"{words.sentence(word)}: {words.listed(named)}."


def _beside(
    entry: Entry, deciding: Sequence[Evidence], beside: Sequence[Evidence]
) -> Iterator[str]:
    readers = [one for one in beside if one.kind is Kind.READERS]
    for outcome, word in OUTCOMES.items():
        named = dict.fromkeys(one.measure for one in readers if one.outcome is outcome)
        if named:
            yield f"Beside readers, which decides nothing: {word} by {words.listed(named)}."
    if entry.aspect is Aspect.FIDELITY and (
        doubted := [o for o in beside if o.kind is Kind.CHANCE]
    ):
        what = words.count(len(doubted), "metric")
        verb = "decides" if len(doubted) == 1 else "decide"
        yield f"{words.sentence(what)} beside, not known to tell the truer map, {verb} nothing."
    if entry.aspect is Aspect.FIDELITY and not any(o.kind is Kind.CHANCE for o in entry.evidence):
        yield (
            "That a map changes with the model does not show that it is true to it; metrics under"
            " [fidelity] of the experiment file would."
        )
    if not deciding and entry.aspect is Aspect.PLAUSIBILITY:
        yield "The location prior was not measured."


def _name(one: Evidence) -> str:
    match one.kind:
        case Kind.TRUST if isnan(one.estimate.value):
            return one.about
        case Kind.TRUST:
            return f"{one.about} ({one.measure} {_number(one)}, passes {wanted(one)})"
        case Kind.PRIOR:
            return f"{one.measure}, {_number(one)} against the location prior{_untested(one)}"
        case Kind.CHANCE:
            return f"{one.measure}, {_number(one)} against shuffled maps{_untested(one)}"
    return f"{one.measure}, {_number(one)} against no map"


def _untested(one: Evidence) -> str:
    """Why an interval that leaves zero out shows nothing."""
    few = one.outcome is Outcome.INCONCLUSIVE and isnan(one.p)
    return ", on too few cases for a test" if few else ""


def _number(one: Evidence) -> str:
    return words.estimate(one.estimate, difference=one.is_difference)


def wanted(one: Evidence) -> str:
    """What it had to be to pass."""
    if isnan(one.threshold):
        return "near readers" if one.kind is Kind.READERS else "\N{EN DASH}"
    side = "above" if one.above else "below"
    signed = one.is_difference and one.threshold
    return f"{side} {words.signed(one.threshold) if signed else words.number(one.threshold)}"


def rules(card: Scorecard) -> dict[Aspect, str]:
    """How each aspect is decided, in sentences."""
    grid = f"by the rule {card.rule}" if card.rule else "by the rule of the trust grid"
    metric = f"by {card.metric}" if card.metric else "by the metric of the report"
    return {
        Aspect.CONSISTENCY: (
            f"Verdicts of the trust grid {grid}, on maps that must stay alike: by another training"
            " of the model, or after the film was changed. They are about all models of a data set"
            " together, and corrected as in the report of the run."
        ),
        Aspect.PLAUSIBILITY: (
            f"The score of the maps minus that of the location prior, film by film, {metric}: pass"
            " where it was shown to be above zero, fail where it was shown to be below, after"
            " Holm's correction over the report. Other metrics, and readers, stand beside it and"
            " decide nothing."
        ),
        Aspect.FIDELITY: (
            f"Verdicts of the trust grid {grid}, on maps that must change because the model did:"
            " its weights were drawn anew, or its labels permuted. And the gain over the same maps"
            " with their cells shuffled, by each metric that is known to tell the truer of two"
            f" maps with an AUROC of {DOUBTED} or more, after Holm's correction over all of them;"
            " the other metrics decide nothing. Without such a metric, fidelity does not pass."
        ),
        Aspect.USEFULNESS: (
            "What readers reach with the map minus without it, over readers and cases"
            " (Obuchowski and Rockette, or Gallas where not all read all), after Holm's correction"
            " over the maps of the study."
        ),
    }


def counts(card: Scorecard, aspect: Aspect) -> str:
    """How many cards have which outcome by an aspect, such as ``"2 pass, 1 fail"``."""
    outcomes = [one.entry(aspect).outcome for one in card.cards]
    told = ((outcomes.count(outcome), word) for outcome, word in OUTCOMES.items())
    return ", ".join(f"{number} {word}" for number, word in told if number)
