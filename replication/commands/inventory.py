"""The inventory of an experiment: the files its tables and figures are made from, each with its digest.

Snakemake compares times of files, which say nothing in a clone or where a run was replaced by a copy. So the inventory
is named after the set of runs, and one that no longer says what lies there is removed before Snakemake looks: then it
is made anew, and with it all that is made from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from replication.evidence.records import finished_as, record_path
from replication.foundation.errors import ReplicationError
from replication.foundation.files import canonical_json, sha256, write_atomically
from replication.specification.experiments import Experiment
from replication.specification.run import Run


@dataclass(frozen=True)
class Inventory:
    """The inventory of an experiment in one results folder."""

    experiment: Experiment
    runs: tuple[Run, ...]
    """One for each record."""
    results: Path

    @property
    def path(self) -> Path:
        """A file named after the set of runs: another set of runs is another file."""
        made = [finished_as(run, self.results) or run for run in self.runs]
        digest = sha256(canonical_json(sorted(run.record_digest for run in made)))
        return self.results / self.experiment.experiment / "inventory" / f"{digest[:12]}.txt"

    def write(self) -> None:
        """Write it in the place of any other."""
        for other in self.path.parent.glob("*.txt"):
            if other != self.path:
                _remove(other)
        write_atomically(self.path, self._content())

    def remove_stale(self) -> None:
        """Remove it where a file was replaced since it was written.

        Raises:
            ReplicationError: it cannot be removed.
        """
        if self.path.exists() and self.path.read_bytes() != self._content():
            _remove(self.path)

    def _content(self) -> bytes:
        """Return a line for each file, as `sha256sum` writes it in the results folder.

        A record holds the digests of the files beside it.
        """
        records = [record_path(run, self.results) for run in self.runs]
        files = [path for path in records if path.exists()] + other_files(self.experiment, self.results)
        lines = [f"{sha256(path.read_bytes())}  {path.relative_to(self.results).as_posix()}\n" for path in files]
        return "".join(lines).encode()


def other_files(experiment: Experiment, results: Path) -> list[Path]:
    """List existing files with other programs' scores that the experiment names; rendering says which are missing."""
    found = []
    for name in experiment.others:
        path = results / "imported" / f"{name}.csv"
        found += [path] if path.exists() else []
        found += sorted((results / "judged" / name).glob("*/seed*/*/run.json"))
    return found


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ReplicationError(
            f"{path}: out of date, cannot be removed ({error.strerror}); allow writing there"
        ) from None
