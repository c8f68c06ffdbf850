"""Films and their annotations.

``datasets`` lists films, from what ``tabular`` reads.  ``pixels`` reads them, by ``decoding``, and
``annotations`` what readers drew on them; ``dicom`` is whatever else is DICOM.  ``geometry`` moves
films and marks onto a model's canvas and maps back, ``splits`` divides films by patient, and
``check`` finds what is wrong with them before work starts.
"""
