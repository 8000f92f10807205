"""Writes the settings of every variant and protocol: `python -m tests.support.golden_settings` after a meant change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from replication.foundation.files import readable_json
from replication.specification.loading import known_names, load_protocol, load_variant

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "settings.json"


def resolved_settings() -> dict[str, Any]:
    """Everything but sources, deviations and titles."""
    words = {"sources", "deviations", "title", "paper"}
    return {
        "protocols": {name: load_protocol(name).model_dump(exclude=words) for name in known_names("protocols")},
        "variants": {name: load_variant(name).model_dump(exclude=words) for name in known_names("algorithms")},
    }


if __name__ == "__main__":
    GOLDEN.write_bytes(readable_json(resolved_settings()))
