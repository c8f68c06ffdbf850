"""Two runs of one small experiment, the second with a metric and a method more."""

from pathlib import Path

import pytest

from heatproof.experiment.file import load
from heatproof.run.pipeline import run
from tests.runs.radiograph import write_radiograph
from tests.squares import EXPERIMENT, NETWORK, write_films

METRICS = '[score]\nmetrics = ["iou", "hit_rate"]\ncontrols = []\n'
ADDED = '[score]\nmetrics = ["iou", "hit_rate", "auroc"]\ncontrols = []\n'
LETTERBOX = EXPERIMENT.replace("GEOMETRY", "letterbox")


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of both runs."""
    place = tmp_path_factory.mktemp("project")
    write_films(place)
    (place / "network.py").write_text(NETWORK)
    more = LETTERBOX.replace('"grad_cam"', '"grad_cam", "gradient"')
    for name, text in (("first", LETTERBOX + METRICS), ("second", more + ADDED)):
        (place / f"{name}.toml").write_text(text)
        run(load(place / f"{name}.toml"))
    return place / "runs" / "first", place / "runs" / "second"


@pytest.fixture(scope="session")
def dicom_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The experiment file of a finished run on DICOM films, but for one that is a PNG."""
    place = tmp_path_factory.mktemp("clinic")
    write_films(place, count=6)
    table = place / "films.csv"
    for number in range(5):
        write_radiograph(place / f"film{number}.png", place / f"film{number}.dcm", number)
        table.write_text(table.read_text().replace(f"film{number}.png", f"film{number}.dcm"))
    (place / "network.py").write_text(NETWORK)
    file = place / "clinic.toml"
    film = 'judges = { fold = ["0", "1"] }'
    text = LETTERBOX.replace('methods = ["grad_cam", ', 'methods = ["grad_cam", "gradient"] #')
    text = text.replace('judges = { fold = "1" }', film).replace('trained_on = { fold = "0" }', "")
    file.write_text(f'output = "out"\n{text}{METRICS}')
    run(load(file))
    return file
