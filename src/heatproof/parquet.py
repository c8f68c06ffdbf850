"""Parquet files: those of a run carry a digest of their own bytes, those of others are tried first.

A damaged Parquet file can end the whole process that reads it, since the reader of polars does not
come back where an allocation fails.  So no file is given to it unseen: of a sealed one the digest
is checked; any other is first read in a process of its own, which may end.
"""

import hashlib
import io
import os
import subprocess
import sys

import polars as pl

_SEAL = "heatproof.sha256"
_BLANK = b"0" * 64
_SECONDS = 600  # for a table of others; of a million rows it takes a few
# 16 GiB of address space: a file of a few bytes can say that it has billions of rows.
_TRIAL = """
import io, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (1 << 34, 1 << 34))
except (ImportError, ValueError, OSError):
    pass
import polars
polars.read_parquet(io.BytesIO(sys.stdin.buffer.read()))
"""


def sealed_parquet(name: str, frame: pl.DataFrame) -> bytes:
    """A Parquet file that holds the digest of its own bytes and of its name."""
    # The digest stands among the metadata, as text of fixed length, and is that of the file with
    # zeros in its place: so it covers headers and footers, and the file stays one for other tools.
    buffer = io.BytesIO()
    frame.write_parquet(buffer, metadata={_SEAL: _BLANK.decode()})
    data = buffer.getvalue()
    place = _seal_place(data)
    return data[:place] + _digest_of(name, data) + data[place + len(_BLANK) :]


def read_sealed(name: str, data: bytes) -> pl.DataFrame:
    """The table of a sealed file.

    Raises:
        ValueError: Its bytes, or its name, are not those that were written.
    """
    place = _seal_place(data)
    end = place + len(_BLANK)
    if data[place:end] != _digest_of(name, data[:place] + _BLANK + data[end:]):
        raise ValueError("was damaged, or swapped with another file")
    return pl.read_parquet(io.BytesIO(data))  # as bytes, since a path may be taken for a pattern


def read_of_others(data: bytes) -> pl.DataFrame:
    """The table of a file that somebody else wrote.

    Raises:
        ValueError: It cannot be read.
    """
    command = [sys.executable, "-c", _TRIAL]
    environment = {**os.environ, "POLARS_MAX_THREADS": "1"}
    try:
        tried = subprocess.run(
            command, input=data, capture_output=True, env=environment, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"reading it takes more than {_SECONDS} s") from error
    if tried.returncode:
        # The last line that is not indented: what follows it is a trace.
        lines = tried.stderr.decode(errors="replace").splitlines()
        told = [line for line in lines if line[:1].strip()]
        raise ValueError(told[-1] if told else f"reading it ends in status {tried.returncode}")
    return pl.read_parquet(io.BytesIO(data))


def read_own(name: str, data: bytes) -> pl.DataFrame:
    """A table beside a report, which earlier versions did not seal.

    Raises:
        ValueError: It is not as it was written, or cannot be read.
    """
    return read_sealed(name, data) if _SEAL.encode() in data else read_of_others(data)


def _seal_place(data: bytes) -> int:
    # Metadata stand behind all rows and statistics.  Two bytes lie between a key and its value.
    key = data.rfind(_SEAL.encode())
    if key < 0:
        raise ValueError("was damaged, or comes from a version that sealed no files")
    return key + len(_SEAL) + 2


def _digest_of(name: str, data: bytes) -> bytes:
    return hashlib.sha256(name.encode() + data).hexdigest().encode()
