"""Pseudonyms: a keyed hash (HMAC-SHA256, RFC 2104) in place of an identifier.

One key gives one identifier one pseudonym, in every file and at every time, so that tables can
still be joined; without the key nobody can find the identifier, not even by trying all of them.
Who holds the key can: it is as secret as the identifiers are.  Kinds are kept apart: a patient and
a film of the same name have different pseudonyms.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from heatproof.errors import DataError

Kind = Literal["patient", "study", "film", "uid"]
_LEAST = 16  # bytes of a key
_DIGITS = 16  # hexadecimal digits of a pseudonym: equal for two of a million with odds of 1 to 4e7
_UUID = 16  # bytes


@dataclass(frozen=True)
class Pseudonyms:
    """Pseudonyms by one key.

    Attributes:
        key: The secret.
    """

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Raises DataError for a key that could be guessed by its length."""
        if len(self.key) < _LEAST:
            raise DataError(
                f"a key of {len(self.key)} bytes, expected at least {_LEAST}; this makes one:"
                " head -c 32 /dev/urandom > KEYFILE"
            )

    def of(self, kind: Kind, name: str) -> str:
        """The pseudonym of an identifier, such as ``"patient-0f3a9c2b7d1e4856"``; empty of none."""
        return f"{kind}-{self._digest(kind, name).hex()[:_DIGITS]}" if name else ""

    def uid(self, uid: str) -> str:
        """The DICOM unique identifier that stands for another one."""
        return uid_of(self._digest("uid", uid))

    def cluster(self, cluster: str) -> str:
        """The pseudonym of what is independent: ``"patient X"``, or a film."""
        patient = cluster.removeprefix("patient ")
        if patient != cluster:
            return f"patient {self.of('patient', patient)}"
        return self.of("film", cluster)

    def _digest(self, kind: str, name: str) -> bytes:
        return hmac.digest(self.key, f"{kind}\0{name}".encode(), "sha256")


def read_key(file: Path) -> Pseudonyms:
    """The pseudonyms by the key in a file; line ends at its end count for nothing.

    Raises:
        DataError: The file cannot be read, or its key is too short.
    """
    try:
        key = file.read_bytes()
    except OSError as error:
        raise DataError(
            f"the key {file} cannot be read: {error.strerror}; this makes one:"
            f" head -c 32 /dev/urandom > {file}"
        ) from error
    try:
        return Pseudonyms(key.rstrip(b"\r\n"))
    except DataError as error:
        raise DataError(f"{file}: {error}") from error


def uid_of(digest: bytes) -> str:
    """A DICOM unique identifier made of a digest: a UUID (PS3.5 B.2), of version 8 (RFC 9562)."""
    value = int.from_bytes(digest[:_UUID], "big")
    value = value & ~(0xF << 76) | (0x8 << 76)  # version
    value = value & ~(0x3 << 62) | (0x2 << 62)  # variant
    return f"2.25.{value}"


def uid_from(*inputs: str) -> str:
    """The identifier that always follows from these texts."""
    return uid_of(hashlib.sha256("\0".join(inputs).encode()).digest())
