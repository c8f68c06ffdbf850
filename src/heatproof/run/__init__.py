"""In which order?  The stages of an experiment, from a file or from Python."""
