"""Configuration text to plain data that knows its lines, and back: strict YAML, TOML and JSON, a module for each."""

from continuum.config.codec.document import LARGEST_FILE, Document
from continuum.config.codec.reading import parse, read
from continuum.config.codec.toml_text import dump_toml
from continuum.config.codec.yaml_text import dump

__all__ = ["LARGEST_FILE", "Document", "dump", "dump_toml", "parse", "read"]
