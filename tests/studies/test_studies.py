"""The files of published studies: what they say, and the small form that shows that they run."""

import tomllib
from pathlib import Path

import polars as pl
import pytest
import tomlkit

from heatproof.errors import DataError, ExperimentError
from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace
from heatproof.report.published import PUBLISHED, SOURCES
from heatproof.studies import folders_of, names, table_of, text_of
from heatproof.studies.reproduce import TABLE, check_counts, described, reproduce
from heatproof.studies.tiny import SMALL, tiny

ALL = names()
every_study = pytest.mark.parametrize("name", ALL)
OF_BOXES = {"Wang 2017", "NIH boxes"}  # which the benchmark of the location prior reads


def test_the_three_papers_and_their_framework_are_there():
    assert {"aggarwal2020", "venkatesh2022", "arun2021", "saporta2022"} <= set(ALL)


@every_study
def test_a_study_is_an_experiment_that_says_what_it_chose_and_why(name, tmp_path):
    file = tmp_path / "study.toml"
    file.write_text(text_of(name))
    study = load(file).study
    assert study is not None
    assert study.counts
    assert len(study.choices) >= 8
    tags = {source.tag for source in SOURCES}
    assert set(study.of) <= tags
    data = {number.data for number in PUBLISHED if number.source.tag in study.of}
    assert set(study.data.values()) <= data


def test_no_published_number_stays_unread():
    read = {(tag, data) for name in ALL for tag in table_of(name)["study"]["of"]
            for data in table_of(name)["study"]["data"].values()}  # fmt: skip
    unread = {(n.source.tag, n.data) for n in PUBLISHED} - read
    assert {tag for tag, _ in unread} == OF_BOXES


@every_study
def test_the_small_form_leaves_nothing_out_but_sizes(name, tmp_path):
    whole, small = table_of(name), tiny(table_of(name))
    file = tmp_path / "study.toml"
    file.write_text(tomlkit.dumps(small))
    experiment = load(file)
    assert experiment.study is not None
    assert experiment.study.phantoms
    assert [data["name"] for data in small["data"]] == [data["name"] for data in whole["data"]]
    assert small["score"]["metrics"] == whole["score"]["metrics"]
    assert len(small.get("explain", {}).get("methods", [])) == len(
        whole.get("explain", {}).get("methods", [])
    )
    backbones = {entry.backbone for entry in experiment.models if entry.backbone}
    assert backbones <= set(SMALL)
    heads = {entry.get("head", "linear").partition("(")[0] for entry in whole.get("models", [])}
    assert {entry.head.partition("(")[0] for entry in experiment.models} == heads


def test_other_films_than_the_published_ones_are_refused_with_every_difference(tmp_path):
    experiment = described("saporta2022_maps", None, tmp_path / "out", small=True)
    text = (tmp_path / "out" / "saporta2022_maps.toml").read_text()
    table = tomllib.loads(text)
    assert table["study"]["counts"] == {}
    assert check_counts(open_workspace(experiment)) == []
    study = experiment.study.model_copy(
        update={"counts": table_counts({"CheXpert test": {"films": 668}})}
    )
    other = open_workspace(experiment.model_copy(update={"study": study}))
    with pytest.raises(DataError, match="CheXpert test: 32 films, published 668"):
        check_counts(other)


def table_counts(counts):
    from heatproof.experiment.study import Counts

    return {name: Counts(**numbers) for name, numbers in counts.items()}


def test_data_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ExperimentError, match="say --data FOLDER"):
        described("arun2021", None, tmp_path / "out")
    with pytest.raises(DataError, match=r"lacks the folders rsna-pneumonia.* and siim"):
        described("arun2021", tmp_path, tmp_path / "out")
    with pytest.raises(DataError, match="nowhere is no folder"):
        described("arun2021", tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(ExperimentError, match="no study is named 'arun2022'"):
        text_of("arun2022")
    assert folders_of(table_of("arun2021")) == [
        "rsna-pneumonia-detection-challenge",
        "siim-acr-pneumothorax-segmentation",
    ]


@pytest.mark.slow
def test_workers_share_what_comes_after_a_sweep(tmp_path):
    experiment = described("aggarwal2020", None, tmp_path / "out", small=True)
    with pytest.raises(ExperimentError, match="give the command once without --worker"):
        reproduce(experiment, worker=True)


def run_tiny(name: str, folder: Path) -> pl.DataFrame:
    experiment = described(name, None, folder, small=True)
    told: list[str] = []
    done = reproduce(experiment, worker=experiment.sweep is None, tell=told.append)
    assert done is not None
    assert "in all" in told[-1]
    assert 'id="study"' in done.report.read_text()
    table = pl.read_csv(folder / TABLE)
    assert (folder / "tables" / "study.tex").is_file()
    own = [n for n in PUBLISHED if n.source.tag in experiment.study.of]
    assert len(table) >= len([n for n in own if n.data in experiment.study.data.values()])
    return table


@pytest.mark.slow
def test_published_maps_are_scored_beside_the_numbers_of_the_study(tmp_path):
    table = run_tiny("saporta2022_maps", tmp_path)
    measured = table.filter(pl.col("here").is_not_null())["quantity"].unique().to_list()
    assert "decrease of mIoU" in measured
    counted = table.filter(pl.col("quantity").str.ends_with("the human benchmark by mIoU"))
    worse_better_alike = counted["here"].to_list()
    assert len(worse_better_alike) == 6  # by two forms of IoU
    assert sum(worse_better_alike) == 2 * 3  # of three findings
    assert set(table["inside"]) <= {
        "yes",
        "no",
        "no interval",
        "not measured here",
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["aggarwal2020", "arun2021", "saporta2022", "venkatesh2022"])
def test_the_small_form_runs_from_end_to_end(name, tmp_path):
    table = run_tiny(name, tmp_path)
    assert table["here"].is_not_null().any()
