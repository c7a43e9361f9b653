"""The table of instruments: names, what they say, and the labels they carry. A new one is a line here.

Names and units are Prometheus' (base units, `_total`); where OpenTelemetry's GenAI conventions name something, that
name is taken, with dots as underscores, and their buckets. Labels take configured names and words of closed tables
only: nothing that a caller can choose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["INSTRUMENTS", "Instrument", "Phase"]

Phase = Literal["unstreamed", "before_content", "streaming"]
"""Where a call was given up: one for a whole answer; a stream before its first content; a stream after it."""


@dataclass(frozen=True, slots=True, eq=False)
class Instrument:
    """Something that is measured: a counter, a histogram where it has buckets (their upper bounds), or a gauge, which
    is not recorded but read off when somebody asks.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    gauge: bool = False


_DURATIONS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TTFT: Final = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_PER_TOKEN: Final = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
_TOKENS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)

# Calls: from a caller's question to the end of its answer, however many attempts that takes.
CALLS: Final = Instrument(
    "continuum_requests_total",
    "Calls to models that have ended, by result: ok, cancelled, or the error's code.",
    ("operation", "model", "result"),
)
DURATION: Final = Instrument(
    "gen_ai_server_request_duration_seconds",
    "From a call's arrival to the end of its answer; error_type is empty where there was none.",
    ("gen_ai_operation_name", "gen_ai_request_model", "error_type"),
    _DURATIONS,
)
TTFT: Final = Instrument(
    "gen_ai_server_time_to_first_token_seconds",
    "From a streamed call's arrival to its first content, failed attempts included.",
    ("gen_ai_operation_name", "gen_ai_request_model"),
    _TTFT,
)
PER_TOKEN: Final = Instrument(
    "gen_ai_server_time_per_output_token_seconds",
    "Mean time between the tokens of a streamed answer, after the first.",
    ("gen_ai_operation_name", "gen_ai_request_model"),
    _PER_TOKEN,
)
USAGE: Final = Instrument(
    "gen_ai_client_token_usage",
    "Tokens of a call, as reported by the backend.",
    ("gen_ai_operation_name", "gen_ai_request_model", "gen_ai_token_type"),
    _TOKENS,
)
TOKENS: Final = Instrument(
    "continuum_tokens_total",
    "Tokens by kind, as reported: cached are part of input, reasoning part of output.",
    ("model", "backend", "kind"),
)
COST: Final = Instrument(
    "continuum_cost_usd_total",
    "What calls cost by the prices in the model metadata.",
    ("model", "backend"),
)
UNPRICED: Final = Instrument(
    "continuum_unpriced_requests_total",
    "Calls with usage whose model has no known price: they are in no cost.",
    ("model", "backend"),
)
RETRIES: Final = Instrument(
    "continuum_retries_total", "Attempts after a call's first, at any of its models.", ("model",)
)
FALLBACKS: Final = Instrument(
    "continuum_fallbacks_total",
    "Calls that another model of the fallback chain answered.",
    ("model", "fallback_model", "reason"),
)
CANCELLED: Final = Instrument(
    "continuum_cancelled_calls_total",
    "Calls given up before their answer was complete: the caller left, or the process had to end.",
    ("phase",),
)
CALLS_IN_FLIGHT: Final = Instrument("continuum_requests_in_flight", "Calls that are being answered.", gauge=True)

# Callers with a key.
KEY_CALLS: Final = Instrument("continuum_key_requests_total", "Calls that have ended, by client key.", ("key",))
KEY_TOKENS: Final = Instrument("continuum_key_tokens_total", "Tokens by client key and kind.", ("key", "kind"))
KEY_COST: Final = Instrument("continuum_key_cost_usd_total", "What calls cost, by client key.", ("key",))

# Attempts: one request to one backend each.
ATTEMPTS: Final = Instrument(
    "continuum_attempts_total",
    "Requests to backends that have ended, by result: ok, cancelled, or the kind of fault.",
    ("backend", "result"),
)
ATTEMPT_DURATION: Final = Instrument(
    "continuum_attempt_duration_seconds",
    "From a request to a backend to the end of its answer, or to its failure.",
    ("backend",),
    _DURATIONS,
)

# Backends, as they are now. A state is one series each: 1 for the one that holds.
BACKEND_HEALTH: Final = Instrument(
    "continuum_backend_health", "Whether a backend is in this state of health.", ("backend", "state"), gauge=True
)
BACKEND_CIRCUIT: Final = Instrument(
    "continuum_backend_circuit",
    "Whether a backend's circuit breaker is in this state.",
    ("backend", "state"),
    gauge=True,
)
BACKEND_IN_FLIGHT: Final = Instrument(
    "continuum_backend_in_flight", "Requests that a backend is answering.", ("backend",), gauge=True
)

EJECTIONS: Final = Instrument(
    "continuum_backend_ejections_total",
    "How often a backend was left out of the selection from then on: its probes failed, or its circuit opened.",
    ("backend", "reason"),
)

# The door, its limits, and the configuration.
HTTP: Final = Instrument(
    "continuum_http_requests_total",
    "HTTP requests answered, by route and status; 499 where the client left.",
    ("route", "status"),
)
RATE_LIMITED: Final = Instrument(
    "continuum_rate_limited_total",
    "How often a limit of this router refused a call, by whose limit it was; for a backend: all of them were full.",
    ("limit",),
)
CHANGES: Final = Instrument(
    "continuum_config_changes_total",
    "Changes of the configuration that took effect, by where they came from: api, file_reload, initial, rollback.",
    ("source",),
)
FILE_GOOD: Final = Instrument(
    "continuum_config_last_reload_successful",
    "Whether the configuration file as it was last read is in force; 0 while it has faults.",
    gauge=True,
)
VERSION: Final = Instrument("continuum_config_version", "The version of the configuration in force.", gauge=True)
CHANGED: Final = Instrument(
    "continuum_config_last_change_timestamp_seconds", "When the configuration in force was made.", gauge=True
)
BUILD: Final = Instrument("continuum_build_info", "What is running: always 1.", ("version",), gauge=True)

INSTRUMENTS: Final = tuple(each for each in globals().values() if isinstance(each, Instrument))
"""In the order in which they stand here."""
