"""The figure that README explains verdicts with is made by the rule, and shows every word that the rule gives runs."""

from __future__ import annotations

from replication.foundation.paths import WORKFLOW
from replication.report.figures.figure import image, settle
from replication.report.figures.reading_verdicts import EXAMPLES, NAME, draw


def test_each_example_has_the_verdict_that_its_words_lead_to_expect() -> None:
    assert [example.verdict.word for example in EXAMPLES] == [
        "replicated",
        "differs",
        "differs",
        "inconclusive",
        "inconclusive",
        "uninformative",
    ]
    for example in EXAMPLES[:-1]:
        assert example.verdict.share_low is not None and example.verdict.share_high is not None
    assert EXAMPLES[-1].verdict.share_low is None


def test_every_word_is_drawn_and_readme_shows_the_drawing() -> None:
    figure = draw()
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert texts == {example.verdict.word for example in EXAMPLES}
    settle(figure)
    assert image(figure, "png").startswith(b"\x89PNG")
    readme = (WORKFLOW.parent / "README.md").read_text(encoding="utf-8")
    assert f"(results/{NAME}.png)" in readme and (WORKFLOW.parent / "results" / f"{NAME}.png").exists()
