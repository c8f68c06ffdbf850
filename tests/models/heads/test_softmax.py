"""The softmax head against its definition."""

import pytest
import torch

from heatproof.errors import SpecError
from heatproof.models.heads import heads

FEATURES = torch.randn(3, 6, 5, 4, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("base", ["linear", "wildcat(maps=2, highest=3)"])
@pytest.mark.parametrize("classes", [2, 3])
def test_its_sigmoid_is_the_softmax_of_positive_against_negative(base: str, classes: int) -> None:
    head = heads.parse(f"softmax(base={base}, classes={classes})")(6, 4)
    outputs = head.outputs(FEATURES)
    assert outputs.shape == (3, 4, classes)
    share = outputs[..., :2].softmax(dim=-1)[..., 1]
    torch.testing.assert_close(head(FEATURES).sigmoid(), share)
    torch.testing.assert_close(outputs.flatten(1), head.base(FEATURES))


def test_its_class_map_is_of_the_positive_class_or_of_the_contrast() -> None:
    plain, contrast = (
        heads.parse(f"softmax(contrast={contrast})")(6, 2) for contrast in (False, True)
    )
    contrast.load_state_dict(plain.state_dict())
    maps = plain.base.class_map(FEATURES)
    torch.testing.assert_close(plain.class_map(FEATURES), maps[:, 1::2])
    torch.testing.assert_close(contrast.class_map(FEATURES), maps[:, 1::2] - maps[:, ::2])
    # As of any linear head: the logit is the mean of the map, and the bias.
    bias = plain.base.classifier.bias
    torch.testing.assert_close(
        contrast(FEATURES), contrast.class_map(FEATURES).mean(dim=(2, 3)) + bias[1::2] - bias[::2]
    )
    assert plain.uniform
    assert not heads.parse("softmax(base=wildcat)")(6, 2).uniform


def test_other_numbers_of_classes_are_refused() -> None:
    with pytest.raises(SpecError, match="classes=4"):
        heads.parse("softmax(classes=4)")
