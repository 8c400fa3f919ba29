"""A project's configuration: one TOML file, typed, checked before anything is run."""
