"""Writes docs/results/preprocessing.md: preprocessing as heatproof says it, beside its owners' libraries.

python benchmarks/preprocessing.py                       # the page
pip install albumentations monai torchxrayvision         # what it compares with, beside heatproof's own dependencies

Phantom films of four sizes, as bytes, go through the library as its users call it, and through the preprocessing that
says the same in heatproof.  The difference is that of the networks' inputs, in grey levels: 1/255 of the range of the film.
Libraries that are not installed are left out of the page, and named.
"""

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from heatproof.data.datasets.phantom import Phantom
from heatproof.data.geometry import geometries
from heatproof.data.intensities import intensities
from heatproof.errors import ModelError
from heatproof.models.own_transform import NoWayBack, OwnTransform
from heatproof.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing

warnings.simplefilter("ignore")
PAGE = Path(__file__).parents[1] / "docs" / "results" / "preprocessing.md"
SIZES = ((420, 420), (381, 512), (640, 517), (1001, 803))
DISTRIBUTIONS = {"opencv": "opencv-python-headless", "pillow": "pillow"}
HEAD = """# Preprocessing, beside its owners' libraries

An auditor who changes what a network sees audits another network. This page compares what a network gets from each library, as its users call it, with
what it gets from the preprocessing that says the same in heatproof ([every key](../reference/preprocessing.md)): the largest difference over four phantom
films of {sizes}, in grey levels (1/255 of the range of the film; of a range that depends on the film, 1/255 of that). The last column is what
heatproof finds by itself when it gets the library's transform as `scaling = {{ transform = ... }}`: the geometry by which maps go back.

"""
FOOT = """
*Written by `benchmarks/preprocessing.py`, with {versions}.*{missing}
"""


@dataclass(frozen=True)
class Pair:
    """What a library does, and what says the same."""

    library: str
    does: str
    theirs: Callable[[np.ndarray], Any]
    takes: str | None
    ours: Preprocessing | None  # None where the library's own transform is what is said


def plain(geometry: str, channels: int = 3, **more: Any) -> Preprocessing:
    return Preprocessing(
        geometries.parse(geometry), channels, **({"mean": (0.0,), "std": (1.0,)} | more)
    )


def steps(*specs: str) -> tuple[Any, ...]:
    return tuple(intensities.parse(spec) for spec in specs)


def of_torchvision() -> list[Pair]:
    from torchvision.transforms import v2

    tensor = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
    normalize = v2.Normalize(IMAGENET_MEAN, IMAGENET_STD)
    both: dict[str, Any] = {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}
    cubic = v2.InterpolationMode.BICUBIC
    return [
        Pair("torchvision", "`Resize((224, 224))` of a picture, ImageNet", v2.Compose([v2.Resize((224, 224)), *tensor, normalize]), None, plain("squash(height=224, width=224, interpolation=pillow)", **both)),
        Pair("torchvision", "`Resize(256)`, `CenterCrop(224)` of a picture", v2.Compose([v2.Resize(256), v2.CenterCrop(224), *tensor]), None, plain("center_crop(height=224, width=224, resize=256, interpolation=pillow)")),
        Pair("torchvision", "the same, bicubic", v2.Compose([v2.Resize(256, cubic), v2.CenterCrop(224), *tensor]), None, plain("center_crop(height=224, width=224, resize=256, interpolation=pillow(mode='bicubic'))")),
        Pair("torch", "`Resize((320, 320))` of a tensor of bytes", v2.Compose([v2.ToImage(), v2.Resize((320, 320)), tensor[1]]), None, plain("squash(height=320, width=320, interpolation=torch(bits=8))")),
        Pair("torch", "`Resize((320, 320))` of a tensor of floats", v2.Compose([*tensor, v2.Resize((320, 320))]), None, plain("squash(height=320, width=320)")),
        Pair("torch", "the same, `antialias=False`", v2.Compose([*tensor, v2.Resize((320, 320), antialias=False)]), None, plain("squash(height=320, width=320, interpolation=torch(antialias=False))")),
        Pair("torchvision", "`equalize`, `Resize((224, 224))`", v2.Compose([v2.RandomEqualize(p=1.0), v2.Resize((224, 224)), *tensor]), None, plain("squash(height=224, width=224, interpolation=pillow)", before=steps("equalize(library='pillow')"))),
    ]  # fmt: skip


def of_pillow() -> list[Pair]:
    def resized(film: Image.Image) -> torch.Tensor:
        return torch.from_numpy(
            np.asarray(film.resize((224, 224), Image.Resampling.LANCZOS), np.float32) / 255
        )[None]

    return [
        Pair(
            "pillow",
            "`resize((224, 224), LANCZOS)`",
            resized,
            "grey",
            plain("squash(height=224, width=224, interpolation=pillow(mode='lanczos'))", 1),
        )
    ]


def of_opencv() -> list[Pair]:
    def bytes_of(film: np.ndarray) -> np.ndarray:
        return np.rint(film * 255).astype(np.uint8)

    def by(flag: int) -> Callable[[np.ndarray], torch.Tensor]:
        return lambda film: torch.from_numpy(
            cv2.resize(bytes_of(film), (320, 320), interpolation=flag).astype(np.float32) / 255
        )[None]

    def equalized(film: np.ndarray) -> torch.Tensor:
        flat = cv2.createCLAHE(2.0, (8, 8)).apply(bytes_of(film))
        return torch.from_numpy(cv2.resize(flat, (320, 320)).astype(np.float32) / 255)[None]

    return [
        Pair("opencv", "`cv2.resize(film, (320, 320))`", by(cv2.INTER_LINEAR), "film", plain("squash(height=320, width=320, interpolation=opencv)", 1)),
        Pair("opencv", "the same, `INTER_AREA`", by(cv2.INTER_AREA), "film", plain("squash(height=320, width=320, interpolation=opencv(mode='area'))", 1)),
        Pair("opencv", "`createCLAHE(2.0, (8, 8))`, then `cv2.resize`", equalized, "film", plain("squash(height=320, width=320, interpolation=opencv)", 1, before=steps("clahe(clip=2.0, tiles=8)"))),
    ]  # fmt: skip


def of_timm() -> list[Pair]:
    import timm

    def transform(**more: Any) -> Any:
        config = timm.data.resolve_data_config({}, model=timm.create_model("resnet18"))
        return timm.data.create_transform(**(config | more))

    both: dict[str, Any] = {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}
    cubic = "interpolation=pillow(mode='bicubic')"
    return [
        Pair("timm", "`create_transform(**resolve_data_config(...))` of resnet18", transform(), None, plain(f"center_crop(height=224, width=224, resize=235, {cubic})", **both)),
        Pair("timm", "the same, `crop_mode=\"squash\"`", transform(crop_mode="squash", crop_pct=0.875), None, plain(f"center_crop(height=224, width=224, resize=256, {cubic}, proportions=False)", **both)),
    ]  # fmt: skip


def of_albumentations() -> list[Pair]:
    import albumentations as A
    from albumentations.pytorch import ToTensorV2

    end = [A.Normalize(), ToTensorV2()]
    both: dict[str, Any] = {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}
    return [
        Pair("albumentations", "`Resize(320, 320)`, `Normalize()`", A.Compose([A.Resize(320, 320), *end]), None, plain("squash(height=320, width=320, interpolation=opencv)", **both)),
        Pair("albumentations", "`CLAHE((2, 2), p=1)`, `Resize(320, 320)`: three unlike channels", A.Compose([A.CLAHE((2, 2), p=1), A.Resize(320, 320), *end]), None, None),
        Pair("albumentations", "`LongestMaxSize(320)`, `PadIfNeeded(320, 320)` with 0", A.Compose([A.LongestMaxSize(320), A.PadIfNeeded(320, 320, border_mode=0, fill=0), *end]), None, plain("letterbox(height=320, width=320, interpolation=opencv)", **both)),
    ]  # fmt: skip


def of_monai() -> list[Pair]:
    import monai.transforms as M

    return [
        Pair("monai", "`Resize((256, 256))`, `ScaleIntensity()`", M.Compose([M.Resize((256, 256)), M.ScaleIntensity()]), None, plain("squash(height=256, width=256, interpolation=torch(mode='area'))", 1, after=steps("min_max"))),
        Pair("monai", "`Resize((256, 256), mode=\"bilinear\")`, `NormalizeIntensity()`", M.Compose([M.Resize((256, 256), mode="bilinear"), M.NormalizeIntensity()]), None, plain("squash(height=256, width=256, interpolation=torch(antialias=False))", 1, after=steps("z_score"))),
        Pair("monai", "`ScaleIntensityRangePercentiles(1, 99, 0, 1, clip=True)`, `ResizeWithPadOrCrop((400, 400))`", M.Compose([M.ScaleIntensityRangePercentiles(1, 99, 0, 1, clip=True), M.ResizeWithPadOrCrop((400, 400))]), None, plain("pad_or_crop(height=400, width=400)", 1, before=steps("percentiles(low=1.0, high=99.0)"))),
    ]  # fmt: skip


def of_torchxrayvision() -> list[Pair]:
    import torchxrayvision as xrv
    from torchvision.transforms import Compose

    crop = [xrv.datasets.XRayCenterCrop(), xrv.datasets.XRayResizer(224)]
    return [
        Pair(
            "torchxrayvision",
            "`XRayCenterCrop()`, `XRayResizer(224)`, -1024 to 1024",
            Compose(crop),
            None,
            plain(
                "crop_resize(height=224, width=224, interpolation=skimage(border='constant'))",
                1,
                before=steps("to_range(low=-1024.0, high=1024.0)"),
            ),
        )
    ]


MAKERS = {"pillow": of_pillow, "torchvision": of_torchvision, "opencv": of_opencv, "timm": of_timm, "albumentations": of_albumentations, "monai": of_monai, "torchxrayvision": of_torchxrayvision}  # fmt: skip
MODULES = {"opencv": "cv2", "pillow": "PIL"}


def films() -> list[np.ndarray]:
    """Phantoms as bytes in [0, 1], of several sizes."""
    drawn = []
    for sample, size in zip(Phantom(images=len(SIZES), seed=3, size=1024), SIZES, strict=True):
        film = cv2.resize(sample.pixels.read(), size[::-1], interpolation=cv2.INTER_AREA)
        drawn.append((np.rint(np.clip(film, 0, 1) * 255) / 255).astype(np.float32))
    return drawn


def row(pair: Pair) -> str:
    own = OwnTransform(pair.theirs, pair.takes)
    worst = 0.0
    for film in films():
        theirs, ours = called_by_hand(pair, own, film), (pair.ours or own).tensor(film)
        if theirs.shape != ours.shape:
            raise ModelError(f"{pair.does}: {theirs.shape} and {ours.shape}")
        try:
            range_ = float(((pair.ours or own).white - (pair.ours or own).black).max())
        except ModelError:
            range_ = float(theirs.max() - theirs.min())
        worst = max(worst, float((theirs - ours).abs().max()) / range_ * 255)
    found = own.geometry
    back = found.reason if isinstance(found, NoWayBack) else f"`{geometries.spec(found)}`"
    told = ", ".join(said_by(pair.ours)) if pair.ours else '`transform = "file.py:name"`'
    return f"| {pair.library} | {pair.does} | {told} | {worst:.2f} | {back} |"


def called_by_hand(pair: Pair, own: OwnTransform, film: np.ndarray) -> torch.Tensor:
    """What the library gives, without heatproof where that is what is compared."""
    if pair.ours is not None:
        return own.tensor(film)
    colour = np.repeat(np.rint(film * 255).astype(np.uint8)[:, :, None], 3, axis=2)
    return pair.theirs(image=colour)["image"]


def said_by(ours: Preprocessing) -> list[str]:
    said = [f"`{geometries.spec(ours.geometry)}`"]
    said += [f"before `{intensities.spec(one)}`" for one in ours.before]
    said += [f"after `{intensities.spec(one)}`" for one in ours.after]
    return said


def main() -> None:
    lines = [
        "| library | as its users call it | in heatproof | largest difference, grey levels | found by itself |",
        "|---|---|---|---|---|",
    ]
    there, missing = [], []
    for name, make in MAKERS.items():
        if importlib.util.find_spec(MODULES.get(name, name)) is None:
            missing.append(name)
            continue
        there.append(f"{name} {version(DISTRIBUTIONS.get(name, name))}")
        lines += [row(pair) for pair in make()]
    print("\n".join(lines))
    sizes = ", ".join(f"{height} x {width}" for height, width in SIZES)
    told = f" Not installed, and so left out: {', '.join(missing)}." if missing else ""
    PAGE.write_text(
        HEAD.format(sizes=sizes)
        + "\n".join(lines)
        + "\n"
        + FOOT.format(versions=", ".join(there), missing=told)
    )


if __name__ == "__main__":
    main()
