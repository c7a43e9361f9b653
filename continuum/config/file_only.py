"""The keys that only the configuration file may set: nothing that comes over HTTP chooses a path to write, read or run.

`*` is each item of a list, told apart by its name.
"""

_FILE_ONLY = """
server.tls
backends.*.managed
backends.*.tls.ca_file
backends.*.tls.cert_file
backends.*.tls.key_file
logging.file
global_prompts.prompts_dir
files.storage_path
api_keys.api_keys_file
"""

FILE_ONLY: tuple[tuple[str, ...], ...] = tuple(tuple(row.split(".")) for row in _FILE_ONLY.split())
"""Paths below Config."""
FILE_ONLY_RULE = "can only be changed in the configuration file"
