"""What a report says in words, derived from its records alone."""
