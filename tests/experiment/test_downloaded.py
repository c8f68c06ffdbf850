"""``heatproof init --from``: every data set of the field, in its folder, becomes an experiment."""

import json

import pytest

from heatproof.cli.init import init
from heatproof.data import on_disk
from heatproof.data.datasets import datasets
from heatproof.errors import DataError, ExperimentError
from heatproof.experiment.downloaded import draft_from, known
from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace

WRITERS = {
    "rsna": on_disk.write_rsna,
    "siim": on_disk.write_siim,
    "nih": on_disk.write_nih,
    "mura": on_disk.write_mura,
    "chexpert": on_disk.write_chexpert,
    "mimic": on_disk.write_mimic,
    "vindr": on_disk.write_vindr,
}


def opened(folder, kind):
    """The films of the experiment that the command writes."""
    init(folder, kind, None)
    experiment = load(folder / "experiment.toml")
    (films,) = open_workspace(experiment).data.values()
    return experiment, films


@pytest.mark.parametrize("kind", WRITERS)
def test_the_draft_is_an_experiment_on_the_films_of_that_folder(kind, tmp_path):
    folder = tmp_path / "CheXpert-v1.0-small"  # of which the table of CheXpert knows
    folder.mkdir()
    WRITERS[kind](folder, on_disk.phantoms(24))
    experiment, films = opened(folder, kind)
    (data,) = experiment.data
    expected = datasets.build(data.dataset, {**data.options, "root": str(folder)})
    assert [one.image_id for one in films.samples] == [one.image_id for one in expected]
    assert len(expected) > 0
    (model,) = experiment.models
    assert tuple(model.findings) == expected.findings
    text = (folder / "experiment.toml").read_text()
    for finding in expected.findings:
        present = sum(one.labels.get(finding) is True for one in expected)
        assert f"# {finding}: {present} present" in text


def test_every_data_set_that_lies_in_a_folder_has_a_draft(tmp_path):
    of_folders = {name for name in datasets.names() if hasattr(datasets.part_class(name), "root")}
    assert of_folders <= set(known())
    assert set(WRITERS) < set(known())
    for name in sorted(of_folders):
        with pytest.raises(DataError):  # its own words say what is expected
            draft_from(name, tmp_path, tmp_path)


def test_films_that_are_not_there_are_told_and_set_aside(tmp_path):
    on_disk.write_nih(tmp_path, on_disk.phantoms(24))
    text, _ = draft_from("nih", tmp_path, tmp_path)
    assert "missing =" not in text
    name = next(iter((tmp_path / "test_list.txt").read_text().split()))
    next(tmp_path.rglob(name)).unlink()
    text, _ = draft_from("nih", tmp_path, tmp_path)
    assert 'missing = "set aside"  # 1 of ' in text


def test_a_coco_file_alone_becomes_a_table_and_an_experiment(tmp_path):
    films = on_disk.phantoms(6)
    for number, film in enumerate(films):
        on_disk.write_picture(tmp_path / f"train/{number}.png", on_disk.grey(film))
    marks = {
        "images": [
            {"id": n, "file_name": f"{n}.png", "width": on_disk.SIZE, "height": on_disk.SIZE}
            for n in range(len(films))
        ],
        "categories": [{"id": 1, "name": 'Nodule "mass"'}],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 1, "bbox": [4, 4, 9, 9]} for n in (1, 4)
        ],
    }
    (tmp_path / "annotations.json").write_text(json.dumps(marks))
    _, found = opened(tmp_path, "coco")
    labels = {one.image_id: one.labels['Nodule "mass"'] for one in found.samples}
    assert labels == {f"{n}.png": n in (1, 4) for n in range(len(films))}
    assert [bool(one.annotations) for one in found.samples] == [n in (1, 4) for n in range(6)]


def test_nothing_is_overwritten_and_what_is_unknown_is_told(tmp_path):
    with pytest.raises(ExperimentError, match="did you mean rsna"):
        draft_from("rnsa", tmp_path, tmp_path)
    with pytest.raises(ExperimentError, match="no such folder"):
        draft_from("rsna", tmp_path / "nowhere", tmp_path)
    with pytest.raises(ExperimentError, match="holds no COCO file"):
        draft_from("coco", tmp_path, tmp_path)
    on_disk.write_rsna(tmp_path, on_disk.phantoms(24))
    init(tmp_path, "rsna", None)
    before = (tmp_path / "experiment.toml").read_bytes()
    with pytest.raises(ExperimentError, match="is not overwritten"):
        init(tmp_path, "rsna", None)
    assert (tmp_path / "experiment.toml").read_bytes() == before
