"""Agreement with captum and pytorch-grad-cam, where they are installed (extra ``witnesses``)."""

import pytest
import torch
from torch import Tensor

from heatproof.saliency import explain, methods
from tests.saliency.conftest import make

NAMES = ["resnet18 + linear", "densenet121 + linear", "resnet10t + wildcat"]


def close(found: Tensor, expected: Tensor) -> None:
    expected = expected.detach().to(found)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("name", NAMES)
def test_captum_agrees(name: str, images: Tensor) -> None:
    attr = pytest.importorskip("captum.attr")
    # In float64: in float32 DenseNet's gradients differ by more than 1e-3, in captum too.
    model, images = make(name).eval().double(), images.double().requires_grad_()
    specs = [
        "gradient(channels='sum')",
        "integrated_gradients(steps=6, baseline='mean')",
        "occlusion(window=16, stride=16)",
    ]
    found = explain(methods.parts(specs), model, images.detach(), [1])
    gradient, integrated, occlusion = (found.maps[spec].values[:, 0] for spec in found.maps)
    close(gradient, attr.Saliency(model).attribute(images, 1, abs=False).sum(1))
    path = attr.IntegratedGradients(model).attribute(
        images, target=1, n_steps=6, method="riemann_middle"
    )
    close(integrated, path.sum(1))
    blocks = attr.Occlusion(model).attribute(images, (3, 16, 16), (3, 16, 16), target=1)
    close(occlusion, blocks[:, 0, 8::16, 8::16])
    layer = attr.LayerGradCam(model, model.backbone).attribute(images, target=1)
    cam = explain(methods.parts(["grad_cam(relu=False)"]), model, images.detach(), [1])
    close(cam.maps["grad_cam(relu=False)"].values, layer.detach())


@pytest.mark.parametrize("name", NAMES)
def test_grad_cam_agrees_up_to_its_own_scaling(name: str, images: Tensor) -> None:
    pytorch_grad_cam = pytest.importorskip("pytorch_grad_cam")
    targets = pytest.importorskip("pytorch_grad_cam.utils.model_targets")
    model = make(name).eval()
    ours = explain(methods.parts(["grad_cam"]), model, images, [1]).maps["grad_cam"].values[:, 0]
    with pytorch_grad_cam.GradCAM(model, [model.backbone[-1]]) as cam:
        # The raw map: get_cam_image; its call normalizes each map and resizes it to the image.
        cam(images, [targets.ClassifierOutputTarget(1)] * len(images))
        activations = cam.activations_and_grads.activations[0].numpy()
        gradients = cam.activations_and_grads.gradients[0].numpy()
        raw = cam.get_cam_image(images, model.backbone[-1], None, activations, gradients)
    close(ours, torch.from_numpy(raw).clamp(min=0))
