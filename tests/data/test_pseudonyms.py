"""Pseudonyms are those of RFC 2104, and tell nothing without the key."""

import hashlib

import pytest

from heatproof.data.pseudonyms import Pseudonyms, read_key, uid_from, uid_of
from heatproof.errors import DataError

KEY = bytes(range(32))


def hmac_sha256(key: bytes, text: bytes) -> bytes:
    """HMAC by its definition (RFC 2104), for keys that are no longer than a block."""
    block = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + text).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).digest()


def test_a_pseudonym_is_a_keyed_hash() -> None:
    expected = hmac_sha256(KEY, b"patient\0MRN-1").hex()[:16]
    assert Pseudonyms(KEY).of("patient", "MRN-1") == f"patient-{expected}"


def test_kinds_and_keys_are_kept_apart() -> None:
    one, other = Pseudonyms(KEY), Pseudonyms(KEY[::-1])
    names = {one.of("patient", "7"), one.of("film", "7"), one.of("study", "7"),
             other.of("patient", "7"), one.of("patient", "8")}  # fmt: skip
    assert len(names) == 5
    assert one.cluster("patient 7") == f"patient {one.of('patient', '7')}"
    assert one.cluster("7") == one.of("film", "7")
    assert one.of("patient", "") == ""


def test_a_uid_is_one_of_dicom_and_a_uuid() -> None:
    for uid in (Pseudonyms(KEY).uid("1.2.3"), uid_from("a", "b"), uid_of(b"\xff" * 32)):
        assert len(uid) <= 64
        number = int(uid.removeprefix("2.25."))
        assert f"2.25.{number}" == uid  # no leading zero
        text = f"{number:032x}"
        assert len(text) == 32
        assert text[12] == "8"
        assert text[16] in "89ab"
    assert uid_from("a", "b") != uid_from("ab", "")


def test_a_key_is_read_without_its_line_end_and_must_be_long(tmp_path) -> None:
    (tmp_path / "key").write_bytes(b"0123456789abcdef\r\n")
    assert read_key(tmp_path / "key") == Pseudonyms(b"0123456789abcdef")
    (tmp_path / "key").write_bytes(b"secret\n")
    with pytest.raises(DataError, match="a key of 6 bytes, expected at least 16"):
        read_key(tmp_path / "key")
    with pytest.raises(DataError, match="head -c 32 /dev/urandom"):
        read_key(tmp_path / "none")
    assert "0123" not in repr(Pseudonyms(b"0123456789abcdef"))
