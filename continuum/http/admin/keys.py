"""Client keys over HTTP: those of the configuration are shown, those of the storage made, changed, rotated, removed.

No change here is a version of the configuration: a rollback brings no key back.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from continuum.config.edit import merge_patch
from continuum.config.plain import is_mapping
from continuum.config.secret import MASK, is_masked, mask
from continuum.config.sections.api_keys import KeyTerms, NewKey
from continuum.errors import ConfigError, ConfigProblem, KeyChanged, KeyNotFound
from continuum.http.admin.bodies import Rotate, shaped
from continuum.http.admin.ground import iso, safe_name
from continuum.runtime.made_key import new_secret

if TYPE_CHECKING:
    from continuum.config import ApiKey
    from continuum.http.admin.answers import keys as answers
    from continuum.http.admin.ground import Ground
    from continuum.http.admin.request import Request
    from continuum.runtime.keyring import Keyring
    from continuum.runtime.made_key import MadeKey

__all__ = ["LARGEST_PAGE", "add", "change", "listing", "one", "remove", "rotate"]

LARGEST_PAGE: Final = 1000
_DEFAULT_PAGE: Final = 100
_SHOWN: Final = ("id", "source", "key", "created_at", "rotated_at", "previous_expires_at", "last_used")
"""What a look at a key shows beside its terms; ignored when it comes back."""

Differences = dict[str, dict[str, Any]]


async def listing(ground: Ground, request: Request) -> answers.KeyList:
    """Every key, those of the configuration first."""
    keys = ground.instance.keys
    limit = min(request.number("limit", _DEFAULT_PAGE, 1), LARGEST_PAGE)
    offset = request.number("offset", 0, 0)
    page = islice((ident for part in (keys.configured, keys.made) for ident in part), offset, offset + limit)
    return {"keys": [_shown(keys, ident) for ident in page], "total": len(keys.configured) + len(keys.made)}


async def one(ground: Ground, request: Request) -> answers.Key:
    """One key."""
    keys, ident = ground.instance.keys, request.names["id"]
    if ident in keys.made:
        request.tag = keys.made[ident].revision
    elif ident not in keys.configured:
        raise KeyNotFound(safe_name(ident))
    return _shown(keys, ident)


async def add(ground: Ground, request: Request) -> answers.KeyMade:
    """Make a key."""
    sent = request.shaped(NewKey)
    terms = KeyTerms.model_validate({name: getattr(sent, name) for name in KeyTerms.model_fields})
    key, secret = await ground.instance.keys.add(terms, sent.id)
    await _note(ground, request, "key made", key, _differences({}, {**_terms(key), "key": key.shown}))
    request.tag = key.revision
    return {
        "success": True,
        "message": f"Key '{key.id}' created: its secret is shown this once",
        "key": _shown(ground.instance.keys, key.id),
        "secret": secret,
    }


async def change(ground: Ground, request: Request) -> answers.KeyChanged:
    """Merge-patch a key's terms."""
    ident, patch = request.names["id"], request.body
    if not is_mapping(patch):
        raise ConfigError([ConfigProblem("the body must be a JSON object: a merge patch")])
    if patch.get("id", ident) != ident:
        raise ConfigError([ConfigProblem(f"must stay '{safe_name(ident)}': a key is not renamed", "id")])
    sent = patch.get("key", MASK)
    if not (isinstance(sent, str) and is_masked(sent)):
        raise ConfigError([ConfigProblem("can only be made by the router: rotate it", "key")])
    given = {name: value for name, value in patch.items() if name not in _SHOWN}

    def patched(key: MadeKey) -> MadeKey:
        _expect(request, key)
        return key.with_terms(shaped(KeyTerms, merge_patch(_terms(key), given)))

    before, after = await ground.instance.keys.change(ident, patched)
    if after is not before:
        await _note(ground, request, "key changed", after, _differences(_terms(before), _terms(after)))
    request.tag = after.revision
    return {
        "success": True,
        "message": f"Key '{ident}' updated successfully",
        "key": _shown(ground.instance.keys, ident),
    }


async def rotate(ground: Ground, request: Request) -> answers.KeyRotated:
    """Make a key anew: the same id on the same terms. The one until now ends, at once or after a while."""
    ident, grace, secret = request.names["id"], request.shaped(Rotate).grace, new_secret()

    def rotated(key: MadeKey) -> MadeKey:
        _expect(request, key)
        return key.rotated_to(secret, grace)

    before, after = await ground.instance.keys.change(ident, rotated)
    until = None if after.until is None else iso(after.until)
    told: Differences = {
        "key": {"from": before.shown, "to": after.shown},
        "previous_expires_at": {"from": None, "to": until},
    }
    await _note(ground, request, "key rotated", after, told)
    request.tag = after.revision
    return {
        "success": True,
        "message": f"Key '{ident}' rotated: its new secret is shown this once",
        "key": _shown(ground.instance.keys, ident),
        "secret": secret,
        "previous_expires_at": until,
    }


async def remove(ground: Ground, request: Request) -> answers.KeyRemoved:
    """Remove a key: it is refused from the next request on."""
    ident = request.names["id"]
    gone = await ground.instance.keys.remove(ident, lambda key: _expect(request, key))
    await _note(ground, request, "key removed", gone, _differences({**_terms(gone), "key": gone.shown}, {}))
    return {"success": True, "message": f"Key '{ident}' removed successfully", "removed_key": ident}


def _expect(request: Request, key: MadeKey) -> None:
    """Raises KeyChanged where If-Match names another revision."""
    if not request.matches(key.revision):
        raise KeyChanged(key.id, key.revision)


def _shown(keys: Keyring, ident: str) -> answers.Key:
    used, made = keys.last_used(ident), keys.made.get(ident)
    own = _configured(keys.configured[ident]) if made is None else _made(made)
    shown: Any = {
        "id": ident,
        "source": keys.source(ident),
        **own,
        "last_used": None if used is None else iso(datetime.fromtimestamp(used, UTC)),
    }
    return shown  # type: ignore[no-any-return]  # a key's terms, whichever they are


def _configured(key: ApiKey) -> dict[str, Any]:
    return {"key": mask(key.key.reveal()), **_plain(key)}


def _made(key: MadeKey) -> dict[str, Any]:
    until = key.until if key.until is not None and key.until > datetime.now(UTC) else None
    dates = {"created_at": key.created, "rotated_at": key.rotated, "previous_expires_at": until}
    return {
        "key": key.shown,
        **_terms(key),
        **{name: iso(moment) for name, moment in dates.items() if moment is not None},
    }


def _terms(key: MadeKey) -> dict[str, Any]:
    return _plain(key.terms)


def _plain(terms: KeyTerms) -> dict[str, Any]:
    return terms.model_dump(mode="json", include=set(KeyTerms.model_fields), exclude_none=True)


def _differences(old: dict[str, Any], new: dict[str, Any]) -> Differences:
    return {
        name: {"from": old.get(name), "to": new.get(name)} for name in {**old, **new} if old.get(name) != new.get(name)
    }


async def _note(ground: Ground, request: Request, event: str, key: MadeKey, changes: Differences) -> None:
    await ground.audit.note(request.who, event, ["api_keys"], key=key.id, changes=changes)
