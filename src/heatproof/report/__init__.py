"""What an experiment found, as one self-contained page.

``content`` holds the records, ``html.render`` turns them into a page; ``answers`` and ``cautions``
derive its first screen from its numbers.
"""
