"""Phantoms written in the formats that published data sets have on disk.

Each writer fills a folder and returns the phantoms that it wrote, so that a test compares what was
read with what was drawn.
"""

import csv
import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from heatproof.data.datasets.phantom import Phantom
from heatproof.types import Annotation, Sample

SIZE = 64  # pixels of a phantom, each way
_NO_BOX: list[tuple[object, ...]] = [("", "", "", "")]
FRAME = 1024  # of the films that boxes of RSNA, SIIM and NIH are drawn on


def phantoms(images: int = 8, seed: int = 3) -> list[Sample]:
    """Films with and without nodules, some of one patient."""
    drawn = Phantom(images=images, seed=seed, size=SIZE, nodules=(1, 2))
    return [drawn[index] for index in range(len(drawn))]


def patient_of(film: Sample) -> int:
    """The number of a phantom's patient."""
    return int((film.patient_id or "0")[-6:])


def is_positive(film: Sample) -> bool:
    """Whether the film has a nodule."""
    return any(film.labels.values())


def _nodules(mark: Annotation) -> tuple[Any, ...]:
    """The ellipses of a phantom's mark."""
    shape: Any = mark.shape
    return tuple(shape.ellipses)


def boxes_of(film: Sample, scale: float = 1.0) -> list[tuple[float, float, float, float]]:
    """x, y, width and height of the box around each nodule, in pixels times ``scale``."""
    boxes = []
    for mark in film.annotations:
        for nodule in _nodules(mark):
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
    """The pixels, of 8 bits."""
    return np.round(film.pixels.read() * 255).astype(np.uint8)


def write_dicom(path: Path, pixels: np.ndarray, photometric: str = "MONOCHROME2") -> None:
    """A secondary capture; stored values of ``MONOCHROME1`` are turned around."""
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
    """A table, with its header as the first row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def rsna_name(number: int) -> str:
    """The patientId of a film."""
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
        for box in boxes or _NO_BOX:
            labels.append((name, *box, int(is_positive(film))))
            classes.append((name, "Lung Opacity" if boxes else healthy))
        patient = patient_of(film)
        mapping.append({"subset_img_id": name, "img_id": f"{patient:08d}_{number:03d}.png"})
    write_csv(root / "stage_2_train_labels.csv", labels)
    write_csv(root / "stage_2_detailed_class_info.csv", classes)
    path = root / "pneumonia-challenge-dataset-mappings_2018.json"
    path.write_text(json.dumps(mapping), encoding="utf-8")


REGIONS = ("ELBOW", "WRIST", "HAND")


def mura_names(films: Sequence[Sample]) -> list[str]:
    """Films by the names that studies gave them; every fourth is of the official train part."""
    names = []
    for number, film in enumerate(films):
        part = "valid" if number % 4 else "train"
        patient = patient_of(film)
        region = REGIONS[patient % len(REGIONS)]
        names.append(f"{part}_{region}_p{patient:05d}_s{number % 2 + 1}_image{number}")
    return names


def write_mura(root: Path, films: Sequence[Sample], *, renamed: bool = False) -> None:
    """MURA: a tree of PNGs, or one folder of renamed films with ``labels.csv``."""
    table: list[Sequence[object]] = [("Image", "Positive")]
    for name, film in zip(mura_names(films), films, strict=True):
        part, region, patient, study, image = name.split("_")
        label = "positive" if is_positive(film) else "negative"
        folder = (
            root / part / f"XR_{region}" / f"patient{patient[1:]}" / f"study{study[1:]}_{label}"
        )
        path = root / "images" / f"{name}.png" if renamed else folder / f"{image}.png"
        write_picture(path, grey(film))
        # What macOS left in the archive.
        path.with_name(f"._{path.name}").write_bytes(b"\0")
        table.append((f"{name}.png", int(is_positive(film))))
    if renamed:
        write_csv(root / "labels.csv", table)


VIA = (
    "filename", "file_size", "file_attributes", "region_count", "region_id",
    "region_shape_attributes", "region_attributes",
)  # fmt: skip


def via_rect(x: float, y: float, width: float, height: float) -> dict[str, object]:
    """A rectangle, as the annotator writes it."""
    return {"name": "rect", "x": int(x), "y": int(y), "width": int(width), "height": int(height)}


def via_polygon(points: Sequence[tuple[int, int]]) -> dict[str, object]:
    """A polygon, as the annotator writes it."""
    xs, ys = zip(*points, strict=True)
    return {"name": "polygon", "all_points_x": list(xs), "all_points_y": list(ys)}


def write_via(path: Path, marks: dict[str, list[dict[str, object]]]) -> None:
    """The CSV export of the VGG Image Annotator; a film without a region has one row with {}."""
    rows: list[Sequence[object]] = [VIA]
    for name, shapes in marks.items():
        for number, shape in enumerate(shapes or [{}]):
            attributes = json.dumps({"Abnormal Subclass Label": "fracture\n"})
            text = json.dumps(shape, separators=(",", ":"))
            rows.append((f"{name}.png", 1000, "{}", len(shapes), number, text, attributes))
    write_csv(path, rows)


def write_mura_readers(folder: Path, films: Sequence[Sample]) -> None:
    """Three readers of the abnormal films.

    The first draws a box around each nodule, the second the same as polygons, the third a box in
    another place.  On the last film the second draws nothing, so that no pixel is agreed on.
    """
    abnormal = [
        (name, film) for name, film in zip(mura_names(films), films, strict=True)
        if is_positive(film)
    ]  # fmt: skip
    readers: dict[str, dict[str, list[dict[str, object]]]] = {"rad1": {}, "rad2": {}, "rad3": {}}
    for name, film in abnormal:
        boxes = boxes_of(film)
        readers["rad1"][name] = [via_rect(*box) for box in boxes]
        readers["rad2"][name] = [
            via_polygon([(int(x), int(y)), (int(x + w), int(y)), (int(x + w), int(y + h)),
                         (int(x), int(y + h))])
            for x, y, w, h in boxes
        ]  # fmt: skip
        readers["rad3"][name] = [via_rect(1.0, 1.0, 3.0, 2.0)]
    readers["rad2"][abnormal[-1][0]] = []
    for reader, marks in readers.items():
        write_via(folder / f"{reader}_annotations.csv", marks)
    rows: list[Sequence[object]] = [("", "Image", "rad1", "rad2", "rad3", "lumped_subgroup")]
    for number, (name, _) in enumerate(abnormal[:-1]):
        rows.append((number, f"{name}.png", "['{}']", "['{}']", "['{}']", "hardware/fracture"))
    write_csv(folder / "subgroups.csv", rows)


def siim_name(number: int) -> str:
    """The ImageId of a film."""
    return f"1.2.276.0.7230010.3.1.4.8323329.{1000 + number}.1517875165.{878027 + number}"


def siim_masks(film: Sample) -> list[np.ndarray]:
    """The mask of each nodule at the size that run lengths are of."""
    thick = [n.thickness(SIZE) > 0 for mark in film.annotations for n in _nodules(mark)]
    return [np.kron(mask, np.ones((FRAME // SIZE,) * 2)).astype(bool) for mask in thick]


def relative_runs(mask: np.ndarray) -> str:
    """Pairs of the gap from the end of the run before, and a length, down the columns."""
    flat = mask.T.ravel().astype(int)
    starts = np.flatnonzero(np.diff(flat, prepend=0) == 1)
    ends = np.flatnonzero(np.diff(flat, append=0) == -1) + 1
    gaps = starts - np.concatenate([[0], ends[:-1]])
    return " ".join(f"{gap} {length}" for gap, length in zip(gaps, ends - starts, strict=True))


def write_siim(root: Path, films: Sequence[Sample]) -> None:
    """SIIM-ACR pneumothorax: DICOM in folders by study and series, a row per outline."""
    rows: list[Sequence[object]] = [("ImageId", " EncodedPixels")]
    for number, film in enumerate(films):
        name = siim_name(number)
        folder = root / "dicom-images-train" / f"{name}.1" / f"{name}.2"
        # Low values of every second film are bright.
        kind = "MONOCHROME1" if number % 2 else "MONOCHROME2"
        write_dicom(folder / f"{name}.dcm", grey(film), kind)
        rows += [(name, f" {runs}") for runs in map(relative_runs, siim_masks(film))] or [
            (name, " -1")
        ]
    write_csv(root / "train-rle.csv", rows)


def nih_names(films: Sequence[Sample]) -> list[str]:
    """Films by patient and number, as ChestX-ray14 names them."""
    names: list[str] = []
    seen: dict[int, int] = {}
    for film in films:
        patient = patient_of(film) + 1
        seen[patient] = seen.get(patient, -1) + 1
        names.append(f"{patient:08d}_{seen[patient]:03d}.png")
    return names


NIH_LABELS = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,{},View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]{}\n"
)


def write_nih(root: Path, films: Sequence[Sample], *, later: bool = True) -> None:
    """ChestX-ray14 in several folders of PNGs, with the later table or that of 2017."""
    names = nih_names(films)
    text = NIH_LABELS.format("Patient Sex" if later else "Patient Gender", "" if later else ",")
    boxes = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
    for number, (name, film) in enumerate(zip(names, films, strict=True)):
        write_picture(root / f"images_00{number % 2 + 1}" / "images" / name, grey(film))
        findings = "Infiltration|Nodule" if is_positive(film) else "No Finding"
        patient = str(int(name[:8])) if later else name[:8]
        age = 414 if number == 0 else 40 + number
        written, end = (str(age), "") if later else (f"{age:03d}Y", ",")
        text += f"{name},{findings},0,{patient},{written},F,PA,2682,2749,0.143,0.143{end}\n"
        for x, y, width, height in boxes_of(film, FRAME / SIZE):
            boxes += f"{name},Infiltrate,{x},{y},{width},{height}\n"
    table = "Data_Entry_2017_v2020.csv" if later else "Data_Entry_2017.csv"
    (root / table).write_text(text, encoding="utf-8")
    (root / "BBox_List_2017.csv").write_text(boxes, encoding="utf-8")
    # By patient, as the official split: the last patient's films are for testing.
    last = names[-1][:8]
    for file, is_test in (("train_val_list.txt", False), ("test_list.txt", True)):
        kept = [name for name in names if (name[:8] == last) == is_test]
        (root / file).write_text("\n".join(kept), encoding="utf-8")


CHEXPERT = (
    "Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", "No Finding", "Enlarged Cardiomediastinum",
    "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation", "Pneumonia",
    "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture",
    "Support Devices",
)  # fmt: skip


def chexpert_names(films: Sequence[Sample]) -> list[str]:
    """Films by patient, study and view; every third is lateral."""
    return [
        f"patient{patient_of(film) + 1:05d}/study{number // 3 + 1}/"
        f"view{number % 3 + 1}_{'frontal' if number % 3 else 'lateral'}"
        for number, film in enumerate(films)
    ]


def write_chexpert(root: Path, films: Sequence[Sample], split: str = "train") -> None:
    """CheXpert: JPEG, and a table with 1, 0, -1 (of every third film, of Edema) and blanks."""
    rows: list[Sequence[object]] = [CHEXPERT]
    for number, (name, film) in enumerate(zip(chexpert_names(films), films, strict=True)):
        write_picture(root / split / f"{name}.jpg", grey(film))
        side = "Frontal" if name.endswith("frontal") else "Lateral"
        cells = dict.fromkeys(CHEXPERT[5:], "")
        cells["Lung Lesion"] = "1.0" if is_positive(film) else "0.0"
        cells["Edema"] = "0.0" if number % 3 else "-1.0"
        view = "AP" if side == "Frontal" else ""
        path = f"{root.name}/{split}/{name}.jpg"
        rows.append((path, "Female", 40 + number, side, view, *cells.values()))
    write_csv(root / f"{split}.csv", rows)


VINDR = ("image_id", "rad_id", "class_name", "x_min", "y_min", "x_max", "y_max")


def vindr_name(number: int) -> str:
    """The image_id of a film."""
    return f"{number:032x}"


def write_vindr(root: Path, films: Sequence[Sample]) -> None:
    """VinDr-CXR of PhysioNet: three readers of each training film, one table of five for testing.

    R1 and R2 draw the box around each nodule, R3 nothing.  On the first film with a nodule R2 draws
    nothing either.  R1 alone says of every film that it shows tuberculosis.
    """
    rows: list[Sequence[object]] = [VINDR]
    labels: list[Sequence[object]] = [
        ("image_id", "rad_id", "Nodule/Mass", "Tuberculosis", "No finding")
    ]
    agreed: list[Sequence[object]] = [tuple(name for name in VINDR if name != "rad_id")]
    first = next(number for number, film in enumerate(films) if is_positive(film))
    for number, film in enumerate(films):
        name = vindr_name(number)
        for split in ("train", "test"):
            write_dicom(root / split / f"{name}.dicom", grey(film), "MONOCHROME1")
        boxes = [(x, y, x + width, y + height) for x, y, width, height in boxes_of(film)]
        none: tuple[object, ...] = ("No finding", "", "", "", "")
        drawn: list[tuple[object, ...]] = [("Nodule/Mass", *box) for box in boxes] or [none]
        for reader in ("R1", "R2", "R3"):
            silent = reader == "R3" or (reader == "R2" and number == first)
            rows += [(name, reader, *row) for row in ([none] if silent else drawn)]
            named = int(bool(boxes) and not silent)
            labels.append((name, reader, named, int(reader == "R1"), 1 - named))
        agreed += [(name, *row) for row in drawn]
    write_csv(root / "annotations" / "annotations_train.csv", rows)
    write_csv(root / "annotations" / "image_labels_train.csv", labels)
    write_csv(root / "annotations" / "annotations_test.csv", agreed)


MIMIC = (
    "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum",
    "Fracture", "Lung Lesion", "Lung Opacity", "No Finding", "Pleural Effusion", "Pleural Other",
    "Pneumonia", "Pneumothorax", "Support Devices",
)  # fmt: skip


def mimic_name(number: int) -> str:
    """The dicom_id of a film."""
    return "-".join(f"{number + place:08x}" for place in range(5))


def write_mimic(root: Path, films: Sequence[Sample]) -> None:
    """MIMIC-CXR-JPG: a study per film, of which the last has no labels; compressed tables."""
    metadata: list[Sequence[object]] = [("dicom_id", "subject_id", "study_id", "ViewPosition")]
    parts: list[Sequence[object]] = [("dicom_id", "study_id", "subject_id", "split")]
    labels: list[Sequence[object]] = [("subject_id", "study_id", *MIMIC)]
    for number, film in enumerate(films):
        name, study = mimic_name(number), 50000000 + number
        patient = 10000000 + patient_of(film)
        folder = root / "files" / f"p{str(patient)[:2]}" / f"p{patient}" / f"s{study}"
        write_picture(folder / f"{name}.jpg", grey(film))
        metadata.append((name, patient, study, "PA" if number % 3 else "LATERAL"))
        parts.append((name, study, patient, "test" if number % 2 else "train"))
        cells = dict.fromkeys(MIMIC, "")
        cells["Lung Lesion"] = "1.0" if is_positive(film) else "0.0"
        cells["Edema"] = "-1.0"
        labels.append((patient, study, *cells.values()))
    for kind, rows in (("metadata", metadata), ("split", parts), ("chexpert", labels[:-1])):
        path = root / f"mimic-cxr-2.0.0-{kind}.csv"
        write_csv(path, rows)
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
