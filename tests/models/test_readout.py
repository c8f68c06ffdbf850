"""What a network returns, read as logits."""

from types import SimpleNamespace

import pytest
import torch

from heatproof.errors import ModelError
from heatproof.models.readout import Readout

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -4.0]])


def test_the_odds_of_a_class_are_those_of_its_softmax_probability() -> None:
    read = Readout(("none", "pneumonia", "covid"), "softmax")(LOGITS, 2)
    torch.testing.assert_close(read.sigmoid(), LOGITS.softmax(dim=1))
    # A softmax does not change when all logits rise together, and neither do the odds.
    torch.testing.assert_close(Readout(tuple("abc"), "softmax")(LOGITS + 7, 2), read)
    two = Readout(tuple("ab"), "softmax")(LOGITS[:, :2], 2)
    torch.testing.assert_close(two[:, 1], LOGITS[:, 1] - LOGITS[:, 0])


@pytest.mark.parametrize(
    ("output", "returned"),
    [
        (None, LOGITS),
        (1, (torch.zeros(2, 8), LOGITS)),
        (-1, [torch.zeros(2, 8), LOGITS]),
        ("logits", {"loss": torch.tensor(0.0), "logits": LOGITS}),
        ("logits", SimpleNamespace(logits=LOGITS, loss=None)),
        ("out.logits", {"out": {"logits": LOGITS}}),
        ("0.logits", (SimpleNamespace(logits=LOGITS), None)),
        ("out.1", {"out": (torch.zeros(2, 8), LOGITS)}),
    ],
)
def test_an_output_goes_by_index_key_or_attribute(output: int | str | None, returned) -> None:
    assert torch.equal(Readout(tuple("abc"), output=output)(returned, 2), LOGITS)


def test_convolutional_heads_leave_axes_of_one_cell() -> None:
    assert Readout(tuple("abc"))(LOGITS[:, :, None, None], 2).shape == (2, 3)
    assert Readout(("a",))(LOGITS[:, 0], 2).shape == (2, 1)


@pytest.mark.parametrize(
    ("output", "returned", "message"),
    [
        (None, (LOGITS, LOGITS), r"tuple \(tensors: 0, 1\).*output = 0"),
        (None, {"aux": LOGITS, "logits": LOGITS}, r"dict \(tensors: 'aux', 'logits'\).*'logits'"),
        (None, {"out": {"logits": LOGITS}}, "output = 'out.logits'"),
        (None, LOGITS.softmax(dim=1), "add up to 1.*say outputs = 'probabilities'"),
        (None, LOGITS.bfloat16(), "torch.bfloat16, which rounds.*leave torch.autocast out"),
        (2, (LOGITS, LOGITS), "output = 2: the network returns tuple"),
        ("logit", {"logits": LOGITS}, "did you mean logits"),
        ("logits", LOGITS, "leave output out"),
        (None, LOGITS[:, :2], "expected one per finding"),
        (None, LOGITS.T[None], "expected one per finding"),
    ],
)
def test_outputs_that_cannot_be_meant_are_told(output, returned, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Readout(tuple("abc"), output=output)(returned, 2)


def test_probabilities_that_are_not_defined_stay_so() -> None:
    read = Readout(("a", ""), "probabilities")(torch.tensor([[0.5, float("nan")]]), 1)
    assert read[0, 0] == 0
    assert read[0, 1].isnan()


def test_findings_are_named_once_unless_nobody_asks_about_them() -> None:
    Readout(("", "Mass", ""))
    with pytest.raises(ModelError, match=r"'Mass' for the outputs \[0, 2\]"):
        Readout(("Mass", "Nodule", "Mass"))
    with pytest.raises(ModelError, match="at least one with a name"):
        Readout(("", ""))
    with pytest.raises(ModelError, match="always 1"):
        Readout(("Mass",), "softmax")
