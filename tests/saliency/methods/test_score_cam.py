"""Score-CAM by loops over channels, and as pytorch-grad-cam finds it."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from heatproof.errors import SpecError
from heatproof.models.classifier import Classifier, build
from heatproof.saliency import explain, methods
from tests.saliency.conftest import FINDINGS, PREPROCESSING, by_hand, make, shaken
from tests.saliency.methods.test_guided_grad_cam import upsampled


class Few(torch.nn.Module):
    """All but twelve channels are 0, and one of the others is 1 everywhere."""

    def forward(self, x: Tensor) -> Tensor:
        kept = F.pad(x[:, :11], (0, 0, 0, 0, 0, x.shape[1] - 11))
        one = torch.zeros(x.shape[1]).to(x)
        one[11] = 1
        return kept + one.view(-1, 1, 1)


def small(head: str) -> Classifier:
    """So few channels that a loop over them is quick, and most of them constant."""
    model = shaken(build("resnet10t(width=16)", head, FINDINGS, PREPROCESSING)).eval().double()
    block = model.backbone.layer4[-1]  # type: ignore[union-attr,index]
    block.act2 = torch.nn.Sequential(block.act2, Few())  # type: ignore[union-attr]
    return model  # type: ignore[return-value]


HEADS = ("linear", "wildcat(maps=2, highest=2)")


@pytest.mark.parametrize("name", [*HEADS, "adapted"])
def test_by_loops_over_channels(name: str, images: Tensor) -> None:
    model = make(name).eval().double() if name == "adapted" else small(name)
    images = images.double()
    found = explain(methods.parts(["score_cam"]), model, images, [2, 0]).maps["score_cam"].values
    side = images.shape[-1]
    for index, target in enumerate([2, 0]):
        features, _ = by_hand(model, images, target)
        for image in range(3):
            scores = []
            for channel in features[image]:
                mask = upsampled(channel, side)
                mask = (mask - mask.min()) / (mask.max() - mask.min() + 1e-8)
                with torch.no_grad():
                    seen = images[image : image + 1] * torch.from_numpy(mask)
                    scores.append(float(model(seen)[0, target]))
            weights = np.exp(scores) / np.exp(scores).sum()
            expected = np.maximum(np.einsum("d,dyx->yx", weights, features[image]), 0)
            np.testing.assert_allclose(found[image, index].numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", HEADS)
def test_pytorch_grad_cam_agrees(name: str, images: Tensor) -> None:
    """In its setting, corners aligned; its scores are of torch's default type, here float64."""
    witness = pytest.importorskip("pytorch_grad_cam")
    outputs = pytest.importorskip("pytorch_grad_cam.utils.model_targets")
    model, images, spec = small(name), images.double(), "score_cam(upsampling='corners')"
    found = explain(methods.parts([spec]), model, images, [1]).maps[spec].values[:, 0]
    torch.set_default_dtype(torch.float64)
    layer, targets = model.backbone[-1], [outputs.ClassifierOutputTarget(1)] * len(images)  # type: ignore[union-attr,index]
    try:
        with witness.ScoreCAM(model, [layer]) as cam:
            features = model.backbone(images).detach().numpy()  # type: ignore[union-attr,operator]
            raw = cam.get_cam_image(images, layer, targets, features, None)
    finally:
        torch.set_default_dtype(torch.float32)
    for ours, theirs in zip(found.numpy(), np.maximum(raw, 0), strict=True):
        assert np.linalg.norm(ours - theirs) <= 1e-8 * np.linalg.norm(theirs)
        assert theirs.max() > 0


def test_constant_channels_and_further_findings_cost_nothing(images: Tensor, monkeypatch) -> None:
    model, passes = small("linear"), []
    run = model.features_and_logits

    def counted(images: Tensor, *, cut: bool = False):
        passes.append(len(images))
        return run(images, cut=cut)

    monkeypatch.setattr(model, "features_and_logits", counted)
    explain(methods.parts(["score_cam"]), model, images.double(), [0, 1, 2])
    with torch.no_grad():
        features = model.backbone(images.double()).flatten(2)
    varying = (features.amax(dim=2) > features.amin(dim=2)).sum(dim=1)
    assert 0 < varying.max() <= 11
    assert sum(passes) == 3 + int((varying + 1).sum())  # one for all channels that hide everything


def test_only_the_channels_that_vary_most(images: Tensor) -> None:
    """As if the network had no others."""
    model, images = make("adapted").eval().double(), images.double()
    features, _ = by_hand(model, images, 0)
    spec = "score_cam(channels=3)"
    found = explain(methods.parts([spec]), model, images, [0]).maps[spec].values[:, 0]
    for image in range(3):
        kept = np.argsort([channel.var() for channel in features[image]])[-3:]
        scores = []
        for channel in features[image][kept]:
            mask = upsampled(channel, images.shape[-1])
            mask = (mask - mask.min()) / (np.ptp(mask) + 1e-8)
            with torch.no_grad():
                seen = images[image : image + 1] * torch.from_numpy(mask)
                scores.append(float(model(seen)[0, 0]))
        weights = np.exp(scores) / np.exp(scores).sum()
        expected = np.maximum(np.einsum("d,dyx->yx", weights, features[image][kept]), 0)
        np.testing.assert_allclose(found[image].numpy(), expected, rtol=1e-9, atol=1e-12)


def test_no_channels_are_refused() -> None:
    with pytest.raises(SpecError, match="channels=0"):
        methods.parse("score_cam(channels=0)")
