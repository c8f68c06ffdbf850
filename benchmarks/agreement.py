"""Do the libraries that also have a method find the same map?  Writes docs/reference/agreement.md.

    python benchmarks/agreement.py [--films ../shared/data] [--methods SPEC ...]

On real radiographs where a folder of them is given, otherwise on phantoms; on every backbone with a
linear head (random weights, batch norm away from its initial state) and, with the real films, on a
trained classifier.  float64; the error of a map is ||ours - theirs|| / ||theirs||, the worst over
images.  In float32, how far either is from its own float64 map.  Where maps differ for a known
reason, the library is asked again with that reason mended in memory: what error is left tells
whether the reason is the whole of it.  With --methods only their rows are made anew.
"""

import argparse
import contextlib
import copy
import io
import json
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import captum.attr
import numpy as np
import pytorch_grad_cam
import saliency.core
import torch
import zennit.attribution
import zennit.rules
from differences import COMPLETE, MENDED, REASONS, SIGNLESS
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from side_by_side import machine
from torch import Tensor, nn
from zennit.composites import LayerMapComposite, layer_map_base

from heatproof.data.datasets.phantom import Phantom
from heatproof.data.geometry import Squash
from heatproof.errors import MapError
from heatproof.experiment.assignment import assignments
from heatproof.experiment.file import load
from heatproof.experiment.films import open_data
from heatproof.models import Model
from heatproof.models.adapter import Adapted
from heatproof.models.backbones import backbones
from heatproof.models.classifier import Classifier, build
from heatproof.models.preprocessing import Preprocessing
from heatproof.preparation.opening import open_model
from heatproof.saliency import explain, methods

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "agreement.md"
PACKAGES = ("torch", "timm", "captum", "grad-cam", "saliency", "zennit")
SIDES = {"inception_v3": 128, "inception_v4": 128}
FINDINGS, TARGET, AGREES, IMAGE = ("one", "two", "three"), 0, 1e-8, 3
PLAIN = "plain VGG-19"
SMALL = 1e-30  # as good as none
Witness = Callable[[Model, Tensor], Tensor]


@dataclass(frozen=True)
class Pair:
    """A method, and a library that has it too.

    Attributes:
        library: Its name.
        theirs: Maps ``n y x`` of target ``TARGET``, at the resolution of ours.
        networks: On which; all where none is named.
    """

    library: str
    theirs: Witness
    networks: tuple[str, ...] = ()


def captum_(
    name: str, *, channels: str = "sum", options: Mapping[str, object] | None = None, **made: object
) -> Witness:
    def run(model: Model, images: Tensor) -> Tensor:
        method = getattr(captum.attr, name)(model, **made)
        found = method.attribute(
            images.clone().requires_grad_(), target=TARGET, **(options or {})
        ).detach()
        return found.abs().amax(dim=1) if channels == "max_abs" else found.sum(dim=1)

    return run


def layer(model: Model) -> nn.Module:
    if isinstance(model, Classifier):
        return model.backbone
    return model.network.get_submodule(model.features)  # type: ignore[union-attr,operator]


def captum_cam(model: Model, images: Tensor) -> Tensor:
    return captum.attr.LayerGradCam(model, layer(model)).attribute(images, TARGET)[:, 0].detach()


def captum_occlusion(model: Model, images: Tensor) -> Tensor:
    side = images.shape[-1] // 4
    found = captum.attr.Occlusion(model).attribute(
        images, (3, side, side), (3, side, side), target=TARGET
    )
    return found[:, 0, ::side, ::side]


def grad_cam_(name: str, *, clipped: bool = False) -> Witness:
    """The raw map, before pytorch-grad-cam normalizes and resizes it, and may be clips it."""

    def run(model: Model, images: Tensor) -> Tensor:
        targets = [ClassifierOutputTarget(TARGET)] * len(images)
        with getattr(pytorch_grad_cam, name)(model, [layer(model)]) as cam:
            cam(images, targets)
            seen = cam.activations_and_grads
            activations = seen.activations[0].numpy()
            gradients = seen.gradients[0].numpy() if seen.gradients else None
            raw = cam.get_cam_image(images, layer(model), targets, activations, gradients, False)
        found = torch.from_numpy(np.asarray(raw))
        return found.relu() if clipped else found

    return run


def pair(
    method: str, *, masks: Callable[..., dict[str, object]] | None = None, **options: object
) -> Witness:
    """PAIR takes one image with its channels last, and a function that differentiates."""

    def run(model: Model, images: Tensor) -> Tensor:
        def gradients(films: np.ndarray, *_: object, **__: object) -> object:
            single = films.ndim == IMAGE
            x = torch.from_numpy(np.asarray(films[None] if single else films))
            x = x.permute(0, 3, 1, 2).to(images).requires_grad_()
            logits = model(x)[:, TARGET]
            (found,) = torch.autograd.grad(logits.sum(), x)
            found = found.permute(0, 2, 3, 1)
            return {
                saliency.core.base.INPUT_OUTPUT_GRADIENTS: (found[0] if single else found).numpy(),
                saliency.core.base.OUTPUT_LAYER_VALUES: logits.detach().numpy(),
            }

        make = getattr(saliency.core, method)()
        maps = []
        for film in images.permute(0, 2, 3, 1).numpy():
            more = masks(film, gradients) if masks else {}
            found = make.GetMask(film, gradients, call_model_args={}, **options, **more)
            maps.append(found if found.ndim == IMAGE - 1 else found.sum(axis=-1))
        return torch.from_numpy(np.stack(maps))

    return run


def _largest_gradient(
    film: np.ndarray, gradients: Callable[..., dict[str, np.ndarray]]
) -> dict[str, object]:
    key = saliency.core.base.INPUT_OUTPUT_GRADIENTS
    return {"base_attribution": np.abs(gradients(film[None], None)[key][0])}


def _mean_start(film: np.ndarray, _: object) -> dict[str, object]:
    return {"x_baseline": np.zeros_like(film)}


def captum_guided_grad_cam(model: Model, images: Tensor) -> Tensor:
    method = captum.attr.GuidedGradCam(model, layer(model))
    return (
        method.attribute(images.clone().requires_grad_(), TARGET, interpolate_mode="bilinear")
        .sum(dim=1)
        .detach()
    )


def zennit_lrp(rule: str, **options: object) -> Witness:
    """A composite of one rule for convolutions and epsilon for dense layers; modules only."""

    def run(model: Model, images: Tensor) -> Tensor:
        composite = LayerMapComposite(
            [
                *layer_map_base(SMALL),
                (nn.Conv2d, getattr(zennit.rules, rule)(**options)),
                (nn.Linear, zennit.rules.Epsilon(epsilon=0.01)),
            ]
        )
        one = torch.zeros(len(images), len(model.findings), dtype=images.dtype)
        one[:, TARGET] = 1
        with zennit.attribution.Gradient(model.network, composite) as attributor:
            _, relevance = attributor(images, lambda output: output * one)
        return relevance.sum(dim=1).detach()

    return run


PAIRS: dict[str, list[Pair]] = {
    "gradient(channels='sum')": [
        Pair("captum", captum_("Saliency", options={"abs": False})),
        Pair("pair", pair("GradientSaliency")),
    ],
    "input_x_gradient": [Pair("captum", captum_("InputXGradient"))],
    "integrated_gradients(steps=10, baseline='mean')": [
        Pair(
            "captum",
            captum_(
                "IntegratedGradients",
                options={"n_steps": 10, "method": "riemann_middle", "internal_batch_size": 10},
            ),
        ),
    ],
    "guided_backprop(channels='sum')": [Pair("captum", captum_("GuidedBackprop"))],
    "deconvnet(channels='sum')": [Pair("captum", captum_("Deconvolution"))],
    "deep_lift": [Pair("captum", captum_("DeepLift"))],
    "occlusion(window=0.25, stride=0.25)": [Pair("captum", captum_occlusion)],
    "grad_cam(relu=False)": [
        Pair("captum", captum_cam),
        Pair("pytorch-grad-cam", grad_cam_("GradCAM")),
    ],
    "x_grad_cam(relu=False)": [Pair("pytorch-grad-cam", grad_cam_("XGradCAM"))],
    "hires_cam": [Pair("pytorch-grad-cam", grad_cam_("HiResCAM"))],
    "layer_cam": [Pair("pytorch-grad-cam", grad_cam_("LayerCAM", clipped=True))],
    "grad_cam_plus_plus": [Pair("pytorch-grad-cam", grad_cam_("GradCAMPlusPlus", clipped=True))],
    "eigen_cam": [Pair("pytorch-grad-cam", grad_cam_("EigenCAM"))],
    "score_cam(upsampling='corners')": [
        Pair("pytorch-grad-cam", grad_cam_("ScoreCAM"), ("resnet10t", "resnet18"))
    ],
    "ablation_cam(relu=False, divisor='logit')": [
        Pair("pytorch-grad-cam", grad_cam_("AblationCAM"), ("resnet10t", "resnet18"))
    ],
    "guided_grad_cam": [Pair("captum", captum_guided_grad_cam)],
    "integrated_gradients(steps=10, baseline='mean', rule='pair')": [
        Pair("pair", pair("IntegratedGradients", x_steps=10, batch_size=10))
    ],
    "guided_integrated_gradients(steps=10, baseline='mean', rule='left')": [
        Pair("pair", pair("GuidedIG", masks=_mean_start, x_steps=10, fraction=0.25, max_dist=0.02))
    ],
    "blur_integrated_gradients(steps=10, max_sigma=8.0, rule='pair', border='zero')": [
        Pair("pair", pair("BlurIG", max_sigma=8.0, steps=10, batch_size=1))
    ],
    "xrai(base=gradient)": [Pair("pair", pair("XRAI", masks=_largest_gradient))],
    "lrp(convolution=epsilon(epsilon=0.01), dense=epsilon(epsilon=0.01))": [
        Pair("zennit", zennit_lrp("Epsilon", epsilon=0.01), (PLAIN,))
    ],
    "lrp(convolution=gamma, dense=epsilon(epsilon=0.01))": [
        Pair("zennit", zennit_lrp("Gamma", gamma=0.25, stabilizer=SMALL), (PLAIN,))
    ],
    "lrp(convolution=z_plus, dense=epsilon(epsilon=0.01))": [
        Pair("zennit", zennit_lrp("ZPlus", zero_params="bias", stabilizer=SMALL), (PLAIN,))
    ],
    "lrp(convolution=alpha_beta, dense=epsilon(epsilon=0.01))": [
        Pair("zennit", zennit_lrp("AlphaBeta", alpha=2, beta=1, stabilizer=SMALL), (PLAIN,))
    ],
}


@dataclass(frozen=True)
class Subject:
    """A network, and films for it."""

    name: str
    model: Model
    images: Tensor


def subjects(films: Path | None, names: Sequence[str]) -> Iterator[Subject]:
    known = [
        name for name in backbones.names() if name not in ("timm", "patches")
    ]  # which is any other
    for name in [name for name in names or known if name != PLAIN]:
        side = SIDES.get(name, 96)
        preprocessing = Preprocessing(Squash(side, side))
        model = shaken(build(name, "linear", FINDINGS, preprocessing))
        yield Subject(name, model, _films(films, preprocessing))
    if not names or PLAIN in names:
        yield _plain(films)
    if films is not None and not names:
        yield _trained()


def _plain(films: Path | None) -> Subject:
    """VGG-19 from modules alone, as zennit needs it."""
    preprocessing = Preprocessing(Squash(96, 96))
    stack = list(build("vgg19", "linear", FINDINGS, preprocessing).backbone.modules())
    layers = [m for m in stack if isinstance(m, nn.Conv2d | nn.ReLU | nn.MaxPool2d)]
    last = nn.Linear(512, len(FINDINGS))
    network = nn.Sequential(*layers, nn.AvgPool2d(3), nn.Flatten(), last)
    model = Adapted(network, str(len(layers) - 1), FINDINGS, preprocessing)
    return Subject(PLAIN, model, _films(films, preprocessing))


def shaken(model: Model) -> Model:
    """Away from initial values, at which batch norm does nothing and biases are zero."""
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low in ((module.running_var, 0.5), (module.weight, 0.5)):
                tensor.data.uniform_(low, 1.5, generator=generator)
            for tensor in (module.running_mean, module.bias):
                tensor.data.uniform_(-0.2, 0.2, generator=generator)
    return model


def _films(folder: Path | None, preprocessing: Preprocessing) -> Tensor:
    if folder is None:
        samples = [Phantom(images=4, size=192)[index] for index in (1, 2)]
    else:
        experiment = load(ROOT / "experiments" / "real_classifier.toml")
        samples = list(open_data(experiment)["nih_rsna_1024"].samples)[:2]
    return torch.stack([preprocessing.tensor(sample.pixels.read()) for sample in samples])


def _trained() -> Subject:
    """The opacity classifier of the experiment on real radiographs; its one logit is the target."""
    experiment = load(ROOT / "experiments" / "real_classifier.toml")
    data = open_data(experiment)
    model = open_model(experiment.folder, experiment.models[0], data)[0]
    judged = next(j for j in assignments(experiment, data) if j.model == experiment.models[0].name)
    chosen = [sample for sample in judged.samples if any(sample.labels.values())][:2]
    pixels = [model.preprocessing.tensor(sample.pixels.read()) for sample in chosen]
    return Subject("trained opacity classifier (MobileNetV2)", model, torch.stack(pixels))


@dataclass(frozen=True)
class Result:
    """Of one pair on one network.

    Attributes:
        error: Relative, in float64; nan where there is none.
        mended: The error once what ``REASONS`` blames is mended; nan where nothing was.
        ours32: How far our float32 map is from our float64 map, relative.
        theirs32: Likewise.
        note: Who refuses or raises, and with what.
        ours_off: How far our map is from complete, relative, where it should be.
        theirs_off: Likewise.
    """

    error: float = math.nan
    mended: float = math.nan
    ours32: float = math.nan
    theirs32: float = math.nan
    note: str = ""
    ours_off: float = math.nan
    theirs_off: float = math.nan


def compare(subject: Subject, spec: str, pair: Pair) -> Result:
    maps: dict[tuple[str, torch.dtype], Tensor] = {}
    for dtype in (torch.float64, torch.float32):
        model, images = copy.deepcopy(subject.model).to(dtype).eval(), subject.images.to(dtype)
        try:
            # PAIR takes one image at a time, and kernels round differently for one and for two.
            turns = images.split(1) if pair.library == "pair" else [images]
            ours = [explain(methods.parts([spec]), model, some, [TARGET]).maps for some in turns]
        except MapError as error:
            return Result(note=f"heatproof refuses: {error}")
        maps["ours", dtype] = torch.cat([next(iter(m.values())).values[:, 0] for m in ours])
        model.requires_grad_(True)
        try:
            with _quiet(dtype):
                # In the memory format of ours: where a flat background ties, rounding decides
                # which cell of a max-pooling window wins, and formats round differently.
                reordered = images.contiguous(memory_format=torch.channels_last)
                maps["theirs", dtype] = pair.theirs(model, reordered)
        except Exception as error:  # whatever a library runs into is what we are here to see
            words = str(error).strip().split("\n")[0][:90]
            return Result(note=f"{pair.library} raises {type(error).__name__}: {words}")
    exact = {who: maps[who, torch.float64] for who in ("ours", "theirs")}
    error = _error(exact["ours"], exact["theirs"])
    return Result(
        error,
        _mended(subject, spec, pair, exact["ours"]) if error > AGREES else math.nan,
        _error(maps["ours", torch.float32].double(), exact["ours"]),
        _error(maps["theirs", torch.float32].double(), exact["theirs"]),
        "",
        *(_off(subject, spec, exact[who]) for who in ("ours", "theirs")),
    )


def _off(subject: Subject, spec: str, maps: Tensor) -> float:
    """From the rise of the logit over the mean of the training images, as a share of it."""
    if method_of(spec) not in COMPLETE:
        return math.nan
    model, images = copy.deepcopy(subject.model).double().eval(), subject.images.double()
    with torch.no_grad():
        rise = (model(images) - model(torch.zeros_like(images)))[:, TARGET]
    return float(((maps.sum(dim=(1, 2)) - rise) / rise).abs().max())


def _mended(subject: Subject, spec: str, pair: Pair, ours: Tensor) -> float:
    name = method_of(spec)
    mend = MENDED.get((name, pair.library))
    if mend is None:
        return math.nan
    model, images = copy.deepcopy(subject.model).double().eval(), subject.images.double()
    with _quiet(torch.float64), mend():
        theirs = pair.theirs(model, images.contiguous(memory_format=torch.channels_last))
    if name in SIGNLESS:
        theirs = theirs * (theirs * ours).sum(dim=(1, 2), keepdim=True).sign()
    return _error(ours, theirs)


@contextlib.contextmanager
def _quiet(dtype: torch.dtype) -> Iterator[None]:
    """Without the output of libraries, and with what they make themselves in this precision."""
    known, quantile = torch.get_default_dtype(), np.quantile
    torch.set_default_dtype(dtype)
    # numpy 2.4 dropped the name under which PAIR 0.2.1 still asks for its interpolation.
    np.quantile = lambda values, q, interpolation="linear", **more: quantile(
        values, q, **{"method": interpolation, **more}
    )
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_default_dtype(known)
        np.quantile = quantile


def method_of(spec: str) -> str:
    return spec.partition("(")[0]


def _error(maps: Tensor, expected: Tensor) -> float:
    difference, size = ((maps - expected).flatten(1).norm(dim=1), expected.flatten(1).norm(dim=1))
    return float(torch.where(difference == 0, 0, difference / size).max())


def page(found: Mapping[tuple[str, str], Mapping[str, Result]], films: str) -> str:
    lines = [
        "# Agreement with other libraries",
        "",
        f"Written by `benchmarks/agreement.py` on {films}, with every backbone (random weights, batch",
        "norm away from its initial state) and a trained classifier of radiographs. The error of a map is",
        "||ours − theirs|| / ||theirs|| in float64, the worst over films and networks; two maps agree when",
        f"it is at most {AGREES:g}. In float32 the columns say how far either library's map is from its own",
        "float64 map, the median over networks: float32 alone moves maps by that much, whatever the library",
        "(most of all occlusion of random networks, whose logits hardly depend on what is hidden), and which",
        "of two is nearer is decided by the side of a ReLU on which a rounding error falls.",
        "",
        "Where two differ because the library rounds or adds something, it was asked again with that mended in",
        "memory (float64 where it holds float32, an epsilon left out, the sign of a principal component chosen",
        "as ours): *mended* is the worst error that is left.",
        "",
        "| method | library | agrees on | worst error there | elsewhere | mended | float32, ours | theirs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (spec, library), results in found.items():
        agreeing = [r for r in results.values() if r.error <= AGREES]
        compared = [r for r in results.values() if not math.isnan(r.error)]
        differing = [r for r in compared if r.error > AGREES]
        worst, elsewhere, mended = (
            f"{max(some):.0e}" if some else "–"
            for some in (
                [r.error for r in agreeing],
                [r.error for r in differing],
                [r.mended for r in differing if not math.isnan(r.mended)],
            )
        )
        ours, theirs = (
            f"{float(np.median([getattr(r, name) for r in compared])):.0e}"
            for name in ("ours32", "theirs32")
        )
        count = f"{len(agreeing)} of {len(compared)} networks"
        cells = (f"`{spec}`", library, count, worst, elsewhere, mended, ours, theirs)
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## Where they do not, and why", ""]
    for (spec, library), results in found.items():
        groups: dict[str, list[str]] = {}
        for network, result in results.items():
            if result.error > AGREES:
                groups.setdefault("differ", []).append(f"{network} ({result.error:.2g})")
            elif result.note:
                groups.setdefault(result.note, []).append(network)
        for note, networks in groups.items():
            reason = REASONS.get((method_of(spec), library), "") if note == "differ" else note
            if off := [r for r in results.values() if not math.isnan(r.ours_off)]:
                reason += (
                    f" (sums are off by at most {max(r.ours_off for r in off):.0e} in heatproof, and by"
                    f" up to {max(r.theirs_off for r in off):.0e} in {library})"
                )
            lines.append(f"- `{spec}`, {library}, on {', '.join(networks)}: {reason}")
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--films", type=Path, help="the folder of real radiographs")
    parser.add_argument("--networks", nargs="*", default=[])
    parser.add_argument("--methods", nargs="*", default=list(PAIRS))
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    beside = arguments.page.with_suffix(".json")
    found = _known(beside) if arguments.methods != list(PAIRS) else {}
    for subject in subjects(arguments.films, arguments.networks):
        for spec in arguments.methods:
            for one in [p for p in PAIRS[spec] if not p.networks or subject.name in p.networks]:
                result = compare(subject, spec, one)
                found.setdefault((spec, one.library), {})[subject.name] = result
                print(subject.name, spec, one.library, result, flush=True)
    films = "two real radiographs" if arguments.films else "two phantoms"
    arguments.page.parent.mkdir(exist_ok=True)
    arguments.page.write_text(page(found, films), encoding="utf-8")
    kept = {
        f"{spec}, {library}": {n: vars(r) for n, r in results.items()}
        for (spec, library), results in found.items()
    }
    beside.write_text(json.dumps({"machine": machine(PACKAGES), "results": kept}, indent=1) + "\n")


def _known(file: Path) -> dict[tuple[str, str], dict[str, Result]]:
    """What an earlier run found."""
    if not file.exists():
        return {}
    results = json.loads(file.read_text(encoding="utf-8"))["results"]
    return {
        tuple(pair.rsplit(", ", 1)): {n: Result(**values) for n, values in networks.items()}  # type: ignore[misc]
        for pair, networks in results.items()
    }


if __name__ == "__main__":
    main()
