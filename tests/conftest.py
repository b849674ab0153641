"""Makes the repository's root importable, so that tests can use ``tests.support`` however pytest was started."""

import sys
from pathlib import Path

from hypothesis import settings

ROOT = str(Path(__file__).parents[1])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

# How long one example takes says how busy the machine is.
settings.register_profile("jacie", deadline=None)
settings.load_profile("jacie")
