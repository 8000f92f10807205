"""Kills and stops a training run over and over, and demands the bytes of one that was never interrupted.

    python -m tests.support.soak --kills 300 --games catch pong --variants dqn dqn_dopamine

Most children are forked from this process, which has imported torch with one thread: a kill costs a fraction of a
second. Some are killed at a random instant, some at the k-th flush of a file, some within an evaluation; some are
stopped by a signal, at a random instant or within an evaluation, and leave what they have.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from replication.commands.cli import main
from replication.evidence import recording
from replication.foundation import files
from replication.foundation.files import sha256
from replication.foundation.stopping import INTERRUPTED_EXIT_CODE
from replication.specification.run import Run
from replication.training.checkpoints import checkpoint_folders, restore_newest
from tests.support.lanes import build, smoke_run

BUDGET_FRAMES = {"a2c": 2_400, "dqn": 2_400, "dqn_quickstart": 2_400}
CHECKPOINT_SECONDS = "0.04"
LONGEST_SECONDS = 0.5
"""A child that is killed at a random instant lives at most this long; about a third of a run."""


def soak(kills: int, fresh: int, variant: str, game: str, seed: int, folder: Path) -> Counter[str]:
    """Kill one run so many times, let it end, and compare.

    Args:
        kills: children killed, forked ones.
        fresh: children killed besides, each a new process.
        variant: smoke scale.
        game: what it plays.
        seed: of the instants; the run's own seed is 1.
        folder: for the files of both runs.

    Returns: how many kills of each kind there were. A run that comes to its end is compared, and another begins.
    Raises:
        AssertionError: the bytes differ, or a child failed by itself.
    """
    once, often = folder / "once", folder / "often"
    assert main(_command(variant, game, once)) == 0
    expected = fingerprint(variant, game, once)

    def compare() -> None:
        found = fingerprint(variant, game, often)
        different = [name for name in expected | found if expected.get(name) != found.get(name)]
        assert not different, f"{variant} {game}: differs after {sum(met.values())} kills: {', '.join(different)}"
        shutil.rmtree(often)

    chance, met = random.Random(seed), Counter[str]()
    kinds = ["instant", "flush", "stop"]
    if _run(variant, game).protocol.final_evaluation:
        kinds += ["evaluation", "stop in evaluation"]
    while (killed := sum(met.values())) < kills:
        kind = kinds[killed % len(kinds)]
        if _killed(_fork(variant, game, often, _trap(kind, chance)), kind, chance):
            met[kind] += 1
        else:  # it came to its end: another begins
            compare()
    for _ in range(fresh):
        command = [sys.executable, "-m", "replication", *_command(variant, game, often)]
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(2 + chance.random() * 4 * LONGEST_SECONDS)  # the imports take two seconds
        child.send_signal(signal.SIGKILL)
        if child.wait() == -signal.SIGKILL:
            met["fresh process"] += 1
        else:
            compare()
    assert main(_command(variant, game, often)) == 0
    compare()
    return met


def fingerprint(variant: str, game: str, folder: Path) -> dict[str, str]:
    """Digests of everything a run leaves: results, parameters, optimiser, streams, records, replay memory."""
    run = _run(variant, game)
    newest = checkpoint_folders(run.state_folder(folder / "state"))[-1]
    found = {path.name: sha256(path.read_bytes()) for path in newest.iterdir()}
    (counters,) = found.keys() & {"actors.json", "lane.json"}
    lane = json.loads((newest / counters).read_bytes())
    del lane["seconds"], found["manifest.json"]  # time spent is the one thing that may differ
    found[counters] = sha256(json.dumps(lane).encode())
    for path in run.results_folder(folder / "results").iterdir():
        found[f"results/{path.name}"] = sha256(path.read_bytes())
    del found["results/run.json"]
    if "replay" not in run.family.streams:
        return found
    trainee = build(run)
    restore_newest(trainee, run.state_folder(folder / "state"))
    memory = trainee.lane.memory
    stream = trainee.lane.streams["replay"]
    drawn = [memory.sample(stream, 32) for _ in range(50)]
    found["replay memory"] = sha256(b"".join(array.tobytes() for batch in drawn for array in batch))
    return found


def _run(variant: str, game: str) -> Run:
    return smoke_run(variant, game)


def _command(variant: str, game: str, folder: Path) -> list[str]:
    budget = ["--budget-iterations=2"] if variant == "dqn_dopamine" else [f"--budget-frames={BUDGET_FRAMES[variant]}"]
    where = [f"--results={folder / 'results'}", f"--state={folder / 'state'}"]
    run = ["train", "--variant", variant, "--game", game, "--seed", "1", "--preset", "smoke", *budget]
    return [*run, *where, "--quiet", f"--checkpoint-seconds={CHECKPOINT_SECONDS}"]


def _fork(variant: str, game: str, folder: Path, trap: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        with Path(os.devnull).open("w") as silence:
            os.dup2(silence.fileno(), 2)
        trap()
        code = main(_command(variant, game, folder))
    finally:
        os._exit(code)


def _trap(kind: str, chance: random.Random) -> Callable[[], None]:
    """What makes a child kill itself at a chosen place; nothing where this process is to choose the instant."""
    left = chance.randint(1, 40 if kind == "flush" else 150)

    def die(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGTERM if kind.startswith("stop") else signal.SIGKILL)

    def set_trap() -> None:
        if kind == "flush":
            flush = os.fsync
            files.os.fsync = lambda descriptor: (die(), flush(descriptor))[1]
        if kind.endswith("evaluation"):
            push = recording.push_frame
            recording.push_frame = lambda *given, **named: (die(), push(*given, **named))[1]

    return set_trap


def _killed(child: int, kind: str, chance: random.Random) -> bool:
    """Wait for a child's end; whether it was killed or stopped."""
    if kind in ("instant", "stop"):
        time.sleep(chance.random() * LONGEST_SECONDS)
        os.kill(child, signal.SIGTERM if kind == "stop" else signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == INTERRUPTED_EXIT_CODE:
        return True
    assert os.waitstatus_to_exitcode(status) == 0, "a child failed by itself"
    return False


def cases(variants: list[str], games: list[str]) -> Iterator[tuple[str, str]]:
    """Every variant on every game."""
    return ((variant, game) for variant in variants for game in games)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=150, help="of each variant on each game, in forked children")
    parser.add_argument("--fresh", type=int, default=5, help="kills besides, in new processes")
    parser.add_argument("--variants", nargs="+", default=["dqn", "dqn_dopamine"])
    parser.add_argument("--games", nargs="+", default=["catch", "pong"])
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the instants (default: the time)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for variant, game in cases(options.variants, options.games):
        with tempfile.TemporaryDirectory() as folder:
            started = time.monotonic()
            met = soak(options.kills, options.fresh, variant, game, options.seed, Path(folder))
            kinds = ", ".join(f"{number} {kind}" for kind, number in met.items())
            spent = time.monotonic() - started
            print(f"{variant} {game}: {sum(met.values())} kills ({kinds}), same bytes, {spent:.0f} s", flush=True)
    print(f"seed {options.seed}")


if __name__ == "__main__":
    _main()
