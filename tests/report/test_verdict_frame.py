"""The verdicts of all tables as a data frame."""

from __future__ import annotations

from replication.foundation.paths import PROJECT
from replication.report.pages.tables import judged_rows
from replication.report.verdict_frame import VERDICT_COLUMNS, verdict_frame
from replication.specification.experiments import load_experiment

RESULTS = PROJECT / "results"


def test_each_verdict_of_a_table_is_a_row() -> None:
    frame = verdict_frame(RESULTS)
    assert tuple(frame.columns) == VERDICT_COLUMNS and (frame["verdict"] != "").all()
    for name in ("dopamine_curves", "nfq_2005", "td3_2018"):
        rows = judged_rows(load_experiment(name), RESULTS)
        found = verdict_frame(RESULTS, name)
        assert found["verdict"].tolist() == [row["verdict"] for row in rows]
        assert found.equals(frame[frame["experiment"] == name].reset_index(drop=True))
    control = frame[(frame["experiment"] == "td3_2018") & (frame["task"] == "Half cheetah")].iloc[0]
    assert control["share_low"] < control["share"] < control["share_high"] and control["at"] == "step 100000"
    statements = frame[frame["table"] == "cliff_statements"]
    assert len(statements) and statements["ours"].isna().all() and (statements["agent"] != "").all()
