"""A project's steps: what each reads, runs and writes; the engine that skips those whose inputs have not changed."""
