"""Columns of the tables that rest between the stages."""

import polars as pl

_WHAT = {"data": pl.String, "group": pl.String, "model": pl.String, "image_id": pl.String}


PREDICTIONS = _WHAT | {
    "cluster": pl.String,
    "finding": pl.String,
    "label": pl.Boolean,  # null: unknown or uncertain
    "probability": pl.Float64,
    "reason": pl.String,  # why the film was set aside; null where it was not
}


CONTENTS = {"image_id": pl.String, "digest": pl.String}


MAPS = _WHAT | {
    "finding": pl.String,
    "method": pl.String,
    "validity": pl.String,
    "height": pl.Int32,
    "width": pl.Int32,
}


SCORES = _WHAT | {
    "cluster": pl.String,
    "finding": pl.String,
    "reference": pl.String,
    "method": pl.String,
    "regions": pl.Int32,  # how many the reader marked; 0 on films without the finding
    "metric": pl.String,
    "value": pl.Float64,
    "seen": pl.List(pl.Float64),  # what a metric of data sets saw of the map; null of others
    "validity": pl.String,
    "reason": pl.String,  # why the annotation was set aside; null where it was not
}


TRUST = {  # one row per pair of maps and similarity
    "criterion": pl.String,
    "data": pl.String,
    "finding": pl.String,
    "method": pl.String,
    "similarity": pl.String,
    "image_id": pl.String,
    "image_id_b": pl.String,  # the same film unless the population says otherwise
    "cluster": pl.String,
    "cluster_b": pl.String,
    "model_a": pl.String,
    "model_b": pl.String,
    "step": pl.String,  # the last block randomized, or the level; empty where there is none
    "draw": pl.Int32,  # of the random weights; -1 where nothing was drawn
    "population": pl.String,  # "same film", "different films" or "random pairs"
    "value": pl.Float64,  # nan where undefined
    "validity_a": pl.String,
    "validity_b": pl.String,
}


STRUCTURES = _WHAT | {  # one row per map and structure on its film
    "cluster": pl.String,
    "finding": pl.String,
    "method": pl.String,
    "structure": pl.String,
    "share": pl.Float64,  # of the positive relevance; nan where there is none
    "peak": pl.Float64,  # 1 where the map's peak lies on it
    "area": pl.Float64,  # share of the film
}


SHAPES = {
    "data": pl.String,
    "image_id": pl.String,
    "finding": pl.String,
    "reference": pl.String,
    "instances": pl.Int64,  # as drawn
    "area_ratio": pl.Float64,  # of the film
    "elongation": pl.Float64,
    "irrectangularity": pl.Float64,
    "box_coverage": pl.Float64,  # share of the bounding boxes of its parts that is marked
}
