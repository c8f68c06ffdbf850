import torch
from torch import Tensor

from heatproof.models import Model
from heatproof.saliency import explain, methods


def test_equals_its_definition(model: Model, images: Tensor) -> None:
    specs = ["gradient", "gradient(channels='sum_abs')", "gradient(channels='sum')"]
    found = explain(methods.parts(specs), model, images, [1])
    model.eval()
    for image in range(3):
        pixels = images[image : image + 1].clone().requires_grad_()
        (gradient,) = torch.autograd.grad(model(pixels)[0, 1], pixels)
        expected = (gradient.abs().amax(1), gradient.abs().sum(1), gradient.sum(1))
        for spec, map_ in zip(specs, expected, strict=True):
            value = found.maps[spec].values[image, :1, :, :].squeeze(1)
            torch.testing.assert_close(value, map_, rtol=1e-3, atol=1e-5 * float(map_.abs().max()))


def test_the_signed_sum_predicts_what_a_brighter_pixel_does(model: Model, images: Tensor) -> None:
    """To first order, in float64: it is a derivative with respect to the grey value."""
    model, images = model.double(), images[:1].double()
    found = explain(methods.parts(["gradient(channels='sum')"]), model, images, [0])
    (map_,) = (m.values[0, 0] for m in found.maps.values())
    y, x = divmod(int(map_.abs().argmax()), map_.shape[1])
    brighter = images.clone()
    brighter[:, :, y, x] += 1e-6
    model.eval()
    with torch.no_grad():
        rise = (model(brighter) - model(images))[0, 0] / 1e-6
    torch.testing.assert_close(rise, map_[y, x], rtol=1e-3, atol=1e-8)
