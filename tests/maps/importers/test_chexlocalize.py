"""Maps of CheXlocalize: what the authors ship is read; nothing that a pickle asks for is run."""

import io
import os
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from heatproof.errors import MapError, UnsafePickleError
from heatproof.maps.importers import importers
from heatproof.maps.importers.chexlocalize import HEAD, CheXlocalizeMaps, map_files, read_map

NAME = "patient1_study1_view1_frontal_Edema_map.pkl"


def content() -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    return {
        "map": torch.rand(1, 1, 8, 8, generator=generator),
        "prob": 0.25,
        "task": "Edema",
        "gt": 1,
        "cxr_img": torch.rand(3, 8, 8, generator=generator),
        "cxr_dims": (30, 20),
    }


def written(tmp_path: Path, what: object, protocol: int = 3, name: str = NAME) -> Path:
    path = tmp_path / name
    path.write_bytes(what if isinstance(what, bytes) else pickle.dumps(what, protocol))
    return path


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_a_map_is_read(tmp_path: Path, protocol: int) -> None:
    found = read_map(written(tmp_path, content(), protocol))
    assert (found.image_id, found.finding) == ("patient1_study1_view1_frontal", "Edema")
    assert (found.probability, found.label, found.size) == (0.25, True, (20, 30))
    assert np.array_equal(found.values, content()["map"][0, 0].numpy())


def test_a_probability_may_be_the_whole_output(tmp_path: Path) -> None:
    whole = content() | {"prob": torch.arange(14) / 20}
    assert read_map(written(tmp_path, whole)).probability == pytest.approx(0.25)
    assert HEAD.index("Edema") == 5


class Calls:
    """Pickles to a call of anything."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def hidden_in_storage(evil: object) -> bytes:
    """A map whose tensor bytes are themselves a hostile file of torch.save."""
    buffer = io.BytesIO()
    torch.save(evil, buffer, _use_new_zipfile_serialization=False)
    call = Calls(torch.storage._load_from_bytes, buffer.getvalue())
    return pickle.dumps(content() | {"map": call}, 3)


def hostile(proof: Path) -> dict[str, bytes]:
    evil = Calls(os.system, f"touch '{proof}'")
    bad = {key: pickle.dumps(content() | {"prob": evil}, key) for key in (3, 4, 5)}
    return {
        **{f"system, protocol {key}": data for key, data in bad.items()},
        "eval": pickle.dumps(Calls(eval, f"open({str(proof)!r}, 'w')"), 2),
        "getattr": pickle.dumps(Calls(getattr, "text", "upper"), 4),
        "dotted name": b"\x80\x04\x8c\x0btorch.utils\x8c\x0c_load.system\x93.",
        "dotted, allowed": b"\x80\x04\x8c\x0dtorch.storage\x8c\x10_load_from_bytes\x8c\x00\x93.",
        "other global of torch": b"ctorch\nload\n.",
        "inside the tensor": hidden_in_storage(evil),
        "inside, deeper": hidden_in_storage({"a": [evil]}),
        "archive in the tensor": pickle.dumps(Calls(torch.storage._load_from_bytes, b"PK\3\4"), 3),
        "old way to make objects": f"(S\"touch '{proof}'\"\niposix\nsystem\n.".encode(),
        "state of an allowed function": b"ctorch.storage\n_load_from_bytes\n}b.",
        "extension registry": b"\x82\x01.",
        "persistent id": b"Pevil\n.",
        "memo bomb": b"\x80\x02Nr\xff\xff\xff\x7f.",
        "out of band buffer": b"\x80\x05\x97.",
    }


def test_hostile_pickles_are_refused_and_never_run(tmp_path: Path) -> None:
    proof = tmp_path / "it ran"
    cases = hostile(proof)
    assert len(cases) > 10
    for name, data in cases.items():
        path = written(tmp_path, data)
        with pytest.raises(UnsafePickleError, match=NAME):
            print(name, read_map(path))
        assert not proof.exists(), name


def test_the_refusal_names_what_was_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, pickle.dumps(Calls(os.system, "true"), 3))
    with pytest.raises(UnsafePickleError, match=r"asks for posix\.system"):
        read_map(path)
    hidden = written(tmp_path, hidden_in_storage(Calls(os.system, "true")))
    with pytest.raises(UnsafePickleError, match=r"hides posix\.system"):
        read_map(hidden)


def test_the_hostile_cases_do_run_elsewhere(tmp_path: Path) -> None:
    """Or the tests above would prove nothing."""
    proof = tmp_path / "it ran"
    pickle.loads(hostile(proof)["system, protocol 3"])
    assert proof.exists()


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (1, 1, 1 << 20, 1 << 20), (0, 0, 0, 0)),
        (0, (1, 1, 2, 2), (0, 0, 1 << 40, 1)),
        (1 << 40, (1, 1, 2, 2), (4, 4, 2, 1)),
        (0, (-1, -1, 2, 2), (4, 4, 2, 1)),
        (2, (1, 1, 2, 2), (4, 4, -1, 1)),
    ],
)
def test_tensors_larger_than_their_bytes_are_refused(
    tmp_path: Path, offset: int, size: tuple[int, ...], stride: tuple[int, ...]
) -> None:
    storage = torch.arange(4.0)._typed_storage()
    tensor = Calls(torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, {})
    with pytest.raises(MapError, match=f"{NAME}: a tensor of size .* on 4 stored values"):
        read_map(written(tmp_path, content() | {"map": tensor}))


def test_storage_that_claims_terabytes_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    storage = torch.zeros(64)._typed_storage()
    torch.save(storage, buffer, _use_new_zipfile_serialization=False)
    few, many = b"K\x40", b"\x8a\x06" + (1 << 40).to_bytes(6, "little")  # 64 values, or 2^40
    assert buffer.getvalue().count(few) == 1
    bomb = Calls(torch.storage._load_from_bytes, buffer.getvalue().replace(few, many))
    with pytest.raises(MapError, match=f"{NAME} is cut short .*(memory|wrong byte size)"):
        read_map(written(tmp_path, content() | {"map": bomb}))


def test_nested_lists_that_multiply_do_not_flood_the_message(tmp_path: Path) -> None:
    laughs: list[Any] = ["ha"]
    for _ in range(60):
        laughs = [laughs, laughs]
    with pytest.raises(MapError) as raised:
        read_map(written(tmp_path, content() | {"task": laughs}))
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"map": torch.zeros(1, 8, 8)}, r"map has shape \(1, 8, 8\), expected \(1, 1"),
        ({"map": torch.zeros(1, 1, 0, 8)}, "map has shape"),
        ({"map": torch.zeros(1, 1, 8, 8).int()}, "expected a float tensor"),
        ({"map": [[1.0]]}, "map is a list"),
        ({"map": torch.full((1, 1, 8, 8), torch.nan)}, "64 values are not finite"),
        ({"map": torch.zeros(1, 1, 10, 10)}, "another image"),
        ({"cxr_img": torch.zeros(1, 8, 8)}, "cxr_img has shape"),
        ({"cxr_dims": (30, -20)}, "cxr_dims"),
        ({"cxr_dims": (30,)}, "cxr_dims"),
        ({"cxr_dims": (30.5, 20)}, "cxr_dims"),
        ({"prob": 1.5}, "prob is 1.5"),
        ({"prob": float("nan")}, "prob is nan"),
        ({"prob": torch.zeros(3)}, "prob is tensor"),
        ({"gt": 2}, "gt is 2"),
        ({"gt": "1"}, "gt is '1'"),
        ({"task": "Nodule"}, "named for 'Edema' but holds a map of 'Nodule'"),
        ({"extra": 1}, "expected a dict with"),
    ],
)
def test_what_is_not_the_format_says_so(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    with pytest.raises(MapError, match=text):
        read_map(written(tmp_path, content() | change))


@pytest.mark.parametrize(
    "data", [b"", b"garbage", b"\x80\x02", pickle.dumps(3), pickle.dumps({"map": 1})]
)
def test_what_is_no_map_says_so(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(MapError, match=NAME):
        read_map(written(tmp_path, data))


def test_damage_anywhere_is_a_map_error_or_harmless(tmp_path: Path) -> None:
    whole = pickle.dumps(content(), 2)
    generator = random.Random(0)
    path = tmp_path / NAME
    refused = 0
    for _ in range(400):
        damaged = bytearray(whole)
        if generator.random() < 0.3:
            del damaged[generator.randrange(len(whole)) :]
        else:
            for _ in range(generator.randint(1, 3)):
                damaged[generator.randrange(len(whole))] = generator.randrange(256)
        path.write_bytes(damaged)
        try:
            read_map(path)
        except MapError:
            refused += 1
    assert refused > 100


def test_files_are_found_sorted_and_each_once(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    names = ["b/x_Edema_map.pkl", "a_Edema_map.pkl", "b/notes.txt"]
    for name in names:
        (tmp_path / name).touch()
    assert [file.name for file in map_files(tmp_path)] == ["a_Edema_map.pkl", "x_Edema_map.pkl"]
    (tmp_path / "b/a_Edema_map.pkl").touch()
    with pytest.raises(MapError, match="two maps of one image and finding"):
        map_files(tmp_path)
    with pytest.raises(MapError, match="no such folder"):
        map_files(tmp_path / "nowhere")


def test_names_must_tell_image_and_finding(tmp_path: Path) -> None:
    for name in ("Edema_map.pkl", "a_Edema.pkl"):
        with pytest.raises(MapError, match="not named like"):
            read_map(written(tmp_path, content(), name=name))
    with pytest.raises(MapError, match="cannot read"):
        read_map(tmp_path / "gone_Edema_map.pkl")


def test_the_importer_is_registered() -> None:
    assert importers.parse("chexlocalize") == CheXlocalizeMaps()


def test_what_the_authors_ship_is_read_without_trust(shared_data: Path) -> None:
    """Equal to what the trusting way reads."""
    files = map_files(shared_data / "chexlocalize_sample" / "gradcam_maps_val")
    assert len(files) == 20
    for file in files:
        found = read_map(file)
        with file.open("rb") as stream:
            trusted = pickle.load(stream)
        assert np.array_equal(found.values, trusted["map"][0, 0].numpy())
        assert found.size == trusted["cxr_dims"][::-1]
        assert (found.finding, found.probability) == (trusted["task"], trusted["prob"])
        assert f"{found.image_id}_{found.finding}_map.pkl" == file.name
