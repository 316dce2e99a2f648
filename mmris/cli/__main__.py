"""``python -m mmris.cli`` is ``mmris``."""

import sys

from . import main

sys.exit(main())
