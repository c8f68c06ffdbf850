"""MS-CXR and PadChest-GR: phrases of reports, with the regions that show them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heatproof.data.on_disk import (
    SIZE,
    boxes_of,
    grey,
    is_positive,
    mimic_name,
    patient_of,
    write_csv,
    write_picture,
)
from heatproof.types import Sample

MS_CXR = (
    "dicom_id", "category_name", "label_text", "path", "x", "y", "w", "h", "image_width",
    "image_height", "split",
)  # fmt: skip


def write_ms_cxr(root: Path, films: Sequence[Sample], *, scale: int = 2) -> None:
    """MS-CXR and the films of MIMIC-CXR-JPG: a phrase per film with a box around each nodule.

    Boxes are of films that are ``scale`` times as large as those on the disk.
    """
    rows: list[Sequence[object]] = [MS_CXR]
    for number, film in enumerate(films):
        name, patient = mimic_name(number), 10000000 + patient_of(film)
        path = f"files/p{str(patient)[:2]}/p{patient}/s{50000000 + number}/{name}.jpg"
        if is_positive(film):
            write_picture(root / path, grey(film))
        part = "test" if number % 2 else "train"
        for x, y, width, height in boxes_of(film, float(scale)):
            cells = (x, y, width, height, SIZE * scale, SIZE * scale, part)
            rows.append((name, "Lung Opacity", "an opacity, here", path, *cells))
    write_csv(root / "MS_CXR_Local_Alignment_v1.1.0.csv", rows)


def padchest_name(number: int) -> str:
    """The ImageID of a film."""
    return f"{216840111366964012283393834152009033102258826 + number}_00-059-087.png"


def write_padchest_gr(root: Path, films: Sequence[Sample]) -> None:
    """PadChest-GR: both readers show the nodules, the second only the first of them.

    Each film has a normal sentence, and each abnormal one a sentence that cannot be shown.
    """
    reports: list[dict[str, object]] = []
    rows: list[Sequence[object]] = [
        ("StudyID", "ImageID", "PatientID", "PatientSex_DICOM", "label", "split")
    ]
    for number, film in enumerate(films):
        name = padchest_name(number)
        pixels = grey(film).astype(np.uint16) * 16  # of 12 bits, in files of 16
        write_picture(root / "Padchest_GR_files" / "PadChest_GR" / name, pixels)
        shares = [
            [x / SIZE, y / SIZE, (x + width) / SIZE, (y + height) / SIZE]
            for x, y, width, height in boxes_of(film)
        ]
        findings: list[dict[str, Any]] = [{
            "sentence_en": "No pleural effusion.", "sentence_es": "Sin derrame.", "abnormal": False,
            "boxes": [], "extra_boxes": [], "labels": ["pleural effusion"], "locations": [],
        }]  # fmt: skip
        if shares:
            findings += [
                {"sentence_en": "Nodules.", "sentence_es": "Nódulos.", "abnormal": True,
                 "boxes": shares, "extra_boxes": shares[:1], "labels": ["nodule"],
                 "locations": ["lung"]},
                {"sentence_en": "Signs of COPD.", "sentence_es": "Signos de EPOC.",
                 "abnormal": True, "boxes": [], "extra_boxes": [], "labels": ["COPD signs"],
                 "locations": []},
            ]  # fmt: skip
        reports.append({"StudyID": f"s{number}", "ImageID": name, "findings": findings})
        part = "test" if number % 2 else "train"
        rows += [
            (f"s{number}", name, film.patient_id, "F", finding["labels"][0], part)
            for finding in findings
        ]
    path = root / "grounded_reports_20240819.json"
    path.write_text(json.dumps(reports, ensure_ascii=False), encoding="utf-8")
    write_csv(root / "master_table.csv", rows)
