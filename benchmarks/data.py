"""Films read and prepared on one core, beside the bare decoder; a long table; many headers.

Run ``python benchmarks/data.py``; it writes ``benchmarks/results/data.json``.  Films are phantoms
of 1,024 x 1,024 pixels, prepared as inputs of 320 x 320: resampled as torchvision does, normalized,
as a tensor.  Asked for is at least 80% of the films per second that the decoder alone gives.  An
uncompressed DICOM is hardly decoded at all, so that any resampling takes longer; the decoder
together with the same resampling (PyTorch's), and with those of OpenCV and Pillow that smooth
likewise (and give other values), is measured, too: the fastest of the three is what could be
reached.  Time is the process's own, median of rounds in turn, so that a busy machine hurts less.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import pydicom
import torch
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    ExplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)
from side_by_side import by_clock

from heatproof import Preprocessing, Squash
from heatproof.data.datasets.phantom import Phantom
from heatproof.data.pixels import ImageFile

SIZE, SIDE, FILMS, ROUNDS = 1024, 320, 4, 5
INPUT = Preprocessing(Squash(SIDE, SIDE), channels=1, mean=(0.5,), std=(0.25,))
ROWS, HEADERS, FEW_HEADERS = 300_000, 100_000, 2_000


def dicom(path: Path, pixels: np.ndarray, syntax: str | None = None, bits: int = 12) -> Path:
    """A film of 12 of 16 bits, uncompressed or compressed."""
    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.SOPClassUID, film.SOPInstanceUID = ComputedRadiographyImageStorage, generate_uid()
    film.file_meta.MediaStorageSOPClassUID = film.SOPClassUID
    film.file_meta.MediaStorageSOPInstanceUID = film.SOPInstanceUID
    film.Rows, film.Columns = pixels.shape
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = (
        16,
        bits,
        bits - 1,
        0,
    )
    film.WindowCenter, film.WindowWidth = 2048, 4096
    film.PixelData = pixels.tobytes()
    if syntax:
        film.compress(syntax, generate_instance_uid=False)
    film.save_as(path, enforce_file_format=True)
    return path


def bare_dicom(path: Path) -> np.ndarray:
    return pydicom.dcmread(path).pixel_array


def bare_pillow(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def resampled(pixels: np.ndarray) -> torch.Tensor:
    film = torch.from_numpy(pixels.astype(np.float32))[None, None]
    return torch.nn.functional.interpolate(film, (SIDE, SIDE), mode="bilinear", antialias=True)


def by_opencv(pixels: np.ndarray) -> np.ndarray:
    return cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def by_pillow(pixels: np.ndarray) -> np.ndarray:
    film = Image.fromarray(pixels if pixels.dtype == np.uint8 else pixels.astype(np.float32))
    return np.asarray(film.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def prepared(path: Path) -> torch.Tensor:
    return INPUT.tensor(ImageFile(path).read())


def films(folder: Path) -> dict[str, tuple[list[Path], Callable[[Path], np.ndarray]]]:
    """Files of each kind, and the bare decoder of the kind."""
    kinds: dict[str, list[Path]] = {
        "png": [],
        "dicom": [],
        "dicom, JPEG-LS": [],
        "dicom, RLE": [],
    }
    noise = np.random.default_rng(0)
    for number, film in enumerate(Phantom(images=FILMS, size=SIZE)):
        grey = film.pixels.read()
        grey = np.clip(grey + noise.normal(0, 0.004, grey.shape), 0, 1)  # of a detector
        words = np.round(grey * 4095).astype(np.uint16)
        png = folder / f"f{number}.png"
        Image.fromarray(np.round(grey * 255).astype(np.uint8)).save(png)
        kinds["png"].append(png)
        for kind, syntax in (
            ("dicom", None), ("dicom, JPEG-LS", JPEGLSLossless), ("dicom, RLE", RLELossless),
        ):  # fmt: skip
            try:
                kinds[kind].append(dicom(folder / f"{kind[-3:]}{number}.dcm", words, syntax))
            except (RuntimeError, NotImplementedError) as error:  # no encoder of it is installed
                print(f"{kind}: left out ({str(error)[:60]})", file=sys.stderr)
    bare = {"png": bare_pillow}
    return {kind: (paths, bare.get(kind, bare_dicom)) for kind, paths in kinds.items() if paths}


def reading(folder: Path) -> dict[str, dict[str, float]]:
    told = {}
    for kind, (paths, bare) in films(folder).items():
        runs = {
            "decoder": lambda p=paths, b=bare: [b(path) for path in p],
            "decoder and resampling": lambda p=paths, b=bare: [resampled(b(path)) for path in p],
            "decoder and OpenCV's resampling": lambda p=paths, b=bare: [
                by_opencv(b(path)) for path in p
            ],
            "decoder and Pillow's resampling": lambda p=paths, b=bare: [
                by_pillow(b(path)) for path in p
            ],
            "heatproof": lambda p=paths: [prepared(path) for path in p],
        }
        _, seconds = by_clock(runs, ROUNDS)
        rates = {name: FILMS / taken for name, taken in seconds.items()}
        told[kind] = {f"films/s, {name}": round(rate, 1) for name, rate in rates.items()} | {
            "of the decoder": round(rates["heatproof"] / rates["decoder"], 2),
            "of decoder and resampling": round(
                rates["heatproof"] / rates["decoder and resampling"], 2
            ),
            "of the decoder, by the fastest resampling alone": round(
                max(rate for name, rate in rates.items() if "resampling" in name)
                / rates["decoder"],
                2,
            ),
        }
    return told


TABLE = """
import time, sys
from heatproof.data.datasets import datasets
from heatproof.data.overview import overview
# Not ``getrusage``, which begins with the peak of the process that started this one.
peak = lambda: int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1e3
before, imported = time.process_time(), peak()
options = {"csv": sys.argv[1], "labels": ("a", "b"), "patient": "patient", "view": "view"}
data = datasets.build("manifest", options)
found = overview(data)
print(time.process_time() - before, peak(), imported, found.films)
"""


def long_table(folder: Path) -> dict[str, float]:
    """Seconds and memory of what ``datasets show`` counts, in a process of its own."""
    table = folder / "long.csv"
    rows = (f"d/{i}.png,p{i // 3},{i % 2},{'' if i % 5 else 1},PA" for i in range(ROWS))
    table.write_text("\n".join(["image,patient,a,b,view", *rows]))
    ran = subprocess.run(
        [sys.executable, "-c", TABLE, table], capture_output=True, text=True, check=True
    )
    seconds, peak, imported, count = map(float, ran.stdout.split())
    assert count == ROWS
    return {
        "rows": ROWS,
        "processor seconds": round(seconds, 1),
        "peak memory, MB": round(peak),
        "of it before the table is read, MB": round(imported),
    }


def wide_table(folder: Path, columns: int = 30_000) -> dict[str, float]:
    from heatproof import Manifest

    table = folder / "wide.csv"
    names = ["image", "a", *(f"c{i}" for i in range(columns - 2))]
    rows = [",".join([f"{i}.png", str(i % 2), *["0"] * (columns - 2)]) for i in range(20)]
    table.write_text("\n".join([",".join(names), *rows]))
    start = time.process_time()
    assert len(Manifest(table, labels=("a",))) == 20
    return {
        "columns": columns,
        "rows": 20,
        "processor seconds": round(time.process_time() - start, 2),
    }


def headers(folder: Path) -> dict[str, dict[str, float]]:
    """Headers of many films checked as a run checks them, beside the bare library in one thread.

    The files are hard links to a few films: as many names to open, and no room on the disk.
    """
    from heatproof.data.check import check
    from heatproof.data.decoded import SamplesInMemory
    from heatproof.types import Sample

    def bare_png(path: Path) -> tuple[int, int]:
        with Image.open(path) as image:
            return image.size

    bare = {
        "dicom": lambda path: pydicom.dcmread(path, stop_before_pixels=True),
        "png": bare_png,
    }
    told = {}
    for kind, (originals, _) in films(folder).items():
        if kind not in bare:
            continue
        many = folder / f"many {kind}"
        many.mkdir()
        paths = [many / f"{number}{originals[0].suffix}" for number in range(HEADERS)]
        for number, path in enumerate(paths):
            os.link(originals[number % len(originals)], path)
        data = SamplesInMemory(
            ("a",), tuple(Sample(p.name, ImageFile(p), labels={"a": True}) for p in paths)
        )
        few = paths[:FEW_HEADERS]
        _, processor = by_clock({"bare": lambda few=few, kind=kind: [*map(bare[kind], few)]}, 3)
        starts = time.perf_counter(), time.process_time()
        assert check(data) == ()
        seconds = time.perf_counter() - starts[0], time.process_time() - starts[1]
        told[kind] = {
            "films": HEADERS,
            "seconds": round(seconds[0]),
            "processor seconds": round(seconds[1]),
            "headers/s": round(HEADERS / seconds[0]),
            "headers/s of the processor": round(HEADERS / seconds[1]),
            "headers/s of the processor, bare library": round(FEW_HEADERS / processor["bare"]),
        }
    return told


def main() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        result = {
            "what": "films read and prepared as inputs, on one core; a long and a wide table; headers",
            "command": "python benchmarks/data.py",
            "reading": reading(folder),
            "long table": long_table(folder),
            "wide table": wide_table(folder),
            "headers": headers(folder),
            "machine": {
                "system": platform.system(),
                "cores": os.cpu_count(),
                "load when measured": round(os.getloadavg()[0], 1),
            },
            "versions": {"python": platform.python_version()}
            | {
                name: version(name)
                for name in ("numpy", "pydicom", "pillow", "torch", "opencv-python-headless")
            },
        }
    path = Path(__file__).parent / "results" / "data.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
