"""Metrics in Prometheus's text format, from a registry of one application's own: two in one process never mix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from engine.histogram import Histogram
from service.watching.catalogue import Metric, metrics
from service.watching.figures import Figure, Source

CONTENT_TYPE = CONTENT_TYPE_LATEST
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class _Figures(Collector):
    """Turns figures into families when somebody scrapes: nothing is paid for it until then (ADR 27)."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources

    def describe(self) -> Iterable[Family]:
        """Name no metrics beforehand: the registry would call the sources for them."""
        return ()

    def collect(self) -> Iterator[Family]:
        """Yield all families, each with all its samples."""
        known = metrics()
        families: dict[str, Family] = {}
        for source in self._sources:
            for name, labels, value in source():
                family = families.get(name)
                if family is None:
                    family = families[name] = _family(known[name])
                _add(family, (name, labels, value))
        yield from families.values()


def _family(metric: Metric) -> Family:
    kinds: dict[str, type[Family]] = {
        "counter": CounterMetricFamily,
        "gauge": GaugeMetricFamily,
        "histogram": HistogramMetricFamily,
    }
    return kinds[metric.type](metric.name, f"{metric.zh} {metric.en}", labels=metric.labels)


def _add(family: Family, figure: Figure) -> None:
    _, labels, value = figure
    if isinstance(family, HistogramMetricFamily):
        assert isinstance(value, Histogram)
        rising = map(float, accumulate(value.counts))
        names = [*(str(float(bound)) for bound in value.bounds), "+Inf"]
        family.add_metric(labels, list(zip(names, rising, strict=True)), value.total)
    else:
        assert not isinstance(value, Histogram)
        family.add_metric(labels, float(value))


class Exposition:
    """What /metrics answers."""

    def __init__(self, sources: Sequence[Source]) -> None:
        """``sources`` are asked at every scrape."""
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Figures(sources))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """Return all metrics as Prometheus reads them."""
        return generate_latest(self._registry)
