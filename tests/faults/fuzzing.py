"""Inputs that nobody would write on purpose: a parser reads them, or answers in words.

A parser takes a file and reads it; whatever it raises is a ``HeatproofError``.  Importers of maps
are not among ``PARSERS``; ``tests/maps/importers`` tries damaged files of each.
"""

import json
import random
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset

from heatproof.data.annotations import fit
from heatproof.data.annotations.formats.coco import read_coco
from heatproof.data.check import check
from heatproof.data.datasets import datasets
from heatproof.data.datasets.manifest import Manifest
from heatproof.data.geometry import Squash
from heatproof.data.pixels import ImageFile
from heatproof.errors import HeatproofError
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
from tests.on_disk import phantoms, write_ms_cxr, write_padchest_gr
from tests.squares import EXPERIMENT, NETWORK, write_films

Read = Callable[[Path], object]
# Values that stand where others are expected, as text of JSON, TOML, CSV or a spec.
ODD = (
    "", " ", "0", "-1", "1e999", "nan", "NaN", "Infinity", "null", "None", "true", "[]", "{}",
    '""', "'", '"', "9" * 5000, "[" * 100_000, "(" * 3000, "-" * 3000, "x" * 5000, "\0", "\n", "\r",
    "\ufeff", "\x1b[2J", "\u202e", "../../x", "/etc/passwd", "=1+1", "a" + "\u0301" * 500,
    "\N{GRINNING FACE}", "1" + "0" * 400, "0x1F", "1_000", "1,5", "{'a': 1}",
)  # fmt: skip


@dataclass(frozen=True)
class Parser:
    """One kind of input.

    Attributes:
        name: What it is called in results.
        seed: Makes the folder with a good input, and returns the file that is changed.
        read: Reads it.
        text: Whether parts of its text are replaced, beside bytes.
    """

    name: str
    seed: Callable[[Path], Path]
    read: Read
    text: bool = True


@dataclass(frozen=True)
class Finding:
    """An input that was not answered in words."""

    parser: str
    seed: int
    error: str


def changed(content: bytes, chance: random.Random, text: bool) -> bytes:
    """The content with one to three changes."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        place, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        kind = chance.choice(("flip", "cut", "odd", "odd", "double", "noise", "token", "token"))
        match kind:
            case "flip" if data:
                data[min(place, len(data) - 1)] ^= 1 << chance.randrange(8)
            case "cut":
                del data[place : min(end, place + chance.choice((1, 4, 64, 10**9)))]
            case "odd" if text:
                data[place:place] = chance.choice(ODD).encode()
            case "double":
                data[place:place] = data[place : place + 200]
            case "noise":
                data[place : place + 8] = chance.randbytes(8)
            case "token" if text:
                data = bytearray(_token(bytes(data), chance))
    return bytes(data)


def _token(content: bytes, chance: random.Random) -> bytes:
    """The content with one value replaced by an odd one."""
    breaks = [n for n, byte in enumerate(content) if byte in b',:="[]{}()\n ']
    if len(breaks) < 2:
        return content
    number = chance.randrange(len(breaks) - 1)
    start, end = breaks[number] + 1, breaks[number + 1]
    return content[:start] + chance.choice(ODD).encode() + content[end:]


def fuzz(parser: Parser, folder: Path, seeds: range) -> tuple[int, list[Finding]]:
    """How many inputs were answered in words, and those that were not."""
    folder.mkdir(parents=True, exist_ok=True)
    file = parser.seed(folder)
    good, answered, findings = file.read_bytes(), 0, []
    parser.read(file)  # the good one is read
    for seed in seeds:
        chance = random.Random(f"{parser.name} {seed}")
        file.write_bytes(changed(good, chance, parser.text))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                parser.read(file)
        except HeatproofError:
            answered += 1
        except Exception as error:
            findings.append(Finding(parser.name, seed, f"{type(error).__name__}: {error}"[:300]))
    file.write_bytes(good)
    return answered, findings


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


def _ms_cxr(folder: Path) -> Path:
    write_ms_cxr(folder, phantoms(4))
    return folder / "MS_CXR_Local_Alignment_v1.1.0.csv"


def _padchest_gr(folder: Path) -> Path:
    write_padchest_gr(folder, phantoms(4))
    return folder / "grounded_reports_20240819.json"


def _read_data_set(name: str) -> Read:
    return lambda file: check(datasets.build(name, {"root": str(file.parent)}))


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


PARSERS: Mapping[str, Parser] = {
    parser.name: parser
    for parser in (
        Parser("experiment", _experiment, lambda file: open_workspace(load(file))),
        Parser("table", _table, _read_table),
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
        Parser("ms_cxr", _ms_cxr, _read_data_set("ms_cxr")),
        Parser("padchest_gr", _padchest_gr, _read_data_set("padchest_gr")),
        Parser("png", _png, _read_film, text=False),
        Parser("tiff", _tiff, _read_film, text=False),
        Parser("dicom", _dicom, _read_film, text=False),
        Parser("card", _card, lambda file: cards.load(file.parent)),
        Parser("ensemble", _ensemble, lambda file: ensembles.load(file.parent)),
        Parser("weights", _weights, read_state, text=False),
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
    )
}
