"""Phantoms written in the formats that published data sets have on disk.

Each writer fills a folder and returns the phantoms that it wrote, so that a test compares what was
read with what was drawn.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from heatproof.data.datasets.phantom import Phantom
from heatproof.types import Sample

SIZE = 64  # pixels of a phantom, each way
FRAME = 1024  # of the films that boxes of RSNA, SIIM and NIH are drawn on


def phantoms(images: int = 8, seed: int = 3) -> list[Sample]:
    """Films with and without nodules, some of one patient."""
    return list(Phantom(images=images, seed=seed, size=SIZE, nodules=(1, 2)))


def is_positive(film: Sample) -> bool:
    return any(film.labels.values())


def boxes_of(film: Sample, scale: float = 1) -> list[tuple[float, float, float, float]]:
    """x, y, width and height of the box around each nodule, in pixels times ``scale``."""
    boxes = []
    for mark in film.annotations:
        for nodule in mark.shape.ellipses:
            ys, xs = np.nonzero(nodule.thickness(SIZE))
            corners = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
            x0, y0, x1, y1 = (float(corner * scale) for corner in corners)
            boxes.append((x0, y0, x1 - x0, y1 - y0))
    return boxes


def box_mask(boxes: Iterable[Sequence[float]], size: int = SIZE) -> np.ndarray:
    """Pixels inside any box of ``boxes_of`` in pixels."""
    mask = np.zeros((size, size), bool)
    for x, y, width, height in boxes:
        mask[round(y) : round(y + height), round(x) : round(x + width)] = True
    return mask


def grey(film: Sample) -> np.ndarray:
    return np.round(film.pixels.read() * 255).astype(np.uint8)


def write_dicom(path: Path, pixels: np.ndarray, photometric: str = "MONOCHROME2") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[path.stem])
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.BitsAllocated, data.BitsStored, data.HighBit = 1, 8, 8, 7
    data.PixelRepresentation = 0
    data.PhotometricInterpretation = photometric
    data.PixelData = (255 - pixels if photometric == "MONOCHROME1" else pixels).tobytes()
    pydicom.dcmwrite(path, data, enforce_file_format=True)


def write_picture(path: Path, pixels: np.ndarray) -> None:
    """A PNG, or a JPEG without a loss that matters, as the suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=95)


def write_csv(path: Path, rows: Iterable[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def rsna_name(number: int) -> str:
    return f"0004cfab-14fd-4e49-80ba-{number:012x}"


def write_rsna(root: Path, films: Sequence[Sample]) -> None:
    """RSNA pneumonia: DICOM, a row per box in both tables; every third healthy film is *other*."""
    labels: list[Sequence[object]] = [("patientId", "x", "y", "width", "height", "Target")]
    classes: list[Sequence[object]] = [("patientId", "class")]
    mapping = []
    for number, film in enumerate(films):
        name = rsna_name(number)
        write_dicom(root / "stage_2_train_images" / f"{name}.dcm", grey(film))
        healthy = "Normal" if number % 3 else "No Lung Opacity / Not Normal"
        boxes = boxes_of(film, FRAME / SIZE)
        for box in boxes or [("", "", "", "")]:
            labels.append((name, *box, int(is_positive(film))))
            classes.append((name, "Lung Opacity" if boxes else healthy))
        patient = int(film.patient_id[-6:])
        mapping.append({"subset_img_id": name, "img_id": f"{patient:08d}_{number:03d}.png"})
    write_csv(root / "stage_2_train_labels.csv", labels)
    write_csv(root / "stage_2_detailed_class_info.csv", classes)
    path = root / "pneumonia-challenge-dataset-mappings_2018.json"
    path.write_text(json.dumps(mapping), encoding="utf-8")
