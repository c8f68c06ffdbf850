"""Daily work in Python: one film, one map, one tensor, without a file or an experiment.

``wrap`` makes a model of a network, ``explain`` maps one film, ``score`` measures maps and
``attribute`` explains tensors as Captum does.  All are exported from ``heatproof``.
"""
