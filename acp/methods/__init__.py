"""The ACP methods, one file each with one `handle`; router.METHODS is their table."""
