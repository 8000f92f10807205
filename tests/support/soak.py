"""Strikes a run in every phase with every signal, over and over, and demands the bytes of one that nothing happened to.

    python -m tests.support.soak --kills 1000 --seed 7

The phases: training, periodic and final evaluation, restoring, writing results, rendering, verify. In some strikes the
disk is full from the phase's beginning on, or the results are read-only, or a second process gives the same command.
After each strike: no stack trace, the exit code that belongs to it, no checkpoint and no record lost. Where a run came
to its end, all bytes that it left are those of the undisturbed one, and another begins.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from replication.commands.cli import main
from replication.foundation import paths
from replication.foundation.stopping import ERROR_EXIT_CODE, INTERRUPTED_EXIT_CODE, STOPPED_EXIT_CODE
from replication.training.checkpoints import checkpoint_folders
from tests.support.soak_children import (
    FAULTS,
    PHASES,
    SIGNALS,
    End,
    Phase,
    Strike,
    mark_phases,
    marks,
    struck,
    undisturbed,
)
from tests.support.soak_runs import (
    BUDGETS,
    PERIOD_STEPS,
    RENDERINGS,
    TASKS,
    command,
    copy_workflow,
    files_below,
    fingerprint,
    prepare_shown,
    rendering,
    soak_run,
    written_by,
)

FAULTY_SHARE = 0.3
"""Of the strikes, those in which something else is wrong too."""
FRESH = "fresh process"
KILLS = {*PHASES, FRESH}
Counts = Counter[tuple[str, str]]
"""Strikes by what (phase, fault) and how (signal)."""


class Soak:
    """Strikes on the runs of one variant.

    Args:
        variant: trained at the scale of the preset `soak`.
        chance: chooses what happens and when; the run's own seed is 1.
        folder: for the files of all runs.
    """

    def __init__(self, variant: str, chance: random.Random, folder: Path) -> None:
        self.variant = variant
        self.run = soak_run(variant, TASKS[variant])
        self.met: Counts = Counter()
        self._chance = chance
        self._once, self._often = folder / "once", folder / "often"
        self._seconds: dict[Phase, float] = {}
        for folder_of_one in (folder / "first", self._once):  # the second time everything is loaded
            marks.seconds.clear()
            assert main(command(variant, TASKS[variant], folder_of_one)) == 0
        self._expected = fingerprint(self.run, self._once)
        self._seconds |= marks.seconds
        self._often.mkdir()

    @property
    def kills(self) -> int:
        """Strikes that ended a child before its work was done."""
        return sum(number for (what, _), number in self.met.items() if what in KILLS)

    def train(self) -> None:
        """Strike a run from its start until it comes to its end, and compare what it leaves."""
        early: list[Phase] = [*["training"] * 4, *["periodic evaluation"] * 2, *["restoring"] * 3]
        late: list[Phase] = [*["final evaluation"] * 4, *["writing results"] * 6, "restoring"]
        phases = [
            phase
            for part in (early, late)
            for phase in self._chance.sample(part, len(part))
            if phase in self._seconds or phase == "restoring"
        ]
        words = command(self.variant, TASKS[self.variant], self._often)
        for phase in phases:
            if not self._comes(phase):
                continue
            before, record = self._checkpoints(), self._record()
            end = self._strike(words, phase)
            assert self._checkpoints() >= before, f"a checkpoint is lost: {before} {self._checkpoints()}"
            assert record in (None, self._record()), "a record is lost"
            assert not list(self._often.rglob("damaged_*")), f"a checkpoint was damaged: {end.said}"
            if end.code == 0:
                break
        undisturbed(words)
        found = fingerprint(self.run, self._often)
        different = [name for name in self._expected | found if self._expected.get(name) != found.get(name)]
        assert not different, f"{self.run.name}: differs after {self.kills} kills: {', '.join(different)}"
        shutil.rmtree(self._often)
        self._often.mkdir()

    def show(self, shown: Path, whole: Mapping[str, bytes], strikes: int) -> None:
        """Strike commands that render and verify, and compare what lies there after each.

        Args:
            shown: holds `results` with a finished run, rendered; all is as it was afterwards.
            whole: every file below, as it is undisturbed.
            strikes: how many.
        """
        for _ in range(strikes):
            phase: Phase = self._chance.choice(["rendering", "verify"])
            if phase == "verify":
                words = ["verify", str(shown / "results"), "--quiet", "--cores=1"]
                self._strike(words, phase, shown)
            else:
                words = rendering(self._chance.choice(RENDERINGS), shown)
                for name in written_by(words, shown):
                    (shown / name).unlink(missing_ok=True)
                self._strike(words, phase, shown)
                half = {name for name, data in files_below(shown).items() if data != whole.get(name)}
                assert not half, f"{' '.join(words)}: not as undisturbed: {', '.join(sorted(half))}"
                undisturbed(words)
            assert files_below(shown) == whole, f"{' '.join(words)}: differs from undisturbed"

    def strike_fresh(self) -> None:
        """Strike a new process, mostly while it imports what it needs, and see that its run goes on."""
        number = self._chance.choice(SIGNALS)
        start = ["-m", "tests.support.soak_entry", str(paths.WORKFLOW)]
        words = [sys.executable, *start, *command(self.variant, TASKS[self.variant], self._often)]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
            time.sleep(self._chance.random() * 6)
            child.send_signal(number)
            _, said = child.communicate()
        early = -number if "stopped" not in said else None  # Python itself had not begun
        codes = {0, INTERRUPTED_EXIT_CODE, STOPPED_EXIT_CODE, early}
        assert child.returncode in codes and "Traceback" not in said, f"{number.name} {child.returncode}: {said}"
        self.met[FRESH, number.name] += child.returncode != 0

    def _comes(self, phase: Phase) -> bool:
        """Return whether the run has a phase still before it, from its newest checkpoint on."""
        (step,) = self._checkpoints() or [0]
        if phase == "periodic evaluation":
            return step < self.run.training_steps - PERIOD_STEPS
        if phase == "training":
            return step < self.run.training_steps
        return phase != "restoring" or step > 0

    def _strike(self, words: Sequence[str], phase: Phase, folder: Path | None = None) -> End:
        chance, longest = self._chance, self._seconds.get(phase, 0.2)
        # What is being written is written to its end where the signal asks politely.
        number = signal.SIGKILL if phase == "writing results" and chance.random() < 0.6 else chance.choice(SIGNALS)
        fault = chance.choice(FAULTS) if chance.random() < FAULTY_SHARE else None
        at_flush = {"writing results": 0.6, "training": 0.4, "rendering": 0.4}.get(phase, 0.0)
        strike = Strike(
            phase,
            entry=chance.randint(1, 2) if phase == "periodic evaluation" and not self._checkpoints() else 1,
            number=number,
            delay_seconds=chance.random() * longest * (0.4 if phase == "training" else 1.0),
            flush=chance.randint(1, 12) if chance.random() < at_flush and fault != "full disk" else None,
            fault=fault,
            most_bytes=chance.choice([0, 1_000, 20_000, 100_000]),
        )
        end = struck(words, strike, folder or self._often)
        why = f"{strike} {' '.join(words)}: {end}"
        assert "Traceback" not in end.said and "Exception ignored" not in end.said, f"a stack trace: {why}"
        assert not any("error:" in line for line in end.said.splitlines()) or fault, f"an error: {why}"
        stopped = INTERRUPTED_EXIT_CODE if words[0] == "train" else STOPPED_EXIT_CODE
        faulty = {ERROR_EXIT_CODE} if fault else set()
        killed = -signal.SIGKILL if number == signal.SIGKILL else stopped
        assert end.code in {0, killed, *faulty}, f"exit code {end.code}: {why}"
        # It may have been stopped before it had read its own command.
        assert end.others_code in {None, 0, ERROR_EXIT_CODE, stopped, STOPPED_EXIT_CODE}, (
            f"exit code of the second: {why}"
        )
        if end.code == killed and end.fell is not None:
            self.met[end.fell, number.name] += 1
            self.met[fault, number.name] += fault is not None  # type: ignore[index]
        elif end.code == ERROR_EXIT_CODE:
            self.met[f"refused: {fault}", "before the signal"] += 1
        elif end.fell is not None:
            self.met[f"{end.fell}, came to its end", number.name] += 1
        return end

    def _checkpoints(self) -> list[int]:
        """Steps of the newest checkpoint, or of none."""
        found = checkpoint_folders(self.run.state_folder(self._often / "state"))
        return [int(path.name.split("_")[1]) for path in found[-1:]]

    def _record(self) -> bytes | None:
        path = self.run.results_folder(self._often / "results") / "run.json"
        return path.read_bytes() if path.exists() else None


def table(met: Counts) -> str:
    """Write the counts: a row for what, a column for how, a line for what is no kill after those that are."""
    met = +met  # without zeros
    whats, hows = (list(dict.fromkeys(key[place] for key in met)) for place in (0, 1))
    whats.sort(key=lambda what: ([*PHASES, FRESH, *FAULTS, what].index(what), what))
    rows = [["", *hows], *([what, *(str(met[what, how] or "") for how in hows)] for what in whats)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def soak(kills: int, fresh: int, seed: int, folder: Path, say: Callable[[str], object]) -> Counts:
    """Strike until so many kills have been met, and some in every phase.

    Args:
        kills: children ended before their work was done.
        fresh: of them, in new processes.
        seed: of what happens and when.
        folder: for all files.
        say: called with a line now and then.

    Raises:
        AssertionError: something is lost, differs, or left a stack trace.
    """
    copy_workflow(folder)
    mark_phases()
    chance = random.Random(seed)
    shown = folder / "shown"
    whole = prepare_shown(shown)
    soaks = [Soak(variant, chance, folder / variant) for variant in BUDGETS]
    began, met = time.monotonic(), Counter[tuple[str, str]]()
    while True:
        for each in soaks:
            each.train()
            each.show(shown, whole, strikes=4)
            if fresh:
                fresh -= 1
                each.strike_fresh()
            met = sum((one.met for one in soaks), Counter())
            done = sum(one.kills for one in soaks)
            say(f"{done} kills, {time.monotonic() - began:.0f} s")
            if done >= kills and not fresh and all(any(met[phase, each.name] for each in SIGNALS) for phase in PHASES):
                return met


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1_000, help="at least so many, and some in every phase")
    parser.add_argument("--fresh", type=int, default=20, help="of them in new processes, which take seconds each")
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="of what happens and when (default: the time)"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        met = soak(options.kills, options.fresh, options.seed, Path(folder), lambda line: print(line, flush=True))
    print(table(met))
    print("same bytes, nothing lost, no stack trace")


if __name__ == "__main__":
    _main()
