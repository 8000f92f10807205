"""The glossary: the words that every table, caption and message uses in one sense."""

from __future__ import annotations

GLOSSARY = (
    ("frame", "An emulator frame, of which a console shows 60 a second."),
    ("step", "A decision of the agent. In games it lasts several frames, usually four."),
    ("update", "A step of the optimizer: one minibatch, or one sweep over a table of values."),
    ("episode", "From reset to the end of the game or task, or to the cap that the protocol sets."),
    ("run", "One agent trained on one task with one seed, for a budget that is stated in advance."),
    ("lane", "A run's place among those that are trained in one job."),
    ("cohort", "The runs that are trained in one job. It never changes a result."),
    ("protocol", "How a task is shown to an agent and how its score is taken."),
    ("trace", "What a simulator was given, step by step. Playing it again gives the score again."),
    ("score", "The mean return of the episodes that the protocol counts, in the game's own points."),
    ("floor", "The score of play that learned nothing, such as random play."),
    ("share", "What ours learned above the floor, divided by what the published agent learned above it."),
    (
        "margin",
        "How far ours may lie from the published score and still count as the same: a quarter of what the "
        "published agent learned above the floor.",
    ),
    ("verdict", "What the tests say of a row: replicated, consistent, differs, inconclusive or uninformative."),
    ("severity", "Which other agents the same runs would have passed for. A verdict that many would pass says little."),
)
"""Words with their meanings, in the order in which a reader meets them."""
