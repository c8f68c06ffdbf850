"""Checkpoints that are written whole or not at all, wherever the folder lies.

Lightning writes into the system's folder for temporary files and moves the file from there, which
between two disks is a copy: a full disk, or a kill, would leave half of it in place of the last.
"""

import hashlib
import io
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins import TorchCheckpointIO

from heatproof.disk import write_whole
from heatproof.errors import ModelError

_DIGEST = 32  # bytes of SHA-256, which stand behind those of the checkpoint


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside the old one, and replaces that in one step."""

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: Any = None,  # noqa: ARG002
    ) -> None:
        """See Lightning; raises OSError, the file being as it was."""
        content = io.BytesIO()  # torch.save tells of a full disk in other words
        torch.save(checkpoint, content)
        content.write(hashlib.sha256(content.getbuffer()).digest())
        write_whole(Path(path), content.getvalue())

    def load_checkpoint(self, path: str | Path, *_: Any, **__: Any) -> dict[str, Any]:
        """See Lightning; raises ModelError."""
        return read_checkpoint(Path(path))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint as it was written.

    Raises:
        ModelError: It is gone, damaged, cut short, or holds more than tensors and numbers.
        OSError: The disk cannot be read, or not by this user, which says nothing of the file.
    """
    try:
        content = path.read_bytes()
        data, digest = content[:-_DIGEST], content[-_DIGEST:]
        if hashlib.sha256(data).digest() != digest:
            raise ValueError("its digest is that of other content")
        state: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelError(f"{path} is gone") from error
    except (OSError, MemoryError):
        raise  # nothing is damaged, and whoever takes it for damaged removes hours of training
    except Exception as error:  # whatever torch says of a file
        raise ModelError(
            f"{path} is not a checkpoint as it was written ({type(error).__name__}: {error})"
        ) from error
    return state
