"""What does a report hold?  Films, models, parts and provenance, as records."""
