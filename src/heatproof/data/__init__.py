"""Films and their annotations.

``datasets`` lists films, ``pixels`` and ``annotations`` read them and what readers drew on them,
``geometry`` moves both onto a model's canvas and maps back, ``splits`` divides films by patient,
and ``check`` finds what is wrong with them before work starts.
"""
