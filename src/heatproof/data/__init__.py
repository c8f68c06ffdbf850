"""What a radiograph and its annotations are.

``pixels`` and ``annotations`` read what is stored, ``geometry`` moves both onto a model's canvas
and maps back, ``datasets`` lists radiographs, ``splits`` divides them by patient, ``check`` finds
what is wrong with them before work starts.
"""
