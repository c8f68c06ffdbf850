"""``python -m heatproof``: the command line, where the command ``heatproof`` is not on the path."""

from heatproof.cli import main

if __name__ == "__main__":
    main()
