"""The base of every configuration class: strict, nothing unknown, all faults at once, described by its own docstring.

No section lives here, and nothing here knows which sections exist.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from inspect import cleandoc
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from continuum.config.plain import is_mapping

Path = tuple[str | int, ...]


class Reload(StrEnum):
    """What a changed section needs to take effect."""

    IMMEDIATE = "immediate"
    """Live objects are retuned, running requests included."""
    GRADUAL = "gradual"
    """A request keeps the snapshot it started with; new ones see the new one."""
    REQUIRES_RESTART = "requires_restart"
    """Stored, and effective after a restart."""


class Group(BaseModel):
    """Some keys that belong together.

    Values are taken as they are: `true` is no number and `"1"` is no integer.
    """

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        defer_build=True,  # start-up: a class is built when a value of it is first made
        hide_input_in_errors=True,  # an input may be a secret
    )

    @classmethod
    def cross_faults(cls, given: Mapping[str, Any]) -> Iterable[tuple[Path, str]]:
        """Faults between keys, as (path below this group, rule).

        `given` is what was written, before any validation, so that these faults are told beside all others:
        expect any shape.
        """
        del given
        return ()

    @model_validator(mode="wrap")
    @classmethod
    def _tell_every_fault(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        crossed = cls.cross_faults(value) if is_mapping(value) else ()
        faults = [
            InitErrorDetails(type="value_error", loc=path, input=None, ctx={"error": ValueError(rule)})
            for path, rule in crossed
        ]
        try:
            made = handler(value)
        except ValidationError as error:
            first = [
                InitErrorDetails(type=each["type"], loc=each["loc"], input=None, ctx=each.get("ctx", {}))
                for each in error.errors(include_url=False, include_input=False)
            ]
            faults = first + faults
        else:
            if not faults:
                return made
        raise ValidationError.from_exception_data(cls.__name__, faults, hide_input=True)


G = TypeVar("G", bound=Group)


class Section(Group):
    """A group that stands at the top of the configuration, alone or as the items of a list.

    class Server(Section, reload=Reload.REQUIRES_RESTART): the docstring's first line is the section's description;
    admin=False keeps it out of the admin API and its versions.
    """

    reload: ClassVar[Reload]
    admin: ClassVar[bool]

    def __init_subclass__(cls, *, reload: Reload, admin: bool = True, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.reload = reload
        cls.admin = admin


def defaults_of(group: type[G], meaning: str | None = None) -> G:
    """The default of a field that holds a group: the group with nothing written in it. meaning: the field's
    description where the group's own does not say enough.

    Made by validating an empty mapping: calling the class would build its validator a second time, at start-up.
    """
    del group
    made: Any = Field(default_factory=dict, validate_default=True, description=meaning)
    return made  # type: ignore[no-any-return]


def description(group: type[Group]) -> str:
    """One line that says what the group is: the first of its docstring."""
    return cleandoc(group.__doc__ or "").partition("\n")[0]
