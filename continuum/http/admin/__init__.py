"""The admin REST API: everything below /admin."""

from continuum.http.admin.app import AdminApi

__all__ = ["AdminApi"]
