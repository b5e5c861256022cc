"""Alarms on the metrics of a rollout's candidate."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi_aws as aws

# Two minutes out of two, so that one bad minute doesn't end a rollout. No traffic is no error.
_PERIOD, _PERIODS = 60, 2
# With fewer requests in a minute, a share of errors is not significant.
_ENOUGH = 20


def error_alarm(
    namespace: str, dimensions: Mapping[str, str], *, percent: int
) -> aws.cloudwatch.MetricAlarm:
    """Return an alarm on `Errors` as a share of `Requests`, in percent."""
    return aws.cloudwatch.MetricAlarm(
        "candidate-errors",
        alarm_description="Too many requests to a rollout's candidate fail",
        comparison_operator="GreaterThanThreshold",
        threshold=percent,
        evaluation_periods=_PERIODS,
        treat_missing_data="notBreaching",
        metric_queries=[
            {
                "id": "share",
                "expression": f"IF(requests >= {_ENOUGH}, 100 * errors / requests, 0)",
                "label": "failed requests in percent",
                "return_data": True,
            },
            _sum("errors", "Errors", namespace, dimensions),
            _sum("requests", "Requests", namespace, dimensions),
        ],
    )


def latency_alarm(
    namespace: str, dimensions: Mapping[str, str], *, milliseconds: int
) -> aws.cloudwatch.MetricAlarm:
    """Return an alarm on the slowest tenth of requests, by `Latency` in milliseconds."""
    return aws.cloudwatch.MetricAlarm(
        "candidate-latency",
        alarm_description="A rollout's candidate answers too slowly",
        comparison_operator="GreaterThanThreshold",
        threshold=milliseconds,
        evaluation_periods=_PERIODS,
        treat_missing_data="notBreaching",
        namespace=namespace,
        metric_name="Latency",
        dimensions=dict(dimensions),
        extended_statistic="p90",
        period=_PERIOD,
    )


def _sum(
    query: str, metric: str, namespace: str, dimensions: Mapping[str, str]
) -> aws.cloudwatch.MetricAlarmMetricQueryArgsDict:
    return {
        "id": query,
        "metric": {
            "namespace": namespace,
            "metric_name": metric,
            "dimensions": dict(dimensions),
            "stat": "Sum",
            "period": _PERIOD,
        },
    }
