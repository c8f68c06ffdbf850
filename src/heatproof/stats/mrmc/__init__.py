"""Are readers better with one modality than with another?  Statistics of many readers and cases.

A reader study shows the same cases to several readers in several modalities: without a map, with
the map, with the map of another method.  Its figures share cases and readers, so no two of them are
independent, and a test that takes them for independent errs far too often.

Axes of every array, and their letters: ``m`` modalities (treatments), ``r`` readers, ``n`` cases;
``p`` and ``q`` are cases of two groups, most often with the finding and without.  What was not read
is ``nan``.  "Random" means that a result holds for the readers (cases) like those of the study,
"fixed" that it holds for these alone.

====================  ============================================================================
``ratings``           what was read: ratings of cases, or marks with their places
``figures``           what is compared: AUC, sensitivity, weighted AFROC, LROC, a mean, ...
``covariances``       how figures that share cases vary together: jackknife, bootstrap, DeLong
``inference``         one estimate with its error: interval, p, non-inferiority, equivalence
``obuchowski_rockette``, ``dorfman_berbaum_metz``, ``one_shot``
                      the three analyses; the last takes designs in which not all read all
``stand_alone``       readers against a model that reads the same cases alone
``sizing``            how many readers and cases the next study needs
``agreement``         kappa, intraclass correlation, limits of agreement
``automation_bias``   are wrong maps followed?
``mixed_logistic``    odds of a decision, with readers and cases of their own levels
``duration``          time and confidence
``roe_metz``          simulated studies whose truth is known
``files``             CSV, the files of iMRMC and of OR-DBM
====================  ============================================================================
"""
