"""The check of a run's training episodes: those of its record are played again, and its tables derived from them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from replication.evidence.compare_tables import compare_csv, compare_rows
from replication.evidence.protocol_replay import replay_by_protocol
from replication.evidence.scores import iteration_rows, kept_rows, last_episodes_rows, training_rows
from replication.evidence.trace_file import EpisodePlace, Trace, read_trace
from replication.evidence.verify_header import check_header
from replication.foundation.errors import ReplicationError
from replication.foundation.files import csv_bytes
from replication.foundation.validation import validated
from replication.specification.protocols import Presentation
from replication.specification.scored_points import TrainingScore


def check_training(
    record: Mapping[str, Any], folder: Path, report: Callable[[int], object]
) -> tuple[Trace, int, set[str]]:
    """Play training.trace again under the run's protocol, and derive from it what is published of the training.

    Args:
        record: run.json, read and checked.
        folder: of the record.
        report: called with emulator frames as they are played.

    Returns: the trace, the number of cells derived again, and the names of the tables that were derived whole.
    Raises:
        ReplicationError: the first difference: file, episode, frame or cell.
    """
    path, settings = folder / "training.trace", record["protocol_settings"]
    trace = read_trace(path)
    presentation = validated(Presentation, settings["training"], folder / "run.json", "training")
    check_header(trace, record, "training", presentation, path)
    score = None
    if settings.get("training_score") is not None:
        score = validated(TrainingScore, settings["training_score"], folder / "run.json", "training_score")
        _check_choice(trace, record, presentation, score, path)
    replay_by_protocol(trace, presentation, path, report)
    if score is not None:
        return trace, *_derive_scores(trace, record, score, folder)
    rows = training_rows(trace, stores_end_frame=bool(record["config"]["stores_end_frame"]))
    cells = compare_csv(folder / "training.csv", csv_bytes(rows))
    iterations = iteration_rows(rows, settings["iteration_steps"])
    if len(iterations) != record["budget"]["iterations"]:
        raise ReplicationError(
            f"{path}: found {len(iterations)} iterations, expected {record['budget']['iterations']} (run.json)"
        )
    cells += compare_csv(folder / "iterations.csv", csv_bytes(iterations))
    return trace, cells, {"training.csv"}


def _derive_scores(trace: Trace, record: Mapping[str, Any], score: TrainingScore, folder: Path) -> tuple[int, set[str]]:
    """Derive the score at each point where the run may be judged; the points between rest on the record's seal."""
    rows, budget = kept_rows(trace), record["budget"]["frames"]
    cells = compare_csv(folder / "training.csv", csv_bytes(rows)) if rows else 0
    scores = last_episodes_rows(rows, score.points_frames(budget), trace.header.frame_skip, score.episodes)
    compared, left = compare_rows(folder / "training_curve.csv", "frames", scores) if scores else (0, 0)
    at_end = scores[-1]["mean_return"] if scores and scores[-1]["frames"] == budget else None
    if record["score"] != at_end:
        raise ReplicationError(f"{folder}/run.json: score: found {record['score']}, its trace gives {at_end}")
    return cells + compared + 1, {"training.csv"} | ({"training_curve.csv"} if not left else set())


def _check_choice(
    trace: Trace, record: Mapping[str, Any], presentation: Presentation, score: TrainingScore, path: Path
) -> None:
    """Check that the episodes of a trace are those that the scores of its run are of.

    Raises:
        ReplicationError: one has no place or a place that cannot be, one is missing, or one is none of them.
    """
    places = [episode.place for episode in trace.episodes if episode.place is not None]
    if len(places) != len(trace.episodes):
        raise ReplicationError(
            f"{path}: found {len(trace.episodes) - len(places)} episodes without place, expected none"
        )
    finished, ends = [place.finished for place in places], [place.end_step for place in places]
    if finished != sorted(set(finished)) or ends != sorted(ends):
        raise ReplicationError(f"{path}: found episodes out of the order in which they were finished")
    actors = int(record["config"].get("num_actors", 1))
    _check_numbers(places, actors, path)
    skip, chosen = presentation.frame_skip, set[int]()
    for frames in score.points_frames(record["budget"]["frames"]):
        last = bisect_right(ends, frames // skip)
        window = finished[max(0, last - score.episodes) : last]
        where = f"{path}: the episodes scored at frame {frames:,}"
        expected = min(score.episodes, window[-1] + 1) if window else 0
        if len(window) != expected or (window and window[-1] - window[0] + 1 != expected):
            raise ReplicationError(
                f"{where}: found {_ranges(window)}, expected {expected} on end, up to {window[-1]}; fetch it again"
            )
        _check_end(ends[last - 1] * skip if window else 0, frames, actors, presentation, where)
        chosen.update(window)
    if extra := sorted(set(finished) - chosen):
        raise ReplicationError(f"{path}: found episode {extra[0]}, which no score of the run is of")


def _check_numbers(places: Sequence[EpisodePlace], actors: int, path: Path) -> None:
    """Check that each actor's episodes are numbered as they were finished, so that none stands for another.

    Where all episodes of the run between two of an actor are there, they are its very next one.
    """
    last: dict[int, tuple[int, EpisodePlace]] = {}
    for row, place in enumerate(places):
        at, before = last.get(place.actor, (-1, EpisodePlace(actor=0, episode=0, finished=0, end_step=1)))
        between = place.finished - before.finished
        least, most = (1, 1 if row - at == between else between) if at >= 0 else (0, place.finished)
        if actors == 1:
            least = most
        found = place.episode - before.episode
        if place.actor >= actors or not least <= found <= most:
            expected = f"{before.episode + least}" + (f" to {before.episode + most}" if most > least else "")
            raise ReplicationError(
                f"{path}: episode {place.finished} of the run: found number {place.episode} of actor {place.actor}, "
                f"expected {expected} of one of {actors}"
            )
        last[place.actor] = row, place


def _check_end(end_frames: int, frames: int, actors: int, presentation: Presentation, where: str) -> None:
    """Check that no other episode must have ended between the last that is scored and the point of its score.

    Frames of training are counted as agent steps. The last step of a life may be cut, or be followed by one that only
    stores its last frame: an episode has a few steps more than its cap, and never twice as many.
    """
    if presentation.episode_cap_frames is None:
        return
    longest = 2 * presentation.episode_cap_frames * actors
    if frames - end_frames > longest:
        raise ReplicationError(
            f"{where}: the last ends at frame {end_frames:,}, but none can last {longest:,} frames: others have ended "
            "since; fetch it again"
        )


def _ranges(numbers: Sequence[int]) -> str:
    """Write ascending numbers as ranges: 3-5, 9."""
    starts = [number for number in numbers if number - 1 not in numbers]
    stops = [number for number in numbers if number + 1 not in numbers]
    return ", ".join(f"{one}-{other}" if one != other else str(one) for one, other in zip(starts, stops, strict=True))
