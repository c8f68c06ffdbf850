import pytest
import torch

from heatproof.errors import ModelError, SpecError
from heatproof.models.devices import device_named, repeatable, within_memory


def test_auto_is_the_gpu_where_there_is_one():
    assert device_named("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["gpu", "", "cuda:99", "meta", "cpu,cuda"])
def test_what_is_not_here_is_refused_in_words(name):
    with pytest.raises(SpecError, match=rf"device='{name}': .*; expected auto, cpu, or") as refused:
        device_named(name)
    assert len(str(refused.value)) < 400


def test_settings_of_torch_are_as_they_were_afterwards(monkeypatch):
    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    monkeypatch.setattr(convolutions, "benchmark", True)
    with repeatable():
        assert convolutions.deterministic
        switches = (convolutions.benchmark, convolutions.allow_tf32, products.allow_tf32)
        assert switches == (False, False, False)
    with repeatable(rounded=True):
        assert convolutions.allow_tf32
    assert convolutions.benchmark
    assert not convolutions.deterministic


def test_a_full_gpu_is_told_with_what_helps():
    said = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8 GiB."
    told = pytest.raises(ModelError, match=r"does not suffice: CUDA .* 2.00 GiB.* take less")
    with told, within_memory("take less"):
        raise torch.OutOfMemoryError(said)
