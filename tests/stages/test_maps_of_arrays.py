"""Arrays come in with their frame, axes and probabilities as the experiment says."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from heatproof.errors import ExperimentError, HeatproofError
from heatproof.experiment.file import load
from heatproof.run.pipeline import run

# A film that is wider than high, and a box in its lower right corner.
HEIGHT, WIDTH, BOX = 40, 80, [[68, 32, 10, 6]]
EXPERIMENT = """
name = "arrays"
output = "out"
[[data]]
name = "films"
dataset = "manifest"
csv = "films.csv"
id = "id"
labels = ["Opacity"]
boxes = "box"
[[maps]]
name = "another tool"
importer = "npy"
folder = "maps"
method = "grad_cam"
data = "films"
id = {{ architecture = "densenet121" }}
{keys}
[score]
metrics = ["hit_rate"]
controls = []
"""
FILMS = [f"film_{number}" for number in range(4)]


def bring(folder: Path, saliency: np.ndarray, keys: str = "") -> Path:
    (folder / "maps").mkdir()
    rows = ["id,image,patient,Opacity,box"]
    for number, film in enumerate(FILMS):
        Image.new("L", (WIDTH, HEIGHT)).save(folder / f"{film}.png")
        rows.append(f'{film},{film}.png,p{number},1,"{BOX}"')
        np.save(folder / "maps" / f"{film}_Opacity.npy", saliency)
    (folder / "films.csv").write_text("\n".join(rows) + "\n")
    (folder / "experiment.toml").write_text(EXPERIMENT.format(keys=keys))
    return folder / "experiment.toml"


def table(folder: Path, name: str) -> pl.DataFrame:
    return pl.concat(pl.read_parquet(file) for file in (folder / "out" / name).glob("*.parquet"))


def hits(folder: Path, saliency: np.ndarray, keys: str = "") -> list[float]:
    folder.mkdir()
    run(load(bring(folder, saliency, keys)), until="score")
    return list(table(folder, "scores").filter(pl.col("method") == "grad_cam")["value"])


def hot(shape: tuple[int, int], row: int, column: int) -> np.ndarray:
    saliency = np.zeros(shape, np.float32)
    saliency[row, column] = 1
    return saliency


def test_a_map_covers_the_film_unless_it_is_said_to_cover_the_canvas(tmp_path) -> None:
    # On a square canvas the film lies between bars: its lower edge is at three quarters.
    canvas = hot((20, 20), 13, 18)
    letterbox = 'geometry = "letterbox(height=320, width=320)"'
    assert hits(tmp_path / "canvas", canvas, letterbox) == [1] * len(FILMS)
    assert hits(tmp_path / "taken for the film", canvas) == [0] * len(FILMS)
    assert hits(tmp_path / "film", hot((20, 20), 17, 18)) == [1] * len(FILMS)


def test_transposed_maps_are_told_and_turned(tmp_path) -> None:
    saliency = hot((WIDTH // 2, HEIGHT // 2), 36, 17)
    (tmp_path / "told").mkdir()
    with pytest.raises(ExperimentError, match=r"40 x 20 .* is 40 x 80: is it transposed.*\"xy\""):
        run(load(bring(tmp_path / "told", saliency)), until="explain")
    assert hits(tmp_path / "turned", saliency, 'axes = "xy"') == [1] * len(FILMS)


def test_probabilities_come_from_a_table(tmp_path) -> None:
    experiment = bring(tmp_path, hot((4, 8), 0, 0), 'probabilities = "p.csv"')
    with pytest.raises(ExperimentError, match=r"another tool.*no file .*p.csv"):
        run(load(experiment), until="explain")
    cells = {"film_0.png": "0.25", "film_1.png": "1", "film_2.png": "", "other.png": "9"}
    text = "image_id,Opacity\n" + "".join(f"{film},{p}\n" for film, p in cells.items())
    (tmp_path / "p.csv").write_text(text)
    run(load(experiment), until="explain")
    predicted = dict(table(tmp_path, "predictions").select("image_id", "probability").iter_rows())
    assert (predicted["film_0"], predicted["film_1"]) == (0.25, 1)
    assert np.isnan(predicted["film_2"])
    assert np.isnan(predicted["film_3"])
    (tmp_path / "p.csv").write_text("image_id,Opacity\nfilm_0,50 %\n")
    with pytest.raises(HeatproofError, match=r"line 2.*'50 %'.*a probability in \[0, 1\]"):
        run(load(experiment), until="explain")


def test_without_probabilities_there_is_a_report(tmp_path) -> None:
    page = run(load(bring(tmp_path, hot((4, 8), 3, 7))))
    assert "another tool" in page.read_text()


def test_two_maps_of_a_film_and_finding_are_one_too_many(tmp_path) -> None:
    experiment = bring(tmp_path, hot((4, 8), 3, 7))
    (tmp_path / "maps" / "gradient").mkdir()
    np.save(tmp_path / "maps" / "gradient" / "film_1_Opacity.npy", hot((4, 8), 0, 0))
    with pytest.raises(ExperimentError, match=r"two maps of 'Opacity' for film 'film_1' in maps"):
        run(load(experiment), until="explain")


def test_other_options_make_the_maps_anew(tmp_path) -> None:
    experiment = bring(tmp_path, hot((20, 20), 13, 18))
    run(load(experiment), until="explain")
    before = set(table(tmp_path, "made").rows())
    text = experiment.read_text().replace(
        "[score]", 'geometry = "squash(height=9, width=9)"\n[score]'
    )
    experiment.write_text(text)
    run(load(experiment), until="explain")
    made = list((tmp_path / "out" / "made").glob("*.parquet"))
    assert len(made) == 2
    assert set(table(tmp_path, "made").rows()) == before


def test_a_misspelt_importer_is_told_with_its_line(tmp_path) -> None:
    experiment = bring(tmp_path, hot((4, 8), 3, 7))
    experiment.write_text(experiment.read_text().replace('"npy"', '"npi"'))
    with pytest.raises(
        ExperimentError, match=r"toml:\d+: maps.0.importer: .*did you mean npz or npy"
    ):
        load(experiment)
