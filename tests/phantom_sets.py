"""The data of small experiments: phantoms to train with, to validate on, and to judge."""


def sets(test: int = 8) -> str:
    """Tables of an experiment file; ``test`` images are judged."""
    return f"""
[[data]]
name = "train"
dataset = "phantom"
images = 24
size = 48
judged = false

[[data]]
name = "validation"
dataset = "phantom"
images = 16
seed = 1
size = 48
judged = false

[[data]]
name = "test"
dataset = "phantom"
images = {test}
seed = 2
size = 48
"""
