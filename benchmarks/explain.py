"""Saliency methods beside one plain forward pass, and beside the libraries that also have them.

    python benchmarks/explain.py [RACE ...] [--threads 2] [--repetitions 5] [--device cuda]

Races: cams, grad_cam, gradients, paths, smooth_paths, occlusion, score_cam; all without a name.
Random weights, 320 x 320, 10 findings.  The yardstick of the CAM family is one eager forward pass in
the contiguous memory format, as most code runs it.  No peer runs beside it or before: what a peer
frees would spare the yardstick to ask the system for memory, a fifth of its time.  Peers are asked
as their users do, one call per finding; of ten one is timed, and counts ten times.  The limit of
path methods for one finding is the network's own passes, bare.  Paths, occlusion and Score-CAM take
one image, since their time is linear in images whoever computes them; ``--images`` gives the other
races more, which a GPU needs to be at work.  ``--share 0.2`` takes a fifth of the steps, samples and
channels, in which time is linear too, but for the pass that gives the logits, which peers spare.

All runs of a race go in turn, so that a busy machine slows them alike; medians are compared, on the
wall and, for machines that others use, of the seconds that this process got on all cores.  Needs
the peers: ``pip install captum grad-cam saliency``.
"""

import argparse
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import captum.attr
import numpy as np
import saliency.core
import timm
import torch
from pytorch_grad_cam import GradCAM, ScoreCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from side_by_side import by_clock, keep, machine
from torch import Tensor, nn

from heatproof.data.geometry import Squash
from heatproof.models.classifier import Classifier, build
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import explain, methods

FINDINGS, SIDE = 10, 320
TIMED = 1  # findings of a peer, whose time is linear in them
BARE = 5  # images at once
PEERS = ("captum", "pair", "pytorch-grad-cam")
PACKAGES = ("torch", "timm", "captum", "grad-cam", "saliency")
CAMS = (
    "grad_cam",
    "grad_cam_plus_plus",
    "x_grad_cam",
    "hires_cam",
    "layer_cam",
    "eigen_cam",
    "class_map",
)
STEPS, SAMPLES, SMOOTH_STEPS = 50, 25, 10


@dataclass(frozen=True)
class Track:
    """What all runs of a race share."""

    model: Classifier
    plain: nn.Module  # the same architecture as timm makes it
    images: Tensor
    device: str

    def ours(self, *specs: str, findings: int = FINDINGS) -> Callable[[], object]:
        chosen = methods.parts(specs)
        return lambda: explain(chosen, self.model, self.images, list(range(findings)))

    def captum(self, attribute: Callable[[int], Tensor], findings: int) -> Callable[[], object]:
        return lambda: [attribute(target) for target in range(min(findings, TIMED))]

    def pair(
        self, mask: Callable[..., np.ndarray], findings: int, **options: object
    ) -> Callable[[], object]:
        """PAIR takes one image, and gets gradients from a function of the user."""

        def gradients(images: np.ndarray, call_model_args: dict[str, int], **_: object) -> object:
            x = torch.from_numpy(np.asarray(images, np.float32)).to(self.device)
            x = x.permute(0, 3, 1, 2).requires_grad_()
            logits = self.plain(x)[:, call_model_args["target"]]
            (found,) = torch.autograd.grad(logits.sum(), x)
            key = saliency.core.base.INPUT_OUTPUT_GRADIENTS
            return {key: found.permute(0, 2, 3, 1).cpu().numpy()}

        films = self.images.permute(0, 2, 3, 1).cpu().numpy()
        return lambda: [
            mask(film, gradients, call_model_args={"target": target}, **options)
            for target in range(min(findings, TIMED))
            for film in films
        ]


def cams(track: Track) -> dict[str, Callable[[], object]]:
    fast = timm.create_model(track.plain.pretrained_cfg["architecture"], num_classes=FINDINGS)
    fast = fast.to(track.device).eval().to(memory_format=torch.channels_last)
    reordered = track.images.contiguous(memory_format=torch.channels_last)
    return {
        "forward": lambda: _forward(track.plain, track.images),
        "channels_last forward": lambda: _forward(fast, reordered),
        "all together": track.ours(*CAMS),
        **{name: track.ours(name) for name in CAMS},
    }


def grad_cam(track: Track) -> dict[str, Callable[[], object]]:
    def theirs() -> list[object]:
        with GradCAM(track.model, [track.model.backbone[-1]]) as cam:
            return [
                cam(track.images, [ClassifierOutputTarget(target)] * len(track.images))
                for target in range(TIMED)
            ]

    return {"grad_cam": track.ours("grad_cam"), "pytorch-grad-cam grad_cam": theirs}


def _forward(network: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        return network(images)  # type: ignore[no-any-return]


def _bare(track: Track, count: int) -> None:
    """Forwards and backwards of one finding, in the batches and the format that suit them best."""
    for chunk in torch.split(track.images.expand(count, -1, -1, -1), BARE):
        x = chunk.clone(memory_format=torch.channels_last).requires_grad_()
        torch.autograd.grad(track.plain(x)[:, 0].sum(), x)


def gradients(track: Track, findings: int) -> dict[str, Callable[[], object]]:
    attr, network, images = captum.attr, track.plain, track.images.clone().requires_grad_()
    vanilla, guided = attr.Saliency(network), attr.GuidedBackprop(network)
    return {
        "gradient": track.ours("gradient", findings=findings),
        "captum gradient": track.captum(lambda t: vanilla.attribute(images, t), findings),
        "pair gradient": track.pair(saliency.core.GradientSaliency().GetMask, findings),
        "guided_backprop": track.ours("guided_backprop", findings=findings),
        "captum guided_backprop": track.captum(lambda t: guided.attribute(images, t), findings),
    }


def paths(track: Track, findings: int, share: float) -> dict[str, Callable[[], object]]:
    attr, images = captum.attr, track.images.clone().requires_grad_()
    steps, samples = _shares(share, STEPS, SAMPLES)
    path = attr.IntegratedGradients(track.plain)
    noisy = attr.NoiseTunnel(attr.Saliency(track.plain))
    pair_ig, pair = saliency.core.IntegratedGradients(), saliency.core.GradientSaliency()
    ig = {"n_steps": steps, "method": "riemann_middle", "internal_batch_size": 10}
    return {
        "bare passes": lambda: _bare(track, steps),
        "integrated_gradients": track.ours(
            f"integrated_gradients(steps={steps}, baseline='mean')", findings=findings
        ),
        "captum integrated_gradients": track.captum(
            lambda t: path.attribute(images, target=t, **ig), findings
        ),
        "pair integrated_gradients": track.pair(
            pair_ig.GetMask, findings, x_steps=steps, batch_size=10
        ),
        "smooth_grad": track.ours(f"smooth_grad(samples={samples})", findings=findings),
        "captum smooth_grad": track.captum(
            lambda t: noisy.attribute(
                images, target=t, nt_samples=samples, nt_samples_batch_size=5, stdevs=0.8, abs=False
            ),
            findings,
        ),
        "pair smooth_grad": track.pair(
            pair.GetSmoothedMask, findings, nsamples=samples, magnitude=False
        ),
    }


def smooth_paths(track: Track, findings: int, share: float) -> dict[str, Callable[[], object]]:
    images, path = track.images.clone().requires_grad_(), saliency.core.IntegratedGradients()
    smooth = captum.attr.NoiseTunnel(captum.attr.IntegratedGradients(track.plain))
    (samples,) = _shares(share, SAMPLES)
    spec = f"smooth_grad(base=integrated_gradients(steps={SMOOTH_STEPS}), samples={samples})"
    return {
        "smooth integrated_gradients": track.ours(spec, findings=findings),
        "captum smooth integrated_gradients": track.captum(
            lambda t: smooth.attribute(
                images,
                target=t,
                nt_samples=samples,
                nt_samples_batch_size=1,
                stdevs=0.8,
                n_steps=SMOOTH_STEPS,
                method="riemann_middle",
            ),
            findings,
        ),
        "pair smooth integrated_gradients": track.pair(
            path.GetSmoothedMask,
            findings,
            nsamples=samples,
            magnitude=False,
            x_steps=SMOOTH_STEPS,
            batch_size=10,
        ),
    }


def _shares(share: float, *counts: int) -> list[int]:
    return [max(1, round(count * share)) for count in counts]


def occlusion(track: Track) -> dict[str, Callable[[], object]]:
    window, hidden = (3, 40, 40), captum.attr.Occlusion(track.plain)
    return {
        "occlusion": track.ours("occlusion"),
        "captum occlusion": track.captum(
            lambda t: hidden.attribute(
                track.images, window, window, target=t, perturbations_per_eval=8
            ),
            FINDINGS,
        ),
    }


class _First(nn.Module):
    """Only so many channels."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, features: Tensor) -> Tensor:
        return features[:, : self.count]


def score_cam(track: Track, share: float) -> dict[str, Callable[[], object]]:
    backbone, head = track.model.backbone, track.model.head.classifier
    (channels,) = _shares(share, backbone.grid.channels)
    backbone.append(_First(channels))
    head.weight.data = head.weight.data[:, :channels].clone()

    def theirs() -> list[object]:
        with ScoreCAM(track.model, [backbone[-1]]) as cam:
            cam.batch_size = 16
            return [cam(track.images, [ClassifierOutputTarget(target)]) for target in range(TIMED)]

    return {
        "score_cam": track.ours("score_cam"),
        "pytorch-grad-cam score_cam": theirs,
    }


RACES: dict[str, tuple[int, Callable[..., dict[str, Callable[[], object]]]]] = {
    "cams": (8, cams),
    "grad_cam": (8, grad_cam),
    "gradients": (8, gradients),
    "paths": (1, paths),
    "smooth_paths": (1, smooth_paths),
    "occlusion": (1, occlusion),
    "score_cam": (1, score_cam),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("races", nargs="*", help="all without a name", metavar="RACE")
    parser.add_argument("--networks", nargs="+", default=["densenet121", "resnet50"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--images", type=int, help="of races that take more than one")
    parser.add_argument("--findings", nargs="+", type=int, default=[FINDINGS, 1])
    parser.add_argument(
        "--share", type=float, default=1, help="of steps, samples and channels, for want of time"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore")
    suffix = "" if arguments.device == "cpu" else f"_{arguments.device}"
    for race in arguments.races or RACES:
        for network in arguments.networks:
            for findings, runs, images in _runs(race, network, arguments):
                clocks = by_clock(runs, arguments.repetitions, arguments.device)
                for seconds in clocks:
                    for peer in (name for name in seconds if name.startswith(PEERS)):
                        seconds[peer] *= max(1, findings / TIMED)
                wall, process = clocks
                name = f"{race}, {network}, {findings} finding{'s'[: findings > 1]}"
                result = {
                    "images": images,
                    "repetitions": arguments.repetitions,
                    "share of steps, samples and channels": arguments.share,
                    "median seconds": {key: round(value, 3) for key, value in wall.items()},
                    "ratios": _ratios(wall),
                }
                if arguments.device == "cpu":
                    result |= {
                        "median CPU seconds": {k: round(v, 3) for k, v in process.items()},
                        "ratios of CPU seconds": _ratios(process),
                    }
                print(name, result, flush=True)
                machine_ = machine(PACKAGES, arguments.device)
                keep(f"explain{suffix}.json", {name: result, "machine": machine_})


def _runs(
    race: str, network: str, arguments: argparse.Namespace
) -> Iterable[tuple[int, dict[str, Callable[[], object]], int]]:
    images, make = RACES[race]
    if images > 1 and arguments.images:
        images = arguments.images
    track = _track(network, images, arguments.device)
    if make in (paths, smooth_paths, score_cam):
        make = partial(make, share=arguments.share)
    if race in ("gradients", "paths", "smooth_paths"):
        for findings in arguments.findings:
            yield findings, make(track, findings), images
    else:
        yield FINDINGS, make(track), images


def _track(network: str, images: int, device: str) -> Track:
    names = [f"finding {index}" for index in range(FINDINGS)]
    model = build(network, "linear", names, Preprocessing(Squash(SIDE, SIDE)))
    plain = timm.create_model(network, num_classes=FINDINGS).to(device).eval()
    films = torch.randn(images, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    return Track(model.to(device).eval(), plain, films.to(device), device)


def _ratios(seconds: dict[str, float]) -> dict[str, float]:
    """Of ours to one forward pass, where that was run, and of peers to ours."""
    found: dict[str, float] = {}
    for name, value in seconds.items():
        for peer in PEERS:
            mine = name.removeprefix(f"{peer} ")
            if name.startswith(f"{peer} ") and mine in seconds:
                found[f"{name} / heatproof"] = round(value / seconds[mine], 2)
        if "bare passes" in seconds and name.endswith("integrated_gradients"):
            found[f"{name} / bare passes"] = round(value / seconds["bare passes"], 2)
        if "forward" in seconds and not name.startswith("pytorch") and name != "forward":
            found[f"{name} / forward"] = round(value / seconds["forward"], 3)
            if "forward" not in name:
                last = seconds["channels_last forward"]
                found[f"{name} / channels_last forward"] = round(value / last, 3)
    return found


if __name__ == "__main__":
    main()
