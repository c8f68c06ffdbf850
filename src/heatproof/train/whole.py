"""Checkpoints that are written whole or not at all, wherever the folder lies.

Lightning writes into the system's folder for temporary files and moves the file from there, which
between two disks is a copy: a full disk, or a kill, would leave half of it in place of the last.
"""

import io
import os
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins import TorchCheckpointIO


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside the old one, and replaces that in one step."""

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: Any = None,  # noqa: ARG002
    ) -> None:
        """See Lightning; raises OSError, the file being as it was."""
        path = Path(path)
        content = io.BytesIO()  # torch.save tells of a full disk in other words
        torch.save(checkpoint, content)
        # Beside the old file, since a file is replaced in one step only within one disk.
        unfinished = path.with_name(f".{path.name}.unfinished")
        try:
            unfinished.write_bytes(content.getbuffer())
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
