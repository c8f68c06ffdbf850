"""Why does a map fail?

Each file answers one question about scores, or about what readers drew, with estimates:

===================  ==============================================================
``lesion_geometry``  how many, how large, how long, how ragged is the finding?
``shape``            how does a score change with that shape?
``confidence``       does the map fail where the model is unsure?
``prior``            does it find the finding only where it usually lies?
``prevalence``       does it find only what is common?
``boxes``            how much of the bounding boxes is the finding?
``subgroups``        does it fail on some patients more than on others?
===================  ==============================================================

``effect`` holds the regressions that several of them fit.
"""
