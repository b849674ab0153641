"""Extraction children that tests look at."""

from jacie_flask.documents.extraction import Extractor


class Counting(Extractor):
    """Real children that count what they were asked to read and to draw."""

    read = drawn = 0

    def analyse(self, data, **more):
        """Count, then read."""
        self.read += 1
        return super().analyse(data, **more)

    def draw(self, data, **more):
        """Count, then draw."""
        self.drawn += 1
        return super().draw(data, **more)
