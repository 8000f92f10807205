"""`python -m replication` in a new process, with the settings in another folder: the first word."""

from __future__ import annotations

import sys
from pathlib import Path

from replication.__main__ import main
from replication.foundation import paths

paths.WORKFLOW = Path(sys.argv.pop(1))
raise SystemExit(main())
