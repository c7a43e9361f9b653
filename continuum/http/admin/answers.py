"""What the admin API's answers hold: one class each, which the OpenAPI document is made from."""

from typing import Any, Literal, NotRequired, TypedDict

from continuum.backends.ejection import Reason
from continuum.config.changes import Diff
from continuum.http.admin.faults import Fault, Warned
from continuum.resilience.breaker import BreakerState

__all__ = [
    "Applied",
    "AppliedSection",
    "Backend",
    "BackendAdded",
    "BackendList",
    "BackendRemoved",
    "BackendShort",
    "BackendStats",
    "Candidate",
    "Exported",
    "FullConfig",
    "HistoryEntry",
    "HistoryPage",
    "Imported",
    "ModelsSet",
    "Patched",
    "Percentiles",
    "Probed",
    "PromptEntry",
    "PromptFailed",
    "PromptFile",
    "PromptList",
    "PromptWritten",
    "PromptsReloaded",
    "Put",
    "RolledBack",
    "RouteExplained",
    "Schema",
    "Section",
    "SectionInfo",
    "SectionList",
    "Stats",
    "Usage",
    "Validated",
    "Validation",
    "VersionShown",
    "WeightSet",
]

Capability = Literal["immediate", "gradual", "requires_restart"]
HealthState = Literal["unknown", "healthy", "warming_up", "unhealthy"]
Source = Literal["api", "file_reload", "initial", "rollback"]


class FullConfig(TypedDict):
    """Every section, secrets masked."""

    config: dict[str, Any]
    hot_reload_enabled: bool
    last_modified: str


class SectionInfo(TypedDict):
    """One section."""

    name: str
    description: str
    hot_reload_capability: Capability


class SectionList(TypedDict):
    """The fifteen sections in order."""

    sections: list[SectionInfo]


class Section(TypedDict):
    """A section in force."""

    section: str
    config: Any
    hot_reload_capability: Capability
    description: str


class Schema(TypedDict):
    """A JSON Schema of draft 7."""

    schema: dict[str, Any]


class Put(TypedDict):
    """A section was replaced."""

    success: bool
    message: str
    version: int
    hot_reload_capability: Capability
    applied: bool
    warnings: list[Warned]


class Patched(Put):
    """A section was patched."""

    merged_config: Any


class Validation(TypedDict):
    """Whether something is valid."""

    valid: bool
    errors: list[Fault]
    warnings: list[Warned]


class Validated(Validation):
    """Whether a section is valid."""

    hot_reload_capability: Capability


class AppliedSection(TypedDict):
    """What became of one section."""

    status: Literal["applied", "pending_restart"]
    hot_reload_type: Capability


class Applied(TypedDict):
    """What was applied."""

    success: bool
    applied_sections: list[str]
    version: int
    results: dict[str, AppliedSection]


class Exported(TypedDict):
    """A configuration as text."""

    format: Literal["yaml", "json", "toml"]
    content: str
    exported_at: str
    sections_exported: list[str]


class Imported(TypedDict):
    """What became of an import."""

    success: bool
    message: str
    version: int
    validation: Validation
    sections_imported: list[str]
    applied: bool


class HistoryEntry(TypedDict):
    """One version."""

    version: int
    timestamp: str
    sections_changed: list[str]
    source: Source
    user: str
    description: NotRequired[str]
    rollback_available: bool


class HistoryPage(TypedDict):
    """Versions, newest first."""

    history: list[HistoryEntry]
    total_entries: int
    current_version: int


class VersionShown(HistoryEntry):
    """One version's configuration, and how it differs from the one before."""

    config: dict[str, Any]
    diff: dict[str, dict[str, Diff]]


class RolledBack(TypedDict):
    """What a rollback changed."""

    success: bool
    message: str
    previous_version: int
    new_version: int
    sections_rolled_back: list[str]
    changes: dict[str, dict[str, Diff]]


class BackendStats(TypedDict):
    """What a backend was asked since the start."""

    total_requests: int
    failed_requests: int
    average_latency_ms: float
    last_used: str | None


class BackendShort(TypedDict):
    """A backend as it was written."""

    name: str
    type: str
    url: str
    weight: int
    models: list[Any]
    enabled: bool
    health_status: HealthState


class Circuit(TypedDict):
    """What a backend's breaker has counted: failures in a row until it opened, else until now; and how often it did."""

    consecutive_failures: int
    opened: int


class Ejected(TypedDict):
    """Why a backend is left out of the selection, and seconds until it is tried next."""

    reason: Reason
    seconds: float


class Backend(BackendShort):
    """A backend with its other keys, and what is going on with it."""

    api_key: NotRequired[str]
    stats: BackendStats
    circuit_state: NotRequired[BreakerState | None]
    circuit: Circuit
    ejected: Ejected | None
    in_flight: int
    ttft_ms: float | None


class BackendList(TypedDict):
    """Every backend."""

    backends: list[Backend]
    total: int


class BackendAdded(TypedDict):
    """A backend was added or changed."""

    success: bool
    message: str
    backend: BackendShort


class BackendRemoved(TypedDict):
    """A backend was removed."""

    success: bool
    message: str
    removed_backend: str


class WeightSet(TypedDict):
    """A backend's weight was set."""

    success: bool
    message: str
    previous_weight: int
    new_weight: int


class ModelsSet(TypedDict):
    """A backend's models were set."""

    success: bool
    message: str
    models: list[Any]


class Probed(TypedDict):
    """What a backend answered just now."""

    name: str
    health_status: HealthState
    latency_ms: float
    models: list[str]
    detected_type: str
    error: NotRequired[str]


class PromptEntry(TypedDict):
    """One global prompt."""

    id: str
    prompt_type: Literal["default", "backend", "model"]
    source: Literal["file", "inline"]
    file_path: NotRequired[str]
    content: str
    loaded: NotRequired[bool]
    size_bytes: int


class PromptList(TypedDict):
    """Every global prompt."""

    prompts: list[PromptEntry]
    total: int
    prompts_directory: str


class PromptFile(TypedDict):
    """A prompt file."""

    path: str
    content: str
    size_bytes: int
    modified_at: int


class PromptWritten(TypedDict):
    """A prompt file was written."""

    success: bool
    path: str
    size_bytes: int
    message: str


class PromptFailed(TypedDict):
    """A prompt file that cannot be read."""

    path: str
    message: str


class PromptsReloaded(TypedDict):
    """Prompt files were read again."""

    success: bool
    reloaded_count: int
    reloaded: list[str]
    errors: list[PromptFailed]
    message: str


class Percentiles(TypedDict):
    """Milliseconds; null where nothing was measured."""

    p50: float | None
    p95: float | None
    p99: float | None


class Usage(TypedDict):
    """What was asked since the start, and how it went. cost: US dollars of the requests whose model has a known price,
    null without any; unpriced_requests have usage and no price: they are in no cost.
    """

    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    unpriced_requests: int
    latency_ms: Percentiles
    ttft_ms: Percentiles


class Stats(TypedDict):
    """Usage in all, and by backend, model and client key."""

    since: str
    totals: Usage
    backends: dict[str, Usage]
    models: dict[str, Usage]
    keys: dict[str, Usage]


class Candidate(TypedDict):
    """A backend that serves a model, and why it is chosen from or not."""

    backend: str
    upstream_model: str
    weight: int
    health_status: HealthState
    circuit_state: BreakerState | None
    in_flight: int
    usable: bool
    reason: str


class RouteExplained(TypedDict):
    """What would be tried for a request."""

    model: str
    resolved_model: str
    strategy: str
    candidates: list[Candidate]
    chosen: str | None
    error: str | None
