"""The version, written once: the package's metadata is made from this line."""

__all__ = ["VERSION"]

VERSION = "0.1.0"
