"""Ablation-CAM by loops over channels, and as pytorch-grad-cam finds it."""

import types

import numpy as np
import pytest
import torch
from torch import Tensor

from heatproof.errors import MapError
from heatproof.models.classifier import Classifier, build
from heatproof.saliency import explain, methods
from tests.saliency.conftest import FINDINGS, PREPROCESSING, by_hand, make, shaken

HEADS = ("linear", "wildcat(maps=2, highest=2)")


def small(head: str) -> Classifier:
    model = shaken(build("resnet10t(width=16)", head, FINDINGS, PREPROCESSING))
    return model.eval().double()  # type: ignore[return-value]


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("divisor", ["magnitude", "logit"])
def test_by_loops_over_channels(name: str, divisor: str, images: Tensor) -> None:
    model, images = small(name), images.double()
    spec = f"ablation_cam(relu=False, divisor='{divisor}')"
    specs = {"signed": methods.parse(spec), "map": methods.parse(spec.replace("False", "True"))}
    found = explain(specs, model, images, [2, 0]).maps
    for index, target in enumerate([2, 0]):
        features, _ = by_hand(model, images, target)
        for image in range(3):
            whole = model(images[image : image + 1])[0, target].item()
            expected = np.zeros(features.shape[2:])
            for channel in range(features.shape[1]):
                without = torch.from_numpy(features[image : image + 1]).clone()
                without[:, channel] = 0
                drop = whole - model.head(without)[0, target].item()  # type: ignore[union-attr,operator]
                weight = drop / (whole if divisor == "logit" else abs(whole))
                expected += weight * features[image, channel]
            scale = np.abs(expected).max()
            for spec, values in (("signed", expected), ("map", np.maximum(expected, 0))):
                ours = found[spec].values[image, index].numpy()
                np.testing.assert_allclose(ours, values, rtol=1e-9, atol=1e-10 * scale)


@pytest.mark.parametrize("name", HEADS)
def test_pytorch_grad_cam_agrees(name: str, images: Tensor, monkeypatch) -> None:
    """In its setting, divided by the logit; it rounds logits to float32, which it may not here."""
    witness = pytest.importorskip("pytorch_grad_cam")
    outputs = pytest.importorskip("pytorch_grad_cam.utils.model_targets")
    double = types.SimpleNamespace(**vars(np))
    double.float32 = np.float64
    monkeypatch.setattr("pytorch_grad_cam.ablation_cam.np", double)
    model, images = small(name), images.double()
    spec = "ablation_cam(relu=False, divisor='logit')"
    found = explain(methods.parts([spec]), model, images, [1]).maps[spec].values[:, 0]
    layer, targets = model.backbone[-1], [outputs.ClassifierOutputTarget(1)] * len(images)  # type: ignore[union-attr,index]
    with witness.AblationCAM(model, [layer]) as cam:
        features = model.backbone(images).detach().numpy()  # type: ignore[union-attr,operator]
        assert features.min() == 0  # or it ablates to -1e7
        raw = cam.get_cam_image(images, layer, targets, features, None)
    for ours, theirs in zip(found.numpy(), raw, strict=True):
        assert np.linalg.norm(ours - theirs) <= 1e-8 * np.linalg.norm(theirs)


def test_a_negative_logit_does_not_turn_evidence_around(images: Tensor) -> None:
    model = make("resnet10t + linear")
    specs = ["ablation_cam(relu=False)", "ablation_cam(relu=False, divisor='logit')"]
    model.head.classifier.bias.data[0] = 100.0  # type: ignore[union-attr,index]
    present = explain(methods.parts(specs), model, images, [0]).maps
    model.head.classifier.bias.data[0] = -100.0  # type: ignore[union-attr,index]
    absent = explain(methods.parts(specs), model, images, [0]).maps
    for spec, agree in zip(specs, (True, False), strict=True):
        pair = torch.stack([present[spec].values.flatten(), absent[spec].values.flatten()])
        assert (torch.corrcoef(pair)[0, 1] > 0) == agree


def test_networks_without_a_head_of_their_own_are_refused(images: Tensor) -> None:
    with pytest.raises(MapError, match=r"runs the head alone.*use score_cam"):
        explain(methods.parts(["ablation_cam"]), make("adapted"), images, [0])
