"""A run opened: tables with their meaning, maps over their films, and what is known of it."""

import re
import shutil

import numpy as np
import pytest

import heatproof
from heatproof.data.geometry import Letterbox
from heatproof.errors import ExperimentError, MapError
from tests.conftest import ROOT


def test_it_knows_what_it_is_of(runs) -> None:
    opened = heatproof.open(runs[0])
    assert (opened.name, opened.state, opened.data) == ("Squares", "finished", ("films",))
    assert opened.models == ("bright",)
    assert opened.about["asked"]["score"]["metrics"] == ["iou", "hit_rate"]
    assert opened.about["data"].keys() == {"films"}
    assert opened.about["seconds"] >= 0
    assert opened.about["versions"]["heatproof"] == heatproof.__version__
    shown = opened._repr_html_()
    assert "<table>" in shown
    assert "Squares" in shown


def test_tables_say_what_their_columns_mean(runs) -> None:
    opened = heatproof.open(runs[0])
    assert {"films", "scores", "predictions", "estimates", "verdicts"} <= set(opened.tables)
    for name in opened.tables:
        table = opened[name]
        described = table.describe()
        assert described["column"].to_list() == table.frame.columns
        assert all(described["meaning"])
        # Printed, no meaning is cut off.
        printed = " ".join(str(described).replace("│", " ").replace("┆", " ").split())
        assert described["meaning"][0] in printed
        assert "…" not in printed
        assert "<table" in table._repr_html_()
    assert opened.describe()["table"].unique(maintain_order=True).to_list() == list(opened.tables)
    assert opened.verdicts.equals(opened["verdicts"].frame)
    with pytest.raises(ExperimentError, match="no table 'score'; did you mean scores"):
        opened["score"]


def test_a_film_of_unknown_size_is_told(runs, tmp_path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(runs[0], folder)
    headers = heatproof.open(folder)["headers"].frame
    headers.filter(headers["image_id"] != "f3").write_parquet(folder / "headers.parquet")
    opened = heatproof.open(folder)
    with pytest.raises(MapError, match=r"does not tell the size of film 'f3'.*frame=\"native\""):
        opened.map("f3", "Square", "grad_cam")
    assert opened.map("f3", "Square", "grad_cam", frame="native").shape == (8, 8)


def test_maps_lie_where_the_scores_found_them(runs) -> None:
    opened = heatproof.open(runs[0])
    assert set(opened.maps["method"]) == {"grad_cam", "occlusion(window=8, stride=8)"}
    assert len(opened.maps) == 2 * 10
    native = opened.map("f3", "Square", "grad_cam", frame="native")
    over = opened.map("f3", "Square", "grad_cam", model="bright", data="films")
    assert native.shape == (8, 8)
    assert over.shape == (96, 160)
    assert np.array_equal(over, Letterbox(64, 64).back(native, (96, 160)))
    scores = opened["scores"].frame
    hit = scores.filter(image_id="f3", metric="hit_rate", method="grad_cam")["value"].item()
    assert hit == 1
    # The network finds what is bright, so the film is bright where the map is highest.
    row, column = np.unravel_index(over.argmax(), over.shape)
    from PIL import Image

    film = np.asarray(Image.open(runs[0].parents[1] / "film3.png"))
    assert film[row, column] == 250


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (("f33", "Square", "grad_cam"), "image_id 'f33'; did you mean f3"),
        (("f3", "Squares", "grad_cam"), "finding 'Squares'; did you mean Square"),
        (("f3", "Square", "grad_cams"), "method 'grad_cams'; did you mean grad_cam"),
    ],
)
def test_a_map_that_is_not_there_is_told(runs, asked, text) -> None:
    with pytest.raises(MapError, match=text):
        heatproof.open(runs[0]).map(*asked)


def test_what_it_shows_of_itself_is_its_summary(runs) -> None:
    run = heatproof.open(runs[0])
    assert [line.split()[0] for line in repr(run).splitlines()] == [*run.summary()]
    assert all(value in run._repr_html_() for value in run.summary().values())


def test_a_damaged_table_is_told_and_a_folder_is_no_pattern(runs, tmp_path) -> None:
    folder = tmp_path / "run[1]"
    shutil.copytree(runs[0], folder)
    opened = heatproof.open(folder)
    assert opened["scores"].frame.equals(heatproof.open(runs[0])["scores"].frame)
    for damaged in (b"", opened.folder.joinpath("scores.parquet").read_bytes()[:-9]):
        (folder / "scores.parquet").write_bytes(damaged)
        with pytest.raises(ExperimentError, match=r"scores\.parquet cannot be read"):
            opened["scores"]
    shutil.copy(folder / "films.parquet", folder / "scores.parquet")
    with pytest.raises(ExperimentError, match=r"scores\.parquet cannot be read"):
        opened["scores"]


def test_a_folder_without_a_run_is_told(tmp_path) -> None:
    with pytest.raises(ExperimentError, match=r"holds no run: there is no run.json"):
        heatproof.open(tmp_path)


def test_the_code_of_the_page_runs(runs, tmp_path, monkeypatch, capsys) -> None:
    page = (ROOT / "docs/how-to/work-with-runs.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    for name, run in zip(("squares", "squares_again"), runs, strict=True):
        shutil.copytree(run, tmp_path / "runs" / name)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(block, "work-with-runs.md", "exec"), names)
    assert names["over_film"].shape == (96, 160)
    assert names["native"].shape != names["over_film"].shape
    assert "'state': 'finished'" in capsys.readouterr().out
