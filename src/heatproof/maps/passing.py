"""Maps that do not stay: in memory while a block of films is measured, and then gone.

Of the films that are asked for later, maps go to the store on disk as well, whole or not at all.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from heatproof.errors import DamagedMapError, MapError
from heatproof.maps.store import MapStore, StoredMap
from heatproof.types import MapKey, ModelId, Validity

_SETTLED = "settled"  # beside the store: nothing asks for its maps any more, and they are gone


@dataclass(frozen=True)
class PassingStore(MapStore):
    """A store that keeps the maps of some films, and holds those of others until they are let go.

    Attributes:
        sampled: The films whose maps go to the disk.
    """

    sampled: frozenset[str] = frozenset()
    _held: dict[MapKey, StoredMap] = field(default_factory=dict, repr=False, compare=False)

    @property
    def films(self) -> frozenset[str] | None:
        """The films whose maps stay, until ``settle``."""
        return self.sampled

    def put(
        self,
        model: ModelId,
        method: str,
        findings: Sequence[str],
        image_ids: Sequence[str],
        values: Float[np.ndarray, "n k y x"],
        validity: Sequence[Sequence[Validity]],
        versions: Sequence[str],
    ) -> None:
        """As ``MapStore.put``; all maps are held, and those of some films stored."""
        rows = [row for row, image_id in enumerate(image_ids) if image_id in self.sampled]
        if rows:
            super().put(
                model,
                method,
                findings,
                [image_ids[row] for row in rows],
                values[rows],
                [validity[row] for row in rows],
                [versions[row] for row in rows],
            )
        kept = self.kept(values)
        for row, image_id in enumerate(image_ids):
            for col, finding in enumerate(findings):
                key = MapKey(model, method, image_id, finding)
                self._held[key] = StoredMap(kept[row, col], validity[row][col])

    def get_many(self, keys: Sequence[MapKey]) -> list[StoredMap]:
        """As ``MapStore.get_many``; a map that is gone has to be made again.

        Raises:
            DamagedMapError: A map is neither held nor stored, or not as it was put.
        """
        stored = [key for key in keys if key not in self._held]
        try:
            read = dict(zip(stored, super().get_many(stored), strict=True))
        except DamagedMapError:
            raise
        except MapError as error:
            raise DamagedMapError(f"{error}; it was not kept") from error
        return [self._held[key] if key in self._held else read[key] for key in keys]

    def missing(
        self, model: ModelId, method: str, findings: Sequence[str], versions: Mapping[str, str]
    ) -> list[str]:
        """As ``MapStore.missing``, of the films whose maps have to be there."""
        if self._mark.exists():
            return []
        sampled = {image: each for image, each in versions.items() if image in self.sampled}
        return super().missing(model, method, findings, sampled) if sampled else []

    def damaged(self) -> list[Path]:
        """As ``MapStore.damaged``; from now on, the maps of some films have to be there again."""
        self._mark.unlink(missing_ok=True)
        return super().damaged()

    def let_go(self) -> None:
        """Forget the maps that are held."""
        self._held.clear()

    def settle(self) -> None:
        """Remove all maps: whatever is made of them is there."""
        self._mark.parent.mkdir(parents=True, exist_ok=True)
        self._mark.touch()
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def _mark(self) -> Path:
        return self.path.with_suffix(f".{_SETTLED}")
