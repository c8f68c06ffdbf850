"""Seven heads on real radiographs, cross-fitted by patient.  Study 2: docs/results/heads_films.md.

    python experiments/heads_films.py          # all of it, into runs/heads_films; killed, it goes on
    python experiments/heads_films.py --tiny   # whether it runs: a minute, and no result

Films and halves are those of ``trust_real.py``, trainings those of ``heads_phantoms.py`` with the settings that
it chose on phantoms.  What is kept of single films stays in the output folder; the page has tables alone.
"""

import argparse
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import heads_phantoms as phantoms
import mobilenet_found
import numpy as np
import torch
from heads_phantoms import FINAL_SEEDS, HEADS, Films, Plan, Setting, chosen
from heads_phantoms_page import Records, told
from trust_real import DATA, FINDING, table
from wildcat_phantoms import compared

import heatproof
from heatproof.data.datasets.manifest import Manifest
from heatproof.models.backbones import Backbone, Grid, backbones
from heatproof.models.classifier import Classifier
from heatproof.models.heads import heads
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.seeding import seeded
from heatproof.types import Sample

SIZE = 224
MEASURES = ("auprc", "hit_rate", "iou")


@dataclass(frozen=True)
class Network:
    """A backbone, cut where its features are kept."""

    backbone: Backbone
    cut: int


class Study:
    """The films, and the folders of features and results.

    Args:
        data: Where the radiographs lie.
        work: Where everything goes.
        plan: Of the trainings.
    """

    def __init__(self, data: Path, work: Path, plan: Plan) -> None:
        self.data, self.work, self.plan = data, work, plan
        work.mkdir(parents=True, exist_ok=True)
        listed = table(data)
        listed.write_csv(work / "films.csv")
        self.films = Manifest(
            csv=work / "films.csv",
            images=data,
            image="file",
            id="nih_image",
            patient="nih_patient",
            labels={FINDING: "opacity"},  # type: ignore[dict-item]
            boxes="boxes",
            boxes_frame=(1024, 1024),
            metadata=("fold",),
        )
        self.samples = [self.films[row] for row in range(len(self.films))]
        self.scaling = Preprocessing(heatproof.Squash(SIZE, SIZE), 3, (0.5,), (0.5,))
        self._entered: dict[str, torch.Tensor] = {}

    @property
    def labels(self) -> np.ndarray:
        return np.array([bool(sample.labels[FINDING]) for sample in self.samples])

    def network(self, family: str) -> Network:
        if family == "MobileNetV2":
            where = self.data / "weights"
            weights = where / "mobilenet_found/imagenet_mnv2_035_features_only.pt"
            stages = mobilenet_found.build(where / "mobilenet.py", weights).eval()
            with torch.no_grad():
                channels = stages(torch.zeros(1, 3, 64, 64)).shape[1]
            return Network(
                Backbone(dict(stages.named_children()), Grid(channels, 32, True), "imagenet"), 5
            )
        spec = "efficientnet_lite0(stride=16)"
        part = backbones.parse(f"patches(base={spec}, size=32)" if family == "patches" else spec)
        weights = self.work / "imagenet.safetensors"
        if not weights.exists():
            phantoms.save_file(phantoms.packaged(), weights)
        return Network(part(3, str(weights)).eval(), 7)

    def model(self, family: str, head: str, seed: int) -> tuple[Classifier, int]:
        network = self.network(family)
        with seeded(seed):
            built = heads.parse(head)(network.backbone.grid.channels, 1)
        return Classifier(network.backbone, built, (FINDING,), self.scaling).eval(), network.cut

    def entered(self, family: str) -> torch.Tensor:
        """What enters the trained part, of all films, as they are and mirrored."""
        if family not in self._entered:
            network, made = self.network(family), []
            with torch.no_grad():
                for sample in self.samples:
                    film = self.scaling.tensor(sample.pixels.read())
                    x = torch.stack([film, film.flip(2)])
                    made.append(phantoms.through(list(network.backbone)[: network.cut], x).half())
            self._entered[family] = torch.stack(made)
        return self._entered[family]

    def part(self, family: str, rows: Sequence[int]) -> Films:
        labels = torch.tensor(self.labels[list(rows)], dtype=torch.float32)[:, None]
        return Films(None, labels, self.entered(family)[list(rows)])  # type: ignore[arg-type]


def of_half(samples: Sequence[Sample], half: int) -> tuple[list[int], list[int], list[int]]:
    """Films to train, to validate (a quarter of the patients) and to judge."""
    mine = [n for n, sample in enumerate(samples) if int(sample.metadata["fold"]) == half]
    stops = [n for n in mine if zlib.crc32(str(samples[n].patient_id).encode()) % 4 == 0]
    judged = [n for n in range(len(samples)) if n not in set(mine)]
    return [n for n in mine if n not in set(stops)], stops, judged


def judged(study: Study, setting: Setting, seed: int) -> dict[str, Any]:
    """Every film by the model of the other half."""
    logits, maps = np.zeros(len(study.samples)), {}
    seconds = 0.0
    for half in (0, 1):
        train, stops, others = of_half(study.samples, half)
        model, cut = study.model(setting.family, setting.head, seed)
        parts = (study.part(setting.family, rows) for rows in (train, stops))
        one = phantoms.fitted(study.plan, model, cut, *parts, setting, seed)
        found, seen = phantoms.logits_of(one.model, cut, study.part(setting.family, others))
        logits[others] = found[:, 0].numpy()
        maps.update(zip(others, seen[:, 0].numpy(), strict=True))
        seconds += one.seconds
    positive = np.flatnonzero(study.labels).tolist()
    return {
        "logits": {FINDING: np.round(100 * logits).astype(int).tolist()},
        "class_map": {FINDING: scores([maps[row] for row in positive], study, positive)},
        "seconds": round(seconds, 1),
    }


def scores(maps: Sequence[np.ndarray], study: Study, rows: Sequence[int]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {metric: [] for metric in phantoms.METRICS}
    for row, saliency in zip(rows, maps, strict=True):
        measured: Any = heatproof.score(saliency, mask(study.samples[row]), phantoms.METRICS)
        for metric in phantoms.METRICS:
            found[metric].append(phantoms.rounded(measured[metric]))
    return found


def mask(sample: Sample) -> np.ndarray:
    """What radiologists boxed."""
    size = sample.pixels.size()
    return np.any([mark.mask(*size) for mark in sample.annotations], axis=0)  # type: ignore[no-any-return]


def bounds(study: Study) -> dict[str, Any]:
    """Patients, labels, and the mean of the boxes of all other patients."""
    positive = np.flatnonzero(study.labels).tolist()
    side = (64, 64)
    small = {
        row: np.asarray(
            phantoms.torch.nn.functional.adaptive_avg_pool2d(
                torch.from_numpy(mask(study.samples[row]).astype(np.float32))[None], side
            )[0]
        )
        for row in positive
    }
    priors = [
        np.mean(
            [
                m
                for other, m in small.items()
                if study.samples[other].patient_id != study.samples[row].patient_id
            ],
            axis=0,
        )
        for row in positive
    ]
    return {
        "patient": [str(sample.patient_id) for sample in study.samples],
        "labels": {FINDING: study.labels.astype(int).tolist()},
        "prior": {FINDING: scores(priors, study, positive)},
    }


def computed(
    study: Study, settings: dict[str, Setting], families: Sequence[str], seeds: Sequence[int]
) -> str:
    """All trainings that lack, and the tables."""
    text = []
    for family in families:
        folder = study.work / family
        folder.mkdir(exist_ok=True)
        for seed in seeds:
            for head, setting in settings.items():
                path = folder / f"final-{head}-seed{seed}.json"
                if path.exists() or (head == "patch_sum" and family != "EfficientNet-Lite0"):
                    continue
                place = "patches" if head == "patch_sum" else family
                made = judged(study, replace(setting, family=place), seed)
                path.write_text(json.dumps(made), encoding="utf-8")
        path = folder / "bounds.json"
        path.write_text(json.dumps(bounds(study)), encoding="utf-8")
        text += ["", f"### {family}", "", *rows(Records(folder, (FINDING,)), settings)]
    return "\n".join(text)


def rows(records: Records, settings: dict[str, Setting]) -> list[str]:
    lines = [
        "| head | AUROC | AUPRC of the map | hit rate | IoU | pointwise AP | AUPRC beside linear | Brier, ECE |",
        "|---|---|---|---|---|---|---|---|",
    ]
    linear = records.maps("linear", FINDING, "auprc")
    for head in settings:
        if not records.runs(head):
            continue
        cells = [
            told(records.auroc(head, FINDING)),
            *(told(records.maps(head, FINDING, m)) for m in MEASURES),
            told(records.pointwise(head, FINDING)),
        ]
        one = compared(head, records.maps(head, FINDING, "auprc"), linear)
        beside = "" if head == "linear" else f"{one.value:+.3f} ({one.low:+.3f} to {one.high:+.3f})"
        brier, ece = records.calibrated(head, FINDING)
        lines.append(f"| `{head}` | {' | '.join(cells)} | {beside} | {brier:.3f}, {ece:.3f} |")
    prior = (f"{records.maps('prior', FINDING, m).runs[0]:.3f}" for m in MEASURES)
    return [*lines, f"| mean mask | | {' | '.join(prior)} | | | |"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="only see whether it runs")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--output", type=Path, default=Path("runs/heads_films"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    plan = replace(Plan(), most_epochs=1) if asked.tiny else Plan()
    names = ("linear", "wildcat") if asked.tiny else tuple(HEADS)
    results = Path(__file__).parent / "heads_phantoms"
    settings = {
        head: phantoms.settings(head)[0] if asked.tiny else chosen(results, head) for head in names
    }
    families = ("MobileNetV2",) if asked.tiny else ("EfficientNet-Lite0", "MobileNetV2")
    text = computed(
        Study(asked.data, asked.output, plan),
        settings,
        families,
        FINAL_SEEDS[:1] if asked.tiny else FINAL_SEEDS,
    )
    (asked.output / "results.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
