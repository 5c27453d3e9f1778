from __future__ import annotations

import sys
from pathlib import Path

# Worker processes import tasks and work from here by name, as they import a user's modules.
sys.path.insert(0, str(Path(__file__).parent))
