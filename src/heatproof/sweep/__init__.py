"""Which settings are best?  Trials of trainings, chosen by validation, and their page."""
