"""The small form of a study: the same file with small networks, few rounds and phantoms.

It shows in a minute or two that a study runs from end to end, and that its files are read; no
number of it is a result, and its page says so.  Nothing of a study is left out but sizes: every
data set, model, head, localizer, ensemble, method, metric, criterion and rule is there, and at most
two architectures, each with one replicate more where there were several.
"""

from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

from heatproof.data.on_disk import (
    mura_names,
    phantoms,
    siim_name,
    write_csv,
    write_mura,
    write_mura_readers,
    write_rsna,
    write_siim,
)
from heatproof.data.on_disk.chexlocalize import write_chexlocalize, write_maps
from heatproof.types import Sample

SMALL = ("resnet10t(width=8)", "resnet10t(stride=16, width=8)")
"""The two architectures, of which every other becomes one."""
FILMS = 96  # phantoms of one data set
SIDE = 64  # pixels of a network's canvas
_SQUASH = f"squash(height={SIDE}, width={SIDE})"
_RSNA, _SIIM = "rsna-pneumonia-detection-challenge", "siim-acr-pneumothorax-segmentation"
_METHODS = {  # those that take long, with options that make them short
    "integrated_gradients.arun": "integrated_gradients(steps=2)",
    "integrated_gradients.venkatesh": "integrated_gradients(steps=2)",
    "integrated_gradients.captum": "integrated_gradients(steps=2)",
    "smooth_grad.pair": "smooth_grad(samples=2)",
    "smooth_grad.arun": "smooth_grad(base=integrated_gradients(steps=2), samples=2)",
    "smooth_grad.venkatesh": "smooth_grad(base=integrated_gradients(steps=2), samples=2)",
    "xrai.pair": "xrai(base=integrated_gradients(steps=2, baseline='extremes'), algorithm='fast')",
    "window=40, stride=40": "window=32, stride=32",
}
_TRAINING: dict[str, Any] = {
    "max_epochs": 1, "patience": 1, "batch": 16, "workers": 0, "lr": 1e-3, "precision": "32-true",
    "target_auroc": 0.0,
}  # fmt: skip


def tiny(table: dict[str, Any]) -> dict[str, Any]:
    """The small form of the tables of a study."""
    small = deepcopy(table)
    small["name"] = f"{table['name']} (tiny)"
    roles = _Roles()
    small["models"] = [_model(entry, roles) for entry in small.get("models", [])]
    kept = {entry["name"] for entry in small["models"]}
    _keep_pools(small["models"], kept)
    small["models"] = _once(small["models"])
    if "explain" in small:
        small["explain"]["methods"] = [_method(spec) for spec in small["explain"]["methods"]]
    if isinstance(small.get("trust"), dict):
        small["trust"] |= {"images": 4, "side": 32}
        small["trust"]["criteria"] = [
            spec.replace("draws=1", "order='whole', draws=1, random_pairs=2")
            for spec in small["trust"]["criteria"]
        ]
    if "sweep" in small:
        small["sweep"] = {"trials": 1, "search": {"lr": {"choices": [1e-3, 3e-3]}}}
    small["statistics"] = {"resamples": 100, "min_positives": 2}
    small["report"] = {"gallery": 0}
    small["study"] |= {"phantoms": True, "stand_ins": roles.stand_ins, "counts": {}}
    return small


class _Roles:
    """Which small architecture stands for which: the first two that a study names, in turn."""

    def __init__(self) -> None:
        self.small: dict[str, str] = {}

    def of(self, architecture: str) -> str | None:
        """The small architecture; None where two others have taken both."""
        if architecture not in self.small and len(self.small) < len(SMALL):
            self.small[architecture] = SMALL[len(self.small)]
        return self.small.get(architecture)

    @property
    def stand_ins(self) -> dict[str, str]:
        """Small architecture to the one that it stands for."""
        return {small: architecture for architecture, small in self.small.items()}


def _model(entry: dict[str, Any], roles: _Roles) -> dict[str, Any]:
    """A model of one of the two small architectures; without any where there is none for it."""
    small = dict(entry)
    if "architectures" in entry:
        found = [roles.of(name) for name in entry["architectures"]]
        small["architectures"] = [name for name in found if name]
    if "backbone" in entry:
        small["backbone"] = roles.of(entry["backbone"])
    if "localizer" in entry:
        kind, _, rest = entry["localizer"].partition("(backbone=")
        backbone = roles.of(rest.removesuffix(")")) or SMALL[0]
        options = "width=8" if kind == "unet" else "width=16, frozen_norm=False"
        small["localizer"] = f"{kind}(backbone={backbone}, {options})"
    if "seeds" in entry:
        small["seeds"] = entry["seeds"][:1] if small.get("data") == [] else entry["seeds"][:2]
    if "scaling" in entry:
        small["scaling"] = entry["scaling"] | {"geometry": _SQUASH}
    if "training" in entry:
        small["training"] = entry["training"] | {"weights": "random"}
        settings = {**entry["training"].get("settings", {}), **_TRAINING}
        for key in ("steps", "target_auroc"):
            settings.pop(key, None)
        settings["keep"] = min(settings.get("keep", 1), 1)
        small["training"]["settings"] = settings
    if "ensemble" in entry:
        small["ensemble"] = entry["ensemble"] | {"best": min(entry["ensemble"]["best"], 2)}
    return small


def _keep_pools(models: list[dict[str, Any]], kept: set[str]) -> None:
    """Leave out of the models those without an architecture, and pools of them."""
    gone = {entry["name"] for entry in models if "backbone" in entry and not entry["backbone"]}
    models[:] = [
        entry
        for entry in models
        if entry["name"] not in gone
        and not gone.intersection(entry.get("ensemble", {}).get("of", ()))
    ]
    kept -= gone


def _once(models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each localizer once, though several large ones became the same small one."""
    seen: set[tuple[str, str]] = set()
    left = []
    for entry in models:
        key = (entry.get("localizer", ""), str(entry.get("data")))
        if key[0] and key in seen:
            continue
        seen.add(key)
        left.append(entry)
    return left


def _method(spec: str) -> str:
    for long, short in _METHODS.items():
        spec = spec.replace(long, short)
    return spec


def write_phantoms(folder: Path, datasets: Iterable[str]) -> None:
    """Phantoms in the files of each kind of data set, where the studies look for them."""
    for kind in dict.fromkeys(datasets):
        films = phantoms(FILMS, seed=5)
        _WRITERS[kind](folder, films)


def _write_rsna(folder: Path, films: list[Sample]) -> None:
    write_rsna(folder / _RSNA, films)


def _write_siim(folder: Path, films: list[Sample]) -> None:
    write_siim(folder / _SIIM, films)
    parts = ["test" if n % 4 == 0 else "val" if n % 4 == 1 else "train" for n in range(len(films))]
    rows = [(siim_name(number), part) for number, part in enumerate(parts)]
    write_csv(folder / _SIIM / "pneumothorax_splits.csv", [("Image_ID", "Split"), *rows])


def _write_mura(folder: Path, films: list[Sample]) -> None:
    write_mura(folder / "MURA-v1.1", films)
    lists = folder / "saliency-trustworthiness"
    write_mura_readers(lists / "sample_annotations", films)
    parts: dict[str, list[str]] = {"train_100": [], "val_100": [], "test_100": []}
    for name, film in zip(mura_names(films), films, strict=True):
        patient = int(film.patient_id[-6:]) if film.patient_id else 0
        part = {0: "test_100", 1: "val_100"}.get(patient % 4, "train_100")
        parts[part].append(name)
    for part, listed in parts.items():
        path = lists / "datafiles" / f"{part}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(listed) + "\n", encoding="utf-8")


def _write_chexlocalize(folder: Path, films: list[Sample]) -> None:
    third = len(films) // 3
    (folder / "chexlocalize").mkdir(parents=True, exist_ok=True)
    for place, split in enumerate(("train", "val", "test")):
        some = films[place * third : (place + 1) * third]
        write_chexlocalize(folder / "chexlocalize", some, split)
    write_maps(folder / "chexlocalize", films[2 * third :], "test")


_WRITERS = {
    "rsna_pneumonia": _write_rsna,
    "siim_pneumothorax": _write_siim,
    "mura": _write_mura,
    "chexlocalize": _write_chexlocalize,
}
