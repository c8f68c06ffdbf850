"""Threats: each rule speaks where there is evidence, and is silent where nothing is known."""

import json

import polars as pl
import pytest

from heatproof.cli.lint import lint
from heatproof.errors import ExperimentError
from heatproof.lint import threats
from heatproof.lint.defects import DEFECTS
from heatproof.lint.described import Described, Prior, described, of_run, of_text
from heatproof.lint.rules import rules
from heatproof.report.published import SOURCES
from heatproof.runs.folder import Run
from heatproof.studies import text_of

THREATENED = {
    "no_control": {"controls": []},
    "below_prior": {
        "priors": [Prior(quantity="auprc", value=0.4, source="a mask")],
        "values": {"auprc": {"grad_cam": 0.3, "gradient": 0.5}},
    },
    "tuned_on_test": {"tuned_on": "test"},
    "intervals_by_image": {"intervals": "image"},
    "no_randomization": {"randomization": False},
    "chosen_examples": {"examples": "chosen"},
    "tied_maxima": {"ties": "first", "grid": 10},
    "chance_by_size": {"size_matters": True, "by_size": False},
    "jet_colours": {"colours": "JET"},
    "known_defects": {"defects": ["D25"]},
}
SAFE = {
    "controls": ["mean_mask"],
    "priors": [Prior(quantity="auprc", value=0.4)],
    "values": {"auprc": {"grad_cam": 0.5}},
    "tuned_on": "validation",
    "intervals": "patient",
    "randomization": True,
    "examples": "drawn",
    "ties": "centroid",
    "size_matters": True,
    "by_size": True,
    "colours": "viridis",
}


def test_every_rule_has_a_case_here():
    assert set(THREATENED) == set(rules.names())


@pytest.mark.parametrize("name", sorted(THREATENED))
def test_a_rule_speaks_where_there_is_evidence_and_alone(name):
    found = list(threats(Described(name="x", **THREATENED[name])))
    assert [threat.rule for threat in found] == [name]
    assert found[0].evidence
    assert found[0].source


def test_unknown_is_no_threat_and_neither_is_what_is_in_order():
    assert list(threats(Described(name="x"))) == []
    assert list(threats(Described(name="x", **SAFE))) == []


def test_values_below_the_prior_are_counted_and_the_lowest_named():
    [found] = threats(Described(name="x", **THREATENED["below_prior"]))
    assert "1 of 2 values lie below the prior's 0.4 (a mask), the lowest 0.3 (grad_cam)" in (
        found.evidence
    )


def test_published_numbers_are_those_of_the_study():
    prior = Prior(quantity="auprc", data="RSNA", value=0.4658)
    study = Described(name="x", tag="Aggarwal 2020", priors=[prior])
    values = dict(study.numbers(prior))
    assert values["class_map, resnet152"] == 0.5027
    assert sum(name.startswith("class_map") and v < 0.4658 for name, v in values.items()) == 3


def test_the_register_is_whole():
    assert [*DEFECTS] == [f"D{number:02}" for number in range(1, 51)]


def test_an_experiment_tells_of_itself(tmp_path):
    file = tmp_path / "study.toml"
    file.write_text(text_of("arun2021"))
    known = described(file)
    assert {"D24", "D25", "D27", "D28"} <= set(known.defects)
    assert known.randomization
    assert known.tuned_on == "validation"
    file.write_text(text_of("aggarwal2020"))
    assert "no_randomization" in {threat.rule for threat in threats(described(file))}


def test_a_run_tells_of_methods_below_its_prior(tmp_path):
    class Kept(Run):
        name, tables = "mine", ("estimates",)

        def __getitem__(self, name):
            statistic = "difference to the mean-mask prior"
            rows = {"data": "d", "model": "m", "finding": "f", "statistic": statistic}
            frame = pl.DataFrame(
                [
                    {**rows, "metric": "auprc", "method": m, "value": v}
                    for m, v in (("a", -0.1), ("b", 0.2))
                ]
            )
            return type("Frame", (), {"frame": frame})()

    found = {threat.rule: threat.evidence for threat in threats(of_run(Kept(tmp_path, {})))}
    assert "1 of 2 values lie below" in found["below_prior"]
    assert "no_randomization" in found


def test_every_published_study_is_described_on_the_page():
    from docs.lint_published import PAGE, page, studies

    assert {study.tag for study in studies()} == {source.tag for source in SOURCES}
    assert PAGE.read_text(encoding="utf-8") == page()
    for study in studies():
        assert set(study.defects) <= set(DEFECTS)


def test_the_command_tells_threats_and_what_a_description_may_hold(tmp_path, capsys):
    file = tmp_path / "study.toml"
    file.write_text('name = "mine"\ncontrols = []\n')
    lint(file)
    assert "no control stands beside the methods" in capsys.readouterr().out
    lint(file, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told[0]["rule"] == "no_control"
    with pytest.raises(ExperimentError, match="kontrols"):
        of_text('name = "mine"\nkontrols = []\n', "study.toml")
