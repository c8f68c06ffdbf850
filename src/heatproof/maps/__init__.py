"""Saliency maps once they exist: at rest, made boolean, brought in from elsewhere, made visible."""
