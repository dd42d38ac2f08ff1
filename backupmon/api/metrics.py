"""``/metrics``: for Prometheus, which bears a token of the scope "read"."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from backupmon.api.access import needs_scope
from backupmon.application import current_settings
from backupmon.core.accounts import Scope
from backupmon.services.metrics import gather_metrics
from backupmon.version import VERSION

bp = Blueprint("api_metrics", __name__)


class _Gathered(Collector):
    """What the database says now: no state of one process, of which there are several."""

    def collect(self) -> Iterator[Metric]:
        return gather_metrics(current_settings(), datetime.now(UTC), VERSION)


@bp.get("/metrics")
@needs_scope(Scope.READ)
def metrics() -> Response:
    """Everything, in the format that is asked for."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Gathered())
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(registry), content_type=content_type)
