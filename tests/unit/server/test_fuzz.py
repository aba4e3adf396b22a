"""Every malformed request is answered by one sentence, and never by an error of the server."""

from collections import Counter

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from pipelines.server import app, schema

LIMITS = schema.Limits(texts=3, characters=20)
SETTINGS = {
    "seed": 1,
    "continue-on-failure": True,
    "generation": {"max-examples": 100, "no-shrink": True, "database": "none"},
    # A text of the schema may be empty after cleaning.
    "checks": {"positive_data_acceptance": {"enabled": False}},
}


def test_requests_that_the_schema_allows_and_forbids(classifier):
    application = app.make_app(classifier, LIMITS)
    config = SchemathesisConfig.from_dict(SETTINGS)
    openapi = schemathesis.openapi.from_asgi("/openapi.json", application, config=config)
    statuses, failures = Counter(), []
    for event in from_schema(openapi).execute():
        assert not isinstance(event, events.NonFatalError | events.FatalError), vars(event)
        if isinstance(event, events.ScenarioFinished):
            for interaction in event.recorder.interactions.values():
                statuses[interaction.response.status_code] += 1
            for checks in event.recorder.checks.values():
                failures += [check.failure_info for check in checks if check.failure_info]
    assert failures == []
    assert {200, 400, 405, 415} <= set(statuses) < {200, 400, 404, 405, 413, 415}
    assert statuses[400] > 50
