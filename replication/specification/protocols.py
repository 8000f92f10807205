"""Protocols as frozen, validated settings: how tasks are presented and scored."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from replication.foundation.validation import Count, Positive, Probability, Settings
from replication.specification.families.facts import BudgetUnit
from replication.specification.scored_points import EvaluationScore, Solving, TrainingScore
from replication.specification.tasks.task import Kind

FrameRange = tuple[Annotated[int, Field(ge=0)], Count]
"""Least and most number of emulator frames, both included; drawn uniformly."""
FramePipelineName = Literal["nature", "dopamine", "baselines", "baselines_2017", "cleanrl"]
"""The program whose way from screens to a frame of 84x84 bytes an agent has."""
HistoryStart = Literal["zeros", "first_frame"]
"""What stands before the first frame of a trajectory, where an agent sees several: zeros, or that frame again."""


class Deviation(Settings):
    """One knowing departure from the published program; rendered beside every result it touches."""

    id: str
    rows: Annotated[tuple[str, ...], Field(min_length=1)]
    """Rows of the fidelity table it concerns (E11, I10, ...)."""
    what: str
    why: str
    expected_effect: str


class Presentation(Settings):
    """The rules by which one game is shown to an agent, frame by frame."""

    frame_skip: Count
    """Emulator frames an action is held for; an agent may bring its own (the random agent's 6)."""
    sticky_probability: Probability
    """Chance, per emulator frame, that the action executed last is executed again."""
    life_loss_ends_trajectory: bool
    """A lost life ends a training trajectory; it never resets the game."""
    life_loss_stops_repeat: bool = True
    """A lost life that ends a trajectory stops the action repeat; False: lives are looked at after its last frame."""
    last_life_counts: bool = True
    """A lost life counts even where none is left; False: only while lives are left, whatever game over says."""
    noops_after_game_over_frames: FrameRange | None
    """No-op frames after a reset; None: none are played."""
    noops_after_life_loss_frames: FrameRange | None
    """No-op frames after a lost life that ended a trajectory; None: none are played."""
    episode_cap_frames: Count | None
    """Frames after the starting no-ops at which an episode is truncated; None: never."""
    fire_on_reset: bool = False
    """Every game and life begins with a step of action 1 and one of action 2, where the game's action 1 is FIRE."""
    fire_frame_on_reset: bool = False
    """The last of the no-op frames that begin a game or a life is one of FIRE, where the game has that action."""
    noop_step_after_life_loss: bool = False
    """After a lost life that ended a trajectory one step of the no-op is played, of `frame_skip` frames."""
    between_lives_counts: bool = False
    """Rewards and frames between two trajectories of a game belong to its episode, its return and its cap."""
    independent_episodes: bool = False
    """The console is switched off and on before every reset of the game, and no-ops and repeats are drawn from streams
    of the episode alone: whatever came before, it can be played again alone. In training only."""

    @model_validator(mode="after")
    def _starts_make_sense(self) -> Presentation:
        for name in ("noops_after_game_over_frames", "noops_after_life_loss_frames"):
            frames = getattr(self, name)
            if frames is not None and frames[0] > frames[1]:
                raise ValueError(f"{name}: expected the least number before the most, found {list(frames)}")
        if self.fire_on_reset and self.fire_frame_on_reset:
            raise ValueError("fire_frame_on_reset: found beside fire_on_reset, expected one of them")
        if self.noop_step_after_life_loss and self.noops_after_life_loss_frames is not None:
            raise ValueError(
                "noop_step_after_life_loss: found beside noops_after_life_loss_frames, expected one of them"
            )
        return self


class PlantSettings(Settings):
    """A pole on a cart, and how its equation is integrated."""

    pole_kg: Positive
    """m of the equation."""
    cart_kg: Positive
    """M of the equation."""
    equation_length_m: Positive
    """l of the equation, half the length of a uniform pole."""
    gravity_m_s2: Positive
    forces_n: Annotated[tuple[float, ...], Field(min_length=2)]
    """The actions."""
    force_noise_n: Annotated[float, Field(ge=0.0)]
    """Uniform noise of at most this size is added to the force, once a cycle."""
    fallen_rad: Positive
    """An angle beyond this, on either side, is a failure."""
    cycle_s: Positive
    """Between two actions; the force is constant meanwhile."""
    substeps: Count
    """Of the Runge-Kutta method, in a cycle."""


class PolePresentation(Settings):
    """The plant, and where its episodes start and end."""

    kind: Literal["pole"]
    plant: PlantSettings
    start_angle_rad: Annotated[float, Field(ge=0.0)]
    """Episodes start at an angle drawn uniformly, at most this far from upright; 0: upright."""
    start_speed_rad_s: Annotated[float, Field(ge=0.0)]
    """The same of the angular velocity."""
    episode_cap_cycles: Count | None
    """Cycles after which an episode is truncated; None: it lasts until the pole falls."""

    @property
    def frame_skip(self) -> int:
        """Cycles that an action is held for."""
        return 1


class GridworldPresentation(Settings):
    """Where the episodes of a gridworld end, beside its goals."""

    kind: Literal["gridworld"]
    episode_cap_steps: Count | None
    """Steps after which an episode is truncated; None: it lasts until a goal is reached."""
    measured: Literal["episode_return", "episode_steps", "finished_episodes"] = "episode_return"
    """What is kept of training, episode by episode; of finished episodes their number, step by step."""

    @property
    def frame_skip(self) -> int:
        """Steps that an action is held for."""
        return 1


class GymnasiumPresentation(Settings):
    """Where the episodes of a task of Gymnasium end, beside its own ends. It starts them by its own distribution."""

    kind: Literal["gymnasium"]
    episode_cap_steps: Count | Literal["registered"] | None
    """Steps after which an episode is truncated; `registered`: as Gymnasium's registry says; None: never."""

    @property
    def frame_skip(self) -> int:
        """Steps that an action is held for."""
        return 1


def _kind(presentation: Any) -> str:
    """Return the kind of a presentation: those of Atari, which were there first, have no such key."""
    if isinstance(presentation, dict):
        return str(presentation.get("kind", "atari"))
    return str(getattr(presentation, "kind", "atari"))


AnyPresentation = Annotated[
    Annotated[Presentation, Tag("atari")]
    | Annotated[PolePresentation, Tag("pole")]
    | Annotated[GridworldPresentation, Tag("gridworld")]
    | Annotated[GymnasiumPresentation, Tag("gymnasium")],
    Discriminator(_kind),
]


def of_atari(presentation: AnyPresentation) -> Presentation:
    """Return the presentation of a game as what it is; its kind was checked when the protocol was read."""
    assert isinstance(presentation, Presentation), "asked of a protocol of another kind"
    return presentation


class PeriodicEvaluation(Settings):
    """Evaluation during training, on an emulator of its own; its highest mean return selects the best network."""

    period_steps: Count
    """Steps between two evaluations."""
    length_steps: Count | None = None
    """Steps an evaluation has; its last episode may stay unfinished. Either these or `num_episodes`."""
    num_episodes: Count | None = None
    """Whole episodes an evaluation has."""
    at_start: bool = False
    """The first one is played at step 0, before anything is learned."""
    epsilon: Probability
    """Share of random actions."""
    presentation: AnyPresentation

    @model_validator(mode="after")
    def _has_one_length(self) -> PeriodicEvaluation:
        if (self.length_steps is None) == (self.num_episodes is None):
            raise ValueError(
                f"length_steps: found {self.length_steps} beside num_episodes {self.num_episodes}, expected one of them"
            )
        return self


class FinalEvaluation(Settings):
    """An evaluation at the end of training: the one a published table prints, or one beside the score."""

    network: Literal["best", "final"]
    """The best of the periodic evaluations, or the one at the end of training."""
    num_episodes: Count
    """Whole episodes."""
    epsilon: Probability | None
    """Share of random actions; None: the variant's own `evaluation_epsilon` (papers differ)."""
    presentation: AnyPresentation


_EVALUATIONS = ("periodic_evaluation", "final_evaluation", "evaluation_beside_score")


class Protocol(Settings):
    """The presentation of tasks in training and in evaluation, and the quantity that is published."""

    protocol: str
    title: str
    reference_set: Literal["nature49_5min", "atari57_30min"] | None
    """Random and human scores that normalize; None: scores stay as they are."""
    published_quantity: Literal["final_evaluation", "training_iterations", "training_episodes", "periodic_evaluations"]
    """What the paper prints: scores of final evaluations, training returns by iteration, what is measured in the last,
    or in all episodes of training, or scores of the evaluations during training."""
    training: AnyPresentation
    iteration_steps: Count | None
    """Least number of training steps an iteration has; its running episode is finished (Dopamine)."""
    trains_for: BudgetUnit | None = None
    """The unit of a budget; None: iterations where they have a least number of steps, else frames."""
    periodic_evaluation: PeriodicEvaluation | None
    final_evaluation: FinalEvaluation | None
    evaluation_beside_score: FinalEvaluation | None = None
    """Played at the end of training where training episodes are scored: a second quantity, which is declared and never
    judged. No part of a run's identity, so a record made before it was asked for stands without it."""
    training_score: TrainingScore | None = None
    """Where the last training episodes are scored; moves no number of training or evaluation."""
    evaluation_score: EvaluationScore | None = None
    """Where evaluations during training are scored; moves no number of training or evaluation."""
    solving: Solving | None = None
    """The moving mean of training episodes by which a task counts as solved, where one is published."""
    sources: dict[str, str]
    deviations: tuple[Deviation, ...]

    @property
    def kind(self) -> Kind:
        """The kind of tasks that it presents."""
        found: Kind = "atari" if isinstance(self.training, Presentation) else self.training.kind
        return found

    @property
    def budget_unit(self) -> BudgetUnit:
        """The unit that a budget is given in."""
        return self.trains_for or ("frames" if self.iteration_steps is None else "iterations")

    @property
    def evaluation_at_end(self) -> FinalEvaluation | None:
        """The evaluation that is played at the end of training: the one that is scored, or the one beside the score."""
        return self.final_evaluation or self.evaluation_beside_score

    @model_validator(mode="after")
    def _scored_episodes_can_be_kept(self) -> Protocol:
        last_episodes = self.kind == "atari" and self.published_quantity == "training_episodes"
        if last_episodes != (self.training_score is not None):
            raise ValueError(
                "training_score: expected where published_quantity is training_episodes of games, and only there"
            )
        if self.training_score is not None and not getattr(self.training, "independent_episodes", False):
            raise ValueError(
                "training_score: expected training.independent_episodes beside it: a record keeps some episodes, which "
                "must be playable without the others"
            )
        for frames in self.training_score.at_frames if self.training_score else ():
            if frames % self.training.frame_skip:
                raise ValueError(
                    f"training_score.at_frames: expected multiples of {self.training.frame_skip}, the frames of one "
                    f"agent step, found {frames}"
                )
        beside = self.evaluation_beside_score
        if beside is not None and (self.training_score is None or self.final_evaluation is not None):
            raise ValueError("evaluation_beside_score: expected training_score beside it, and no final_evaluation")
        if beside is not None and beside.network != "final":
            raise ValueError(f"evaluation_beside_score.network: found {beside.network}, expected final")
        for name in _EVALUATIONS:
            evaluation = getattr(self, name)
            if evaluation is not None and getattr(evaluation.presentation, "independent_episodes", False):
                raise ValueError(f"{name}.presentation: independent_episodes: found true, expected it in training only")
            if evaluation is not None and getattr(evaluation.presentation, "life_loss_ends_trajectory", False):
                _check_lives_of_evaluation(evaluation.presentation, f"{name}.presentation")
        return self

    @model_validator(mode="after")
    def _scored_evaluations_can_be_kept(self) -> Protocol:
        score, periodic = self.evaluation_score, self.periodic_evaluation
        if (self.published_quantity == "periodic_evaluations") != (score is not None):
            raise ValueError(
                "evaluation_score: expected where published_quantity is periodic_evaluations, and only there"
            )
        if score is None:
            return self
        if periodic is None or periodic.num_episodes is None or self.kind != "gymnasium":
            raise ValueError(
                "evaluation_score: expected periodic_evaluation.num_episodes beside it, in a protocol of kind "
                f"gymnasium, found kind {self.kind}"
            )
        if self.final_evaluation is not None or self.trains_for != "steps":
            raise ValueError("evaluation_score: expected trains_for steps beside it, and no final_evaluation")
        if 0 in score.at_steps and not periodic.at_start:
            raise ValueError("evaluation_score.at_steps: found 0, expected periodic_evaluation.at_start beside it")
        for steps in score.at_steps:
            if steps % periodic.period_steps:
                raise ValueError(
                    f"evaluation_score.at_steps: expected multiples of {periodic.period_steps}, the steps between two "
                    f"evaluations, found {steps}"
                )
        return self

    @model_validator(mode="after")
    def _measures_what_it_counts(self) -> Protocol:
        if isinstance(self.training, GridworldPresentation):
            by_steps = self.training.measured == "finished_episodes"
            if by_steps != (self.budget_unit == "steps"):
                raise ValueError(
                    f"training.measured: found {self.training.measured} with trains_for {self.budget_unit}, expected "
                    "finished_episodes with steps, and what is measured of an episode with episodes"
                )
        return self

    @model_validator(mode="after")
    def _all_of_one_kind(self) -> Protocol:
        for name in _EVALUATIONS:
            evaluation = getattr(self, name)
            if evaluation is not None and _kind(evaluation.presentation) != self.kind:
                raise ValueError(
                    f"{name}.presentation: found one of kind {_kind(evaluation.presentation)}, expected {self.kind} as "
                    "in training"
                )
        return self


def _check_lives_of_evaluation(shown: Presentation, name: str) -> None:
    """Check that an evaluation whose lost lives end trajectories consists of whole steps and episodes that stand apart.

    A state of it is found again by its steps; no-ops after a life could reach into the next game.
    """
    wanted = {"life_loss_stops_repeat": False, "noops_after_life_loss_frames": None, "between_lives_counts": False}
    for setting, expected in wanted.items():
        found = getattr(shown, setting)
        if found != expected:
            raise ValueError(
                f"{name}.{setting}: found {found}, expected {expected} where a lost life ends a trajectory"
            )
