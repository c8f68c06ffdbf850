"""The scorecard from planted tables: each cell is derived by hand."""

from dataclasses import replace
from itertools import product

import pytest

from heatproof.analysis.fidelity import Fidelity
from heatproof.analysis.scorecard import (
    Aspect,
    Card,
    Entry,
    Evidence,
    Kind,
    Sources,
    WithMap,
    scorecard,
)
from heatproof.fidelity.truth import Reliability
from heatproof.tables.comparisons import Comparisons
from heatproof.tables.estimates import Estimates
from heatproof.tables.verdicts import Verdicts
from heatproof.types import Estimate, Outcome

NAN = float("nan")
PLACE = ("films", "net", "Edema", "grad_cam")
OTHER = ("films", "net", "Edema", "gradient")
NUMBERS = {"value": 0.4, "low": 0.3, "high": 0.5, "level": 0.95, "cases": 30}
KNOWN = Reliability(0.9, 0.8, 0.95)
DOUBTFUL = Reliability(0.6, 0.5, 0.7)


def verdict(criterion: str, outcome: str, **told):
    row = {"data": "films", "finding": "Edema", "criterion": criterion, "method": "grad_cam"}
    row |= {"rule": "heatproof", "verdict": outcome, "strong": "not tested", "measure": "pearson"}
    row |= NUMBERS | {"interval": "by patient", "threshold": 0.35, "above": True, "p": 0.01}
    return row | {"notes": ""} | told


def estimate(metric: str, gain: float, p: float, method: str = "grad_cam", finding: str = "Edema"):
    place = {"data": "films", "finding": finding, "metric": metric, "model": "net"}
    place |= {"method": method} | NUMBERS
    yield place | {"statistic": "mean", "undefined": 0}
    yield place | {
        "statistic": "difference to the mean-mask prior", "value": gain, "p_corrected": p
    }  # fmt: skip


def fidelity(metric: str, gain: float, p: float, reliability: Reliability | None):
    measured = Estimate(gain, gain - 0.1, gain + 0.1, 0.95, 30, "by patient", p)
    return Fidelity(
        "films", "net", "Edema", "grad_cam", metric, "lower", measured, measured, measured,
        reliability,
    )  # fmt: skip


def card_of(made=(PLACE,), **tables) -> Card:
    kinds = {"verdicts": Verdicts, "estimates": Estimates, "comparisons": Comparisons}
    tables = {
        name: kinds[name].of_rows(rows) if name in kinds else rows for name, rows in tables.items()
    }
    sources = Sources(made=made, findings={("films", "Edema"): "Edema"}, **tables)
    return scorecard(sources).cards[0]


def outcomes(card: Card) -> list[str]:
    return [str(entry.outcome) for entry in card.entries]


def test_what_nobody_asked_is_not_tested():
    card = card_of()
    assert (card.dataset, card.model, card.finding, card.method) == PLACE
    assert outcomes(card) == ["not tested"] * 4
    assert [entry.aspect for entry in card.entries] == list(Aspect)
    assert scorecard(Sources()).cards == ()


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (["pass", "pass"], "pass"),
        (["pass", "fail"], "fail"),
        (["inconclusive", "fail"], "fail"),
        (["pass", "inconclusive"], "inconclusive"),
        (["pass", "not tested"], "pass"),
        (["not tested", "not tested"], "not tested"),
    ],
)
def test_consistency_is_what_must_stay_alike(told, expected):
    rows = [verdict(name, one) for name, one in zip(("repeatability", "flip"), told, strict=True)]
    card = card_of(verdicts=rows)
    assert outcomes(card) == [expected, "not tested", "not tested", "not tested"]
    first, second = card.entry(Aspect.CONSISTENCY).evidence
    assert (first.about, second.about) == ("Repeatability", "Flip equivariance")
    assert (first.estimate.value, first.estimate.low, first.threshold) == (0.4, 0.3, 0.35)
    assert first.estimate.method == "by patient"


@pytest.mark.parametrize("criterion", ["randomization(draws=1)", "data_randomization"])
def test_what_must_change_with_the_model_can_fail_fidelity_and_not_show_it(criterion):
    for told, expected in (("pass", "inconclusive"), ("fail", "fail")):
        card = card_of(verdicts=[verdict(criterion, told)])
        assert outcomes(card) == ["not tested", "not tested", expected, "not tested"]
    together = card_of(
        verdicts=[verdict(criterion, "pass")], fidelity=[fidelity("infidelity", 0.3, 0.001, KNOWN)]
    )
    assert together.entry(Aspect.FIDELITY).outcome is Outcome.PASS


def test_a_verdict_about_all_models_stands_on_the_card_of_each_that_made_maps():
    made = (PLACE, ("films", "second", "Edema", "grad_cam"), ("films", "third", "Edema", "other"))
    sources = Sources(made=made, verdicts=Verdicts.of_rows([verdict("flip", "pass")]))
    found = {card.model: outcomes(card)[0] for card in scorecard(sources).cards}
    assert found == {"net": "pass", "second": "pass", "third": "not tested"}
    [alone] = scorecard(replace(sources, made=())).cards
    assert alone.model == ""


def test_one_rule_counts_and_it_is_our_own_where_it_is_there():
    theirs = verdict("flip", "fail", rule="arun2021")
    ours = verdict("flip", "pass", rule="heatproof(level=0.9)")
    both = Sources(verdicts=Verdicts.of_rows([theirs, ours]))
    assert scorecard(both).rule == "heatproof(level=0.9)"
    assert outcomes(scorecard(both).cards[0])[0] == "pass"
    assert scorecard(Sources(verdicts=Verdicts.of_rows([theirs]))).rule == "arun2021"


@pytest.mark.parametrize(
    ("gain", "p", "expected"),
    [
        (0.2, 0.01, "pass"),
        (-0.2, 0.01, "fail"),
        (0.2, 0.06, "inconclusive"),
        (0.2, NAN, "inconclusive"),  # too few patients: nothing is concluded
        (NAN, NAN, "not tested"),
    ],
)
def test_plausibility_is_the_distance_to_the_prior_by_one_metric(gain, p, expected):
    # The second metric says the opposite, and decides nothing.
    rows = [*estimate("auprc", gain, p), *estimate("iou", -0.5, 0.001)]
    card = card_of(estimates=rows, metric="auprc")
    entry = card.entry(Aspect.PLAUSIBILITY)
    assert [one.decides for one in entry.evidence] == [True, False]
    told, beside = (one.outcome for one in entry.evidence)
    assert (str(told), beside) == (expected, Outcome.FAIL)
    assert entry.outcome == (expected if expected != "not tested" else "inconclusive")
    assert entry.evidence[0].own.value == 0.4
    assert card_of(estimates=rows, metric="iou").entry(Aspect.PLAUSIBILITY).outcome == "fail"
    # A metric that was not measured decides nothing: the first does.
    assert card_of(estimates=rows, metric="hit_rate").entry(Aspect.PLAUSIBILITY).evidence[0].decides


def test_controls_and_readers_who_do_not_count_have_no_card():
    rows = [
        *estimate("auprc", 0.2, 0.01),
        *estimate("auprc", 0.2, 0.01, method="edges"),
        *estimate("auprc", -0.2, 0.01, finding="Edema (Bo)"),
        {"data": "films", "finding": "Edema", "model": "net", "metric": "brier"}
        | NUMBERS
        | {"statistic": "mean"},
    ]
    sources = Sources(
        estimates=Estimates.of_rows(rows), made=(PLACE,), findings={("films", "Edema"): "Edema"}
    )
    [card] = scorecard(sources).cards
    assert outcomes(card)[1] == "pass"


def test_without_a_prior_localization_decides_nothing():
    scored, _ = estimate("auprc", 0.2, 0.01)
    [evidence] = card_of(estimates=[scored]).entry(Aspect.PLAUSIBILITY).evidence
    assert evidence.outcome is Outcome.NOT_TESTED
    assert evidence.estimate.value == 0.4


@pytest.mark.parametrize(
    ("conclusion", "outcome"),
    [
        ("superior", "pass"),
        ("non-inferior", "pass"),
        ("inferior", "fail"),
        ("undecided", "inconclusive"),
    ],
)
def test_readers_stand_beside_and_decide_nothing(conclusion, outcome):
    row = {"data": "films", "model": "net", "method": "grad_cam", "metric": "auprc"}
    row |= {"other": "the human benchmark", "finding": "Edema", "statistic": "difference"}
    row |= NUMBERS | {"p": 0.01, "holm": 0.02, "margin": 0.05, "conclusion": conclusion}
    others = [row | {"other": "another model"}, row | {"finding": ""}, row | {"statistic": "ours"}]
    card = card_of(estimates=list(estimate("auprc", 0.2, 0.01)), comparisons=[row, *others])
    entry = card.entry(Aspect.PLAUSIBILITY)
    prior, readers = entry.evidence
    assert (prior.kind, readers.kind) == (Kind.PRIOR, Kind.READERS)
    assert (str(readers.outcome), readers.threshold, readers.p) == (outcome, -0.05, 0.02)
    assert entry.outcome is Outcome.PASS


def test_a_strong_verdict_on_localization_is_one_beside_readers():
    told = verdict("localization", "fail", strong="pass")
    [evidence] = card_of(verdicts=[told]).entry(Aspect.PLAUSIBILITY).evidence
    assert (evidence.kind, evidence.outcome, evidence.decides) == (
        Kind.READERS, Outcome.PASS, False,
    )  # fmt: skip
    assert not card_of(verdicts=[verdict("localization", "pass")]).entries[1].evidence


def test_gains_are_corrected_over_the_metrics_that_decide():
    # Holm over two: .02 becomes .04, .04 stays; the doubtful and the unknown do not count.
    records = [
        fidelity("one", 0.3, 0.02, KNOWN),
        fidelity("two", 0.3, 0.04, KNOWN),
        fidelity("doubtful", -0.3, 1e-9, DOUBTFUL),
        fidelity("unknown", -0.3, 1e-9, None),
    ]
    entry = card_of(fidelity=records).entry(Aspect.FIDELITY)
    assert [one.p for one in entry.evidence[:2]] == [pytest.approx(0.04), pytest.approx(0.04)]
    assert [one.decides for one in entry.evidence] == [True, True, False, False]
    assert [one.outcome for one in entry.evidence[2:]] == [Outcome.INCONCLUSIVE] * 2
    assert entry.outcome is Outcome.PASS
    # With a third that decides, .02 becomes .06.
    more = [*records, fidelity("three", 0.3, 0.5, KNOWN)]
    assert card_of(fidelity=more).entry(Aspect.FIDELITY).outcome is Outcome.INCONCLUSIVE
    worse = [fidelity("one", -0.3, 0.001, KNOWN), fidelity("two", 0.3, 0.001, KNOWN)]
    assert card_of(fidelity=worse).entry(Aspect.FIDELITY).outcome is Outcome.FAIL
    assert "AUROC of 0.90" in entry.evidence[0].notes[0]
    assert "was not measured" in entry.evidence[3].notes[0]


def test_few_patients_and_metrics_without_chance_conclude_nothing():
    few = fidelity("one", 0.3, 0.001, KNOWN)
    few = replace(few, gain=replace(few.gain, hindrance="3 of 20 patients"))
    alone = replace(fidelity("one", 0.3, 0.001, KNOWN), gain=None)
    assert outcomes(card_of(fidelity=[few]))[2] == "inconclusive"
    assert outcomes(card_of(fidelity=[alone]))[2] == "not tested"
    assert outcomes(card_of(fidelity=[fidelity("one", 0.3, 1e-9, DOUBTFUL)]))[2] == "inconclusive"


@pytest.mark.parametrize(("gain", "expected"), [(0.1, "pass"), (-0.1, "fail")])
def test_usefulness_is_what_readers_gain(gain, expected):
    difference = Estimate(gain, gain - 0.05, gain + 0.05, 0.95, 60, "OR", 0.01)
    told = WithMap("grad_cam", "net", "Edema", "auc", difference)
    sources = Sources(made=(PLACE, OTHER), reading=(told,))
    found = {card.method: outcomes(card)[3] for card in scorecard(sources).cards}
    assert found == {"grad_cam": expected, "gradient": "not tested"}
    # Holm over two maps: .03 becomes .06.
    two = [replace(told, difference=replace(difference, p=0.03))] * 2
    assert outcomes(card_of(reading=two))[3] == "inconclusive"
    for name in ("model", "finding", "method"):
        assert outcomes(card_of(reading=[replace(told, **{name: "another"})]))[3] == "not tested"
    anyone = replace(told, model="", finding="")
    assert outcomes(card_of(reading=[anyone]))[3] == expected


def test_the_outcome_follows_from_the_evidence():
    """Every three pieces of evidence, by the definition in words."""
    nothing = Estimate(NAN, NAN, NAN, NAN, 0, "")
    for aspect, *told in product(Aspect, *[tuple(Outcome)] * 2, (True, False)):
        first, second, decides = told
        kinds = {Aspect.FIDELITY: Kind.CHANCE, Aspect.CONSISTENCY: Kind.TRUST}
        kind = kinds.get(aspect, Kind.PRIOR if aspect is Aspect.PLAUSIBILITY else Kind.WITHOUT)
        one = Evidence(kind, "", "", nothing, NAN, True, first)
        other = replace(one, outcome=second, decides=decides)
        count = [first, second] if decides else [first]
        seen = [outcome for outcome in count if outcome != "not tested"]
        if first == second == "not tested":
            wanted = "not tested"
        elif "fail" in seen:
            wanted = "fail"
        else:
            wanted = "pass" if seen and set(seen) == {"pass"} else "inconclusive"
        assert Entry(aspect, (one, other)).outcome == wanted
