"""Which models are there?  Planned, checked, trained, pooled into ensembles, and opened."""
