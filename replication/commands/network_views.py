"""Views of a network: t-SNE of states it met, their screens, its values along a stretch; of a run or a checkpoint.

Files of a run, made once from its network and its trace (Nature's Figure 4 and Extended Data Figures 1 and 2):

    embedding.csv              t-SNE of evenly spaced states of the evaluation (from the activations kept at its end)
    embedding_screens.webp     their screens, one after another; embedding_screens.csv says which
    embedding_marked.webp      screens of a few states spread over the embedding, larger
    embedding_policies.csv     t-SNE of states of the agent's play and of random play together
    value_stretch.csv          every action value along the most rewarding seconds of the best episode
    value_stretch.webp         screens at moments of it
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from replication.analysis.embedding import embedding_rows, policy_rows, used_perplexity
from replication.environments.atari.emulator import open_emulator
from replication.environments.atari.frames import frame_pipeline
from replication.environments.contract import Viewing
from replication.evidence.activations import POINTS, SEED, Activations, StateSample, moments_of_steps, read_activations
from replication.evidence.evaluation import EvaluationRequest, evaluate
from replication.evidence.records import run_of_folder
from replication.evidence.state_files import activations_path, network_path
from replication.evidence.trace_file import Trace, read_trace
from replication.evidence.traces import of_game
from replication.foundation.errors import ReplicationError
from replication.foundation.files import csv_bytes, write_atomically
from replication.foundation.random_streams import named_stream
from replication.report.views.evaluation_views import Moment, Stretch, view, write_screens, write_stretch
from replication.report.views.screens import Screen
from replication.specification.loading import known_names, load_protocol
from replication.specification.protocols import Presentation, of_atari
from replication.specification.run import Run, resolve_run
from replication.training.contract import Network, load_family

PLAYED_STEPS = 4_500
"""Five minutes: the play of a checkpoint, and the most of random play, which is no longer than the evaluation."""


def embed(path: Path, state: Path, output: Path | None = None) -> list[Path]:
    """Embed a finished run, or the network of a checkpoint.

    Args:
        path: the folder of a finished run, or a checkpoint of a run's state.
        state: root of the state, where the activations and the network of a finished run lie.
        output: where the files of a checkpoint go; None: a folder here, named after its step.

    Returns: the files. Those that exist already are left as they are.
    Raises:
        ReplicationError: neither a run nor a checkpoint; nothing to embed lies in the state; a damaged file.
    """
    if (path / "run.json").exists():
        return embed_run(path, state)
    if (path / "manifest.json").exists():
        return embed_checkpoint(path, output or Path(f"embedding_{path.name}"))
    raise ReplicationError(f"{path}: found neither run.json nor manifest.json, expected a finished run or a checkpoint")


def embed_run(folder: Path, state: Path) -> list[Path]:
    """Make the files of a run (see the top of this module) that are missing.

    Returns: all that exist. Without a network in the state, those that need one are left out.
    Raises:
        ReplicationError: the activations are missing or damaged; the trace is.
    """
    run = run_of_folder(folder)
    final = run.protocol.evaluation_at_end
    if not run.family.trains or final is None:
        raise ReplicationError(f"{folder}: {run.name} has no network that was evaluated: nothing to embed")
    activations = activations_path(run, state)
    target = folder / "embedding.csv"
    if not target.exists():
        write_atomically(target, csv_bytes(embedding_rows(read_activations(activations))))
    family, network = load_family(run.family.name), stored_network(run, state)
    screens, values, policies = (
        folder / f"{name}.csv" for name in ("embedding_screens", "value_stretch", "embedding_policies")
    )
    if not screens.exists() or (network is not None and not values.exists()):
        points, moments = _read_embedding(target)
        path = folder / "evaluation.trace"
        shown, stretch = _view(
            read_trace(path),
            of_atari(final.presentation),
            path,
            moments,
            family.viewing(run, of_atari(final.presentation)),
        )
        if not screens.exists():
            write_screens(folder, shown, points)
        if network is not None:
            write_stretch(
                folder, stretch, action_values(network, stretch, run), open_emulator(run.task.name).minimal_actions
            )
    if network is not None and not policies.exists():
        agent = read_activations(activations)
        evaluated_frames = sum(episode.scored_frames for episode in read_trace(folder / "evaluation.trace").episodes)
        steps = min(PLAYED_STEPS, max(1, evaluated_frames // final.presentation.frame_skip))
        half = len(agent.values) // 2
        _, random = play(run, network, _presentation(run), steps, epsilon=1.0, most_states=half)
        write_atomically(policies, csv_bytes(policy_rows(agent, random)))
    return [path for path in (target, screens, values, policies) if path.exists()]


def embed_checkpoint(path: Path, folder: Path) -> list[Path]:
    """Play `PLAYED_STEPS` with the online network of a checkpoint, and embed the states it meets.

    Returns: the files.
    Raises:
        ReplicationError: a file is damaged, or its run's settings are no longer those in workflow/.
    """
    from replication.report.figures.embedding import build_of_checkpoint
    from replication.report.figures.figure import write_figure  # only here: matplotlib takes a second

    run = run_of_checkpoint(path)
    family = load_family(run.family.name)
    network = family.open_network(run, path)
    presentation = _presentation(run)
    final = run.protocol.evaluation_at_end
    epsilon = run.final_epsilon(final)
    trace, found = play(run, network, presentation, PLAYED_STEPS, epsilon=epsilon, most_states=POINTS)
    write_atomically(folder / "embedding.csv", csv_bytes(embedding_rows(found)))
    points, moments = _read_embedding(folder / "embedding.csv")
    shown, _ = _view(trace, presentation, path, moments, family.viewing(run, presentation))
    write_screens(folder, shown, points)
    step = json.loads((path / "manifest.json").read_bytes())["step"]
    played = (
        f"Its online network at step {step:,} played {PLAYED_STEPS:,} steps of the game at epsilon {epsilon:g}, the "
        f"states are evenly spaced. t-SNE settings: perplexity {used_perplexity(len(points)):g}, random seed {SEED}, "
        "one thread."
    )
    write_figure(build_of_checkpoint(run, step * run.protocol.training.frame_skip, folder, played), folder)
    return [folder / "embedding.csv", folder / "embedding_screens.csv", folder / "embedding.png"]


def play(
    run: Run, network: Network, presentation: Presentation, steps: int, *, epsilon: float, most_states: int
) -> tuple[Trace, Activations]:
    """Play so many steps epsilon-greedily, and compute the network's activations in evenly spaced states.

    Args:
        run: whose game is played.
        network: it acts and looks.
        presentation: rules of the game.
        steps: of play.
        epsilon: share of random actions; 1 is random play, an action every step.
        most_states: the most states that are sampled; at least half as many where so many steps are played.

    Returns: the trace, and the activations.
    """
    sample = StateSample(max(1, most_states))
    greedy = network.policy(epsilon)

    def policy(stack: NDArray[np.uint8], stream: np.random.Generator) -> int:
        sample.see(stack)
        return int(greedy(stack, stream))

    viewing = load_family(run.family.name).viewing(run, presentation)
    request = EvaluationRequest(presentation, "final_evaluation", num_steps=steps)
    trace = of_game(evaluate(policy, run, viewing, request))
    stream = named_stream(run.seed, run.task.name, "activations")
    seen = network.activations(np.stack(sample.states), stream)
    return trace, Activations(*seen, *moments_of_steps(trace, np.array(sample.steps)))


def action_values(network: Network, stretch: Stretch, run: Run) -> NDArray[np.float32]:
    """Compute Q(s, .) of every state of a stretch, float32 [steps, actions]."""
    stream = named_stream(run.seed, run.task.name, "stretch")
    return np.stack([network.action_values(state, stream) for state in stretch.stacks])


def stored_network(run: Run, state: Path) -> Network | None:
    """Load the network that the final evaluation of a run played; None where it is not in the state."""
    path = network_path(run, state)
    return load_family(run.family.name).open_network(run, path) if path.exists() else None


def run_of_checkpoint(path: Path) -> Run:
    """Find the run that a checkpoint belongs to; its budget is the least possible, since a checkpoint has none.

    Raises:
        ReplicationError: its manifest is damaged, or no settings in workflow/ have its digest.
    """
    place = path / "manifest.json"
    try:
        digest = json.loads(place.read_bytes())["training_digest"]
        variant, game, seed = path.resolve().parts[-5:-2]
        number = int(seed.removeprefix("seed"))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ReplicationError(f"{place}: not a checkpoint in the state of a run ({error})") from None
    presets = (None, *known_names("presets"))
    for protocol, preset in product(known_names("protocols"), presets):
        in_iterations = load_protocol(protocol).budget_unit == "iterations"
        with suppress(ReplicationError):
            run = resolve_run(
                variant=variant,
                task=game,
                seed=number,
                protocol=protocol,
                preset=preset,
                budget_frames=None if in_iterations else 4_000,
                budget_iterations=1 if in_iterations else None,
            )
            for made in (run, *run.earlier()):
                if made.training_digest == digest:
                    return made
    raise ReplicationError(
        f"{place}: training_digest: no settings in workflow/ give {str(digest)[:12]} for {variant} {game} seed "
        f"{number}: use the commit it was made with"
    )


def _view(
    trace: Trace, presentation: Presentation, path: Path, moments: Sequence[Moment], viewing: Viewing
) -> tuple[list[Screen], Stretch]:
    pipeline = frame_pipeline(viewing.frame_pipeline, presentation.frame_skip)
    return view(trace, presentation, path, moments, pipeline, viewing)


def _presentation(run: Run) -> Presentation:
    """Return how the game is shown in evaluation, or in training where the protocol has no evaluation."""
    final = run.protocol.evaluation_at_end
    return of_atari(final.presentation if final else run.protocol.training)


def _read_embedding(path: Path) -> tuple[NDArray[np.float64], list[Moment]]:
    """Read the coordinates, float64 [states, 2], and the moments of the states of an embedding.csv."""
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        points = np.array([[float(row["x"]), float(row["y"])] for row in rows])
        return points, [(int(row["episode"]), int(row["frame"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReplicationError(f"{path}: not an embedding ({error}); remove it to make it again") from None
