"""Which models are there?  Planned, checked, trained, pooled into ensembles, and opened.

plan         settings, start, data and identity of a model that is trained here
plan_checks  mistakes in plans, before the first training begins
network      the network before its training
training     stage: trains a model unless its folder is there
ensemble     stage: chooses the members of an ensemble
folders      where these lie in the run folder
opening      opens a model, wherever it comes from
"""
