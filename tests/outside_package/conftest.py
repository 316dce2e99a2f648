"""Makes the sample package importable: it is not installed and not part of mmris."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
