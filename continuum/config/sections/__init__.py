"""The sections of the configuration, one file each; continuum.config.model lists them."""
