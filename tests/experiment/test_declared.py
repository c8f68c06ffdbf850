"""What the source declares is what is registered once it is imported."""

import dataclasses
import importlib

import pytest

from heatproof.experiment import declared

PLACES = {
    "methods": "saliency.methods",
    "metrics": "localize.metrics",
    "controls": "localize.controls",
    "criteria": "trust.criteria",
    "similarities": "trust.similarity",
    "rules": "trust.rules",
    "backbones": "models.backbones",
    "heads": "models.heads",
    "localizers": "models.localizers",
    "geometries": "data.geometry",
    "intensities": "data.intensities",
}


@pytest.mark.parametrize("kind", declared.KINDS, ids=lambda kind: kind.registry)
def test_names_and_options_are_those_of_the_registry(kind):
    module = importlib.import_module(f"heatproof.{PLACES[kind.registry]}")
    registry = getattr(module, kind.registry)
    found = declared.parts(kind)
    assert set(found) == set(registry.names())
    for name, options in found.items():
        cls = registry.part_class(name)
        fields = {field.name for field in dataclasses.fields(cls)}
        assert options == fields | set(getattr(cls, "former", {}))


def test_settings_of_a_training_are_those_of_their_record():
    from heatproof.train.settings import Settings

    fields = {field.name for field in dataclasses.fields(Settings)}
    assert declared.fields("train/settings.py", "Settings") == fields


def test_presets_and_parts_without_options_pass():
    declared.METRICS.check("iou")
    declared.METHODS.check("occlusion(window=8, stride=8)")
    declared.METHODS.check("integrated_gradients.anything(steps=3)")  # a preset is looked at later
