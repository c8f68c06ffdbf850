"""Ensembles: several trained models that judge as one.

    p_k = mean of the members' probabilities of finding k

Which members count is decided finding by finding, as in CheXpert's ensembles (Irvin et al., AAAI
2019, https://arxiv.org/abs/1901.07031): the best on validation, by AUROC.  Saliency maps of an
ensemble are the means of its members' maps; see ``heatproof.saliency.ensemble``.

At rest an ensemble is ``ensemble.json``: the folders of its members, which are models of their own,
with the checksums of their weights, and for each finding the numbers of those that count.  One
member is in memory at a time, so that an ensemble may have a hundred.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float

from heatproof.disk import sealed, unsealed, write_whole
from heatproof.errors import ModelError
from heatproof.models import Model
from heatproof.models import card as cards
from heatproof.models.card import Cohort, ModelCard
from heatproof.models.classifier import Classifier
from heatproof.models.own_transform import AnyPreprocessing
from heatproof.types import ModelId

ENSEMBLE = "ensemble.json"
FORMAT = 1


@dataclass(frozen=True)
class Ensemble:
    """Members with the same findings and preprocessing; see ``ensemble`` and ``load``.

    Attributes:
        members: The members, in evaluation mode.
        chosen: Which of them count for which finding.
        findings: What each of them tells, in order.
        preprocessing: What the images have gone through.
        temperatures: Temperatures of the members.
    """

    members: Sequence[Model]
    chosen: Bool[np.ndarray, "m k"]
    findings: tuple[str, ...]
    preprocessing: AnyPreprocessing
    temperatures: tuple[tuple[float, ...], ...]

    def to(self, device: torch.device) -> "Ensemble":
        """The same ensemble; its members go to the device when they are asked for."""
        return replace(self, members=_Placed(self.members, device))


def ensemble(members: Sequence[Model], chosen: Bool[np.ndarray, "m k"]) -> Ensemble:
    """An ensemble of models that are in memory.

    Raises:
        ModelError: The members differ in findings or preprocessing, or a finding has none.
    """
    _check(members, chosen)
    first = members[0]
    temperatures = tuple(member.temperatures for member in members)
    return Ensemble(members, chosen, first.findings, first.preprocessing, temperatures)


def best_members(scores: Float[np.ndarray, "m k"], best: int) -> Bool[np.ndarray, "m k"]:
    """The members with the highest scores, finding by finding; of equal ones the earlier.

    Members whose score is ``nan`` are not chosen, so that there may be fewer.
    """
    # A stable sort leaves the earlier of two equal members first.
    order = np.argsort(-np.where(np.isnan(scores), -np.inf, scores), axis=0, kind="stable")
    chosen = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(chosen, order[:best], True, axis=0)
    chosen &= ~np.isnan(scores)
    return chosen


def save(members: Sequence[Path], chosen: Bool[np.ndarray, "m k"], folder: Path) -> None:
    """Write down which models make an ensemble; those that never count are left out.

    Args:
        members: Folders of the members.
        chosen: Which of them count for which finding.
        folder: Folder of the ensemble.

    Raises:
        ModelError: The members do not fit together, or a finding has none.
    """
    read = [cards.read_card(member) for member in members]
    _check(read, chosen)
    counting = np.flatnonzero(chosen.any(axis=1)).tolist()
    content = {
        "format": FORMAT,
        "members": [
            {
                # A relative path stays right when the folder of the run is moved.
                "folder": Path(os.path.relpath(members[index], folder)).as_posix(),
                "checkpoint": read[index].id.checkpoints[0],
            }
            for index in counting
        ],
        "chosen": {
            finding: np.flatnonzero(chosen[counting, column]).tolist()
            for column, finding in enumerate(read[0].findings)
        },
    }
    write_whole(folder / ENSEMBLE, sealed(content))


def load(folder: Path) -> tuple[Ensemble, ModelCard]:
    """The ensemble of a folder, with a card that holds for all its members.

    Raises:
        ModelError: No ensemble, a damaged file, or a member that is gone or another by now.
    """
    path = folder / ENSEMBLE
    try:
        content = unsealed(path.read_bytes(), required=False)  # of an earlier version
        if content["format"] != FORMAT:
            raise ModelError(f"{path}: not an ensemble of format {FORMAT}")
        places = [folder / member["folder"] for member in content["members"]]
        checkpoints = [member["checkpoint"] for member in content["members"]]
        counting: dict[str, list[int]] = content["chosen"]
        read = [cards.read_card(place) for place in places]
        chosen = np.zeros((len(read), len(read[0].findings)), dtype=bool)
        for column, finding in enumerate(read[0].findings):
            chosen[counting[finding], column] = True
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        # A ModelError is a ValueError, too, and says already what is wrong.
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{path}: no ensemble can be read from it ({error!r})") from error
    for place, card, checkpoint in zip(places, read, checkpoints, strict=True):
        if card.id.checkpoints[0] != checkpoint:
            raise ModelError(f"{place} holds another model than when {path} chose it")
    _check(read, chosen)
    first = read[0]
    members = Ensemble(
        _Stored(places, read),
        chosen,
        first.findings,
        first.preprocessing,
        tuple(card.temperatures for card in read),
    )
    return members, _card(read, chosen)


class _Stored(Sequence[Model]):
    """Members in their folders.  One network of each kind is in memory, with the weights of the
    member last asked for.

    The weights of a member are checked when it is first asked for, and stay mapped from their file:
    an ensemble is asked for each member again with every block of films.
    """

    def __init__(self, folders: Sequence[Path], read: Sequence[ModelCard]) -> None:
        self._folders, self._cards = folders, read
        self._networks: dict[tuple[str, str], Classifier] = {}
        self._weights: dict[int, dict[str, torch.Tensor]] = {}

    def __len__(self) -> int:
        return len(self._folders)

    def __getitem__(self, index: Any) -> Any:
        card = self._cards[index]
        if index not in self._weights:
            self._weights[index] = cards.read_weights(self._folders[index], card)
        kind = (card.id.architecture, card.id.head)
        network = cards.with_weights(
            self._folders[index], card, self._weights[index], self._networks.get(kind)
        )
        if not isinstance(network, Classifier):
            raise ModelError(f"{self._folders[index]} is a localizer; an ensemble has classifiers")
        self._networks[kind] = network
        return network


class _Placed(Sequence[Model]):
    """Members on a device."""

    def __init__(self, members: Sequence[Model], device: torch.device) -> None:
        self._members, self._device = members, device

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, index: Any) -> Any:
        return self._members[index].to(self._device)


def _card(read: Sequence[ModelCard], chosen: Bool[np.ndarray, "m k"]) -> ModelCard:
    """One card that holds for all members."""
    checkpoints = [card.id.checkpoints[0] for card in read]
    ids = [card.id for card in read]
    return ModelCard(
        id=ModelId(
            architecture=joined(each.architecture for each in ids),
            head=joined(each.head for each in ids),
            data=joined(each.data for each in ids),
            checkpoints=tuple(checkpoints),
            chosen=tuple(
                (finding, tuple(checkpoints[row] for row in np.flatnonzero(chosen[:, column])))
                for column, finding in enumerate(read[0].findings)
            ),
        ),
        findings=read[0].findings,
        preprocessing=read[0].preprocessing,
        pretrained=joined(card.pretrained for card in read),
        trained_on=Cohort.together(card.trained_on for card in read),
        tuned_on=Cohort.together(card.tuned_on for card in read),
    )


def joined(words: Iterable[str]) -> str:
    """The words of all members as one text, each word once."""
    return "; ".join(dict.fromkeys(words))


def _check(members: Sequence[Model] | Sequence[ModelCard], chosen: Bool[np.ndarray, "m k"]) -> None:
    first, *others = members
    for other in others:
        for name in ("findings", "preprocessing"):
            expected, given = getattr(first, name), getattr(other, name)
            if expected != given:
                raise ModelError(f"members of an ensemble differ in {name}: {expected} and {given}")
    if not chosen.any(axis=0).all():
        finding = first.findings[int(np.flatnonzero(~chosen.any(axis=0))[0])]
        raise ModelError(f"no member of the ensemble is chosen for {finding!r}")
