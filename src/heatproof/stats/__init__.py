"""From scores to estimates: what is known, how surely, and from how many."""
