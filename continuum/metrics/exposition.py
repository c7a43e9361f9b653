"""A meter as Prometheus reads it, by prometheus-client: a registry for each, so that two routers share nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from continuum.metrics.instruments import INSTRUMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prometheus_client import Metric

    from continuum.metrics.instruments import Instrument
    from continuum.metrics.meter import Histogram, Labels, Meter

__all__ = ["Exposition", "Reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a gauge says now."""

    gauge: Instrument
    value: float
    labels: Labels = ()


class Exposition:
    """Shows one meter, and the gauges that are read off with it."""

    def __init__(self, meter: Meter, read: Callable[[], Iterable[Reading]]) -> None:
        self._meter = meter
        self._read = read

    def snapshot(self) -> Callable[[str], tuple[bytes, str]]:
        """Everything as it is now. What is given back may be called in a thread: from the client's Accept header to
        the text and its content type.
        """
        families = [*self._recorded(), *_gauges(self._read())]
        return lambda accept: _written(families, accept)

    def _recorded(self) -> Iterable[Metric]:
        for instrument in INSTRUMENTS:
            if instrument.buckets:
                yield _histogram(instrument, self._meter.histograms(instrument))
            elif not instrument.gauge:
                family = CounterMetricFamily(instrument.name, instrument.help, labels=instrument.labels)
                for labels, value in self._meter.counts(instrument).items():
                    family.add_metric(labels, value)
                yield family


class _Taken(Collector):
    """Families that are there already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """For the registry."""
        return self._families


def _written(families: Iterable[Metric], accept: str) -> tuple[bytes, str]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Taken(families))
    ProcessCollector(registry=registry)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _histogram(instrument: Instrument, series: Mapping[Labels, Histogram]) -> Metric:
    family = HistogramMetricFamily(instrument.name, instrument.help, labels=instrument.labels)
    bounds = [*map(str, map(float, instrument.buckets)), "+Inf"]
    for labels, each in series.items():
        family.add_metric(labels, list(zip(bounds, accumulate(each.counts), strict=True)), each.sum)
    return family


def _gauges(readings: Iterable[Reading]) -> Iterable[Metric]:
    families: dict[Instrument, GaugeMetricFamily] = {}
    for reading in readings:
        gauge = reading.gauge
        family = families.get(gauge)
        if family is None:
            family = families[gauge] = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.labels)
        family.add_metric(reading.labels, reading.value)
    return families.values()
