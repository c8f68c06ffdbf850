"""Every parser of files that others may have written, with a good input of each."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import polars
import pydicom
import torch
from PIL import Image
from pycocotools import mask as coco
from pydicom.dataset import FileDataset, FileMetaDataset

from heatproof.data.annotations import fit
from heatproof.data.annotations.formats.coco import read_coco
from heatproof.data.annotations.run_lengths import lengths_of, raster
from heatproof.data.check import check
from heatproof.data.datasets.manifest import Manifest
from heatproof.data.geometry import Squash
from heatproof.data.pixels import ImageFile
from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace
from heatproof.localize import metrics
from heatproof.models import card as cards
from heatproof.models import ensemble as ensembles
from heatproof.models.classifier import build
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.weights import read_state
from heatproof.saliency import methods
from heatproof.types import ModelId
from tests.faults import annotation_files
from tests.faults.fuzzing import Parser
from tests.faults.parsers_of_data_sets import OF_DATA_SETS
from tests.faults.parsers_of_maps import OF_MAPS
from tests.squares import EXPERIMENT, NETWORK, write_films


def _experiment(folder: Path) -> Path:
    write_films(folder, count=4)
    (folder / "network.py").write_text(NETWORK)
    file = folder / "experiment.toml"
    file.write_text(EXPERIMENT.replace("GEOMETRY", "squash"))
    return file


def _table(folder: Path) -> Path:
    write_films(folder, count=4)
    return folder / "films.csv"


def _read_table(file: Path) -> None:
    films = Manifest(
        file, image="file", id="id", patient="patient", labels=("Square",), boxes="boxes",
        metadata=("fold",),
    )  # fmt: skip
    check(films)


def _parquet(folder: Path) -> Path:
    frame = polars.read_csv(_table(folder).read_bytes())
    frame.write_parquet(folder / "films.parquet")
    return folder / "films.parquet"


def _coco(folder: Path) -> Path:
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 32, "height": 32}],
        "categories": [{"id": 1, "name": "Nodule"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 8, 9]},
            {"id": 2, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]]},
            {"id": 3, "image_id": 1, "category_id": 1,
             "segmentation": {"size": [32, 32], "counts": [100, 50, 874]}},
        ],
    }  # fmt: skip
    file = folder / "coco.json"
    file.write_text(json.dumps(content))
    return file


def _read_coco(file: Path) -> None:
    for findings in read_coco(file).shapes.values():
        for shapes in findings.values():
            for shape in shapes:
                fit(shape, 32, 32)
                shape.mask(32, 32)


def _png(folder: Path) -> Path:
    values = np.random.default_rng(0).integers(0, 255, (24, 24), dtype=np.uint8)
    Image.fromarray(values).save(folder / "film.png")
    return folder / "film.png"


def _tiff(folder: Path) -> Path:
    Image.fromarray(np.arange(576, dtype=np.uint16).reshape(24, 24)).save(folder / "film.tif")
    return folder / "film.tif"


def _dicom(folder: Path) -> Path:
    film = FileDataset("x", {}, file_meta=FileMetaDataset(), preamble=b"\0" * 128)
    film.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    film.file_meta.MediaStorageSOPClassUID = film.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    film.file_meta.MediaStorageSOPInstanceUID = film.SOPInstanceUID = "1.2.3"
    film.Rows, film.Columns, film.BitsAllocated, film.BitsStored, film.HighBit = 16, 16, 16, 12, 11
    film.PixelRepresentation, film.SamplesPerPixel = 0, 1
    film.PhotometricInterpretation, film.PixelSpacing = "MONOCHROME2", ["0.1", "0.1"]
    film.RescaleSlope, film.RescaleIntercept, film.WindowCenter, film.WindowWidth = (
        "1",
        "0",
        "9",
        "8",
    )
    film.PixelData = np.arange(256, dtype="u2").tobytes()
    film.save_as(folder / "film.dcm", enforce_file_format=True)
    return folder / "film.dcm"


def _read_film(file: Path) -> None:
    film = ImageFile(file)
    film.size()
    film.header()
    values = film.read()
    assert np.isfinite(values).all()
    assert values.min() >= 0
    assert values.max() <= 1


def _model(folder: Path) -> Path:
    preprocessing = Preprocessing(Squash(64, 64), channels=1, mean=(0.5,), std=(0.25,))
    network = build("resnet10t(width=8)", "linear", ["a"], preprocessing, seed=0)
    identity = ModelId("resnet10t(width=8)", "linear", checkpoints=("x",))
    cards.save(network, cards.ModelCard(identity, ("a",), preprocessing), folder / "model")
    return folder / "model"


def _card(folder: Path) -> Path:
    file = _model(folder) / cards.CARD
    values = json.loads(file.read_text())
    del values["sha256"]  # so that what follows the digest is tried
    file.write_text(json.dumps(values))
    return file


def _weights(folder: Path) -> Path:
    return next(_model(folder).glob("*.safetensors"))


def _weights_of_torch(folder: Path) -> Path:
    torch.save({"state_dict": torch.nn.Linear(2, 3).state_dict()}, folder / "weights.pt")
    return folder / "weights.pt"


def _ensemble(folder: Path) -> Path:
    member = _model(folder)
    ensembles.save([member], np.ones((1, 1), bool), folder / "together")
    file = folder / "together" / ensembles.ENSEMBLE
    values = json.loads(file.read_text())
    del values["sha256"]
    file.write_text(json.dumps(values))
    return file


def _spec(text: str) -> Callable[[Path], Path]:
    def seed(folder: Path) -> Path:
        (folder / "spec.txt").write_text(text)
        return folder / "spec.txt"

    return seed


def _text(file: Path) -> str:
    return file.read_bytes().decode(errors="replace")


def _runs(folder: Path) -> Path:
    mask = np.zeros((24, 24), np.uint8, order="F")
    mask[3:9, 5:20] = 1
    (folder / "runs.txt").write_bytes(coco.encode(mask)["counts"])
    return folder / "runs.txt"


PARSERS: Mapping[str, Parser] = {
    parser.name: parser
    for parser in (
        Parser("experiment", _experiment, lambda file: open_workspace(load(file))),
        Parser("table", _table, _read_table),
        Parser("table in Parquet", _parquet, _read_table, text=False),
        Parser("coco", _coco, _read_coco),
        *(
            Parser(
                f"annotations: {spec}",
                annotation_files.seed(spec),
                annotation_files.read(spec),
                text=spec not in annotation_files.BINARY,
            )
            for spec in annotation_files.SPECS
        ),
        Parser("png", _png, _read_film, text=False),
        Parser("tiff", _tiff, _read_film, text=False),
        Parser("dicom", _dicom, _read_film, text=False),
        Parser("card", _card, lambda file: cards.load(file.parent)),
        Parser("ensemble", _ensemble, lambda file: ensembles.load(file.parent)),
        Parser("weights", _weights, read_state, text=False),
        Parser("weights of torch", _weights_of_torch, read_state, text=False),
        Parser("run lengths", _runs, lambda file: raster(lengths_of(_text(file)), (24, 24))),
        Parser(
            "spec of a method",
            _spec("smooth_grad(base=integrated_gradients(steps=20), samples=5, noise=0.1)"),
            lambda file: methods.parse(_text(file)),
        ),
        Parser(
            "spec of a metric",
            _spec("iou(binarize=fixed(threshold=0.4))"),
            lambda file: metrics.parse(_text(file)),
        ),
        *OF_DATA_SETS,
        *OF_MAPS,
    )
}
