"""``explain``: the maps of one film."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from heatproof.errors import MapError, ModelError, near_misses
from heatproof.interactive import notebook
from heatproof.interactive.film import Film, SeenFilm, seen_by
from heatproof.interactive.film_map import FilmMap
from heatproof.models import Model, wrapped
from heatproof.models.devices import within_memory
from heatproof.saliency import Explanation
from heatproof.saliency import explain as explain_images
from heatproof.saliency import methods as registry
from heatproof.saliency.memory import parse_memory

__all__ = ["FilmExplanation", "explain"]


@dataclass(frozen=True)
class FilmExplanation:
    """What a model and some methods say about one film.

    ``explanation["grad_cam"]`` is the map of a method; where several findings are explained,
    ``explanation["grad_cam", "Nodule"]`` is.  A loop over it goes through the methods.

    Attributes:
        film: The film in [0, 1].
        name: What the film is called.
        probabilities: Of every finding of the model.
        maps: The maps, by method and finding.
    """

    film: Float[np.ndarray, "h w"]
    name: str
    probabilities: Mapping[str, float]
    maps: Mapping[tuple[str, str], FilmMap]

    @property
    def findings(self) -> tuple[str, ...]:
        """The findings that are explained."""
        return tuple(dict.fromkeys(finding for _, finding in self.maps))

    def __getitem__(self, key: str | tuple[str, str]) -> FilmMap:
        method, finding = (key, None) if isinstance(key, str) else key
        names = list(self)
        if method not in names:
            raise MapError(f"no map by {method!r}; {near_misses(method, names)}")
        if finding is None and len(self.findings) > 1:
            raise MapError(
                f"there is a map of each finding ({', '.join(self.findings)}); say which:"
                f" [{method!r}, {self.findings[0]!r}]"
            )
        chosen = self.findings[0] if finding is None else finding
        if chosen not in self.findings:
            raise MapError(f"no map of {chosen!r}; {near_misses(chosen, self.findings)}")
        return self.maps[method, chosen]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(method for method, _ in self.maps))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        told = ", ".join(f"{f} {self.probabilities[f]:.2f}" for f in self.findings)
        height, width = self.film.shape
        return f"{self.name} ({height} x {width}): {told}; maps by {', '.join(self)}"

    def _repr_html_(self) -> str:
        return notebook.explanation(self.film, repr(self), list(self.maps.values()))


@within_memory("Say memory, such as memory='2GB', or move the model to the CPU")
def explain(
    model: Model,
    film: Film,
    methods: Sequence[str] | str,
    findings: Sequence[str] | str | None = None,
    *,
    memory: str | int | None = None,
) -> FilmExplanation:
    """Explain one film by some methods.

    Args:
        model: What ``wrap`` or ``load_model`` gives; it is explained in evaluation mode and left as
            it was.
        film: A path (PNG, JPEG, TIFF, DICOM), array (h w), tensor, ``Sample``, PIL image or pydicom
            dataset; see ``heatproof.interactive.film.seen_by``.
        methods: Specs, such as ``"grad_cam"`` or ``"occlusion(window=24, stride=12)"``.
        findings: What is explained; None for the finding that the model holds most probable.
        memory: What the process may take, such as ``"4GB"``; None for 4 GB, or half of the GPU.

    Raises:
        PixelError: The film cannot be read.
        ModelError: The model has no such finding.
        SpecError: No such method.
        MapError: A method cannot explain this model.

    Example:
        >>> import heatproof, torch
        >>> _ = torch.manual_seed(0)
        >>> network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, 4), torch.nn.Flatten(),
        ...                               torch.nn.Linear(256, 1))
        >>> model = heatproof.wrap(network, ["Nodule"], size=32, channels=1, mean=0, std=1)
        >>> e = heatproof.explain(model, heatproof.Phantom(1, seed=3)[0], ["gradient"])
        >>> e["gradient"].array.shape == e.film.shape, e["gradient"].native.shape
        (True, (32, 32))
    """
    model = wrapped(model)
    specs = (methods,) if isinstance(methods, str) else tuple(methods)
    if not specs:
        raise MapError("no method was named; heatproof.methods.names() lists them")
    parts = {spec: registry.parse(spec) for spec in specs}
    seen = seen_by(model, film)
    device = next((weight.device for weight in model.parameters()), seen.image.device)
    image = seen.image.to(device)
    limit = parse_memory(memory) if isinstance(memory, str) else memory
    wanted = _indices(model, findings)
    if wanted is None:
        # Which finding is most probable is only known after a pass.
        first = explain_images({}, model, image, [0], limit)
        wanted = [int(first.probabilities[0].nan_to_num(-1).argmax())]
    explanation = explain_images(parts, model, image, wanted, limit)
    maps = {
        (spec, model.findings[target]): _map(model, seen, explanation, (spec, column, target))
        for spec in parts
        for column, target in enumerate(wanted)
    }
    told = explanation.probabilities[0].tolist()
    return FilmExplanation(
        seen.pixels, seen.name, dict(zip(model.findings, told, strict=True)), maps
    )


def _indices(model: Model, findings: Sequence[str] | str | None) -> list[int] | None:
    if findings is None:
        return None
    asked = (findings,) if isinstance(findings, str) else tuple(findings)
    known = list(model.findings)
    for finding in asked:
        if finding not in known:
            raise ModelError(f"the model has no finding {finding!r}; {near_misses(finding, known)}")
    return [known.index(finding) for finding in dict.fromkeys(asked)]


def _map(
    model: Model, seen: SeenFilm, explanation: Explanation, place: tuple[str, int, int]
) -> FilmMap:
    spec, column, target = place
    made = explanation.maps[spec]
    return FilmMap(
        spec,
        model.findings[target],
        made.values[0, column].detach().float().cpu().numpy(),
        explanation.validity[spec][0][column],
        None if made.residual is None else float(made.residual[0, column]),
        float(explanation.probabilities[0, target]),
        seen.pixels,
        seen.geometry,
        seen.spacing,
    )
