"""All of it over a real server whose store is a real PostgreSQL, among a thousand other runs."""

from typing import Any

import pytest

from pipelines.tracking import registry, run_store, run_writer
from tests.unit.tracking.servers import Postgres, Server
from tests.unit.tracking.work import CORPUS, Work

OTHERS = 1000
FILLED = """
insert into runs (run_uuid, name, user_id, status, start_time, lifecycle_stage, artifact_uri,
    experiment_id)
  select md5(i::text), 'other', 'me', 'FINISHED', i, 'active', 'mlflow-artifacts:/1/' || i,
    {experiment}
  from generate_series(1, {others}) i;
insert into tags (run_uuid, key, value)
  select md5(i::text), key, md5(key || i) from generate_series(1, {others}) i,
  unnest(array['seqproof.training.key', 'seqproof.model_hash', 'seqproof.attempt']) key;
insert into params (run_uuid, key, value)
  select md5(i::text), 'param' || j, j::text
  from generate_series(1, {others}) i, generate_series(1, 30) j;
insert into latest_metrics (run_uuid, key, value, timestamp, step, is_nan)
  select md5(i::text), 'metric' || j, j, i, 0, false
  from generate_series(1, {others}) i, generate_series(1, 10) j;
"""


def _fill(address: str, experiment: str) -> None:
    import psycopg

    with psycopg.connect(address) as connection:
        connection.execute(FILLED.format(experiment=int(experiment), others=OTHERS))


def test_a_training_stopped_resumed_and_evaluated_among_a_thousand_runs(
    work: Work, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(work.folder, postgres.address) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
        experiment = work.client().create_experiment(f"seqproof/{CORPUS}")
        _fill(postgres.address, experiment)
        with pytest.raises(KeyboardInterrupt):
            work.train(stop_after=1)
        work.train()
        work.evaluate()
        work.evaluate()

        records = run_store.open_store(work.folder)
        pages: list[Any] = []
        search = records._client.search_runs

        def counted(*arguments: Any, **options: Any) -> Any:
            pages.append(options)
            return search(*arguments, **options)

        records._client.search_runs = counted
        assert len(records.runs) == OTHERS + 1
        assert len(pages) == 2  # no request per run
        run = records.runs[0]
        assert (run.name, run.tags[run_writer.RESUMED]) == ("verses-attention", "1")
        assert len(run.datasets) == 3
        assert records.logged_model(run) is not None

        client = work.client()
        for key, points in {
            "valid_bleu": [(1, 2.0), (2, 9.5)],
            "by_tokens/valid_bleu": [(500, 2.0), (1000, 9.5)],
            "test_bleu": [(0, 20.5)],
        }.items():
            history = client.get_metric_history(run.id, key)
            assert [(point.step, point.value) for point in history] == points
        (model,) = run.model_ids
        logged = client.get_logged_model(model)
        assert {metric.key for metric in logged.metrics} == {"test_bleu", "test_examples"}
        assert registry.holder(records, "seqproof-verses", "champion") is None
        assert registry.promote(records, run, model, "champion") == "1"
        assert registry.promote(records, run, model, "champion") == "1"
        assert registry.holder(records, "seqproof-verses", "champion") == registry.AliasHolder(
            "1", run.id
        )
