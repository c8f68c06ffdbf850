"""Films of which only the size is asked."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unread:
    """Pixels that nobody may read."""

    height: int = 1
    width: int = 1

    def size(self):
        return self.height, self.width

    def version(self):
        return ""

    def digest(self):
        return ""

    def spacing(self):
        return None

    def read(self):
        raise AssertionError("nobody needs the pixels")
