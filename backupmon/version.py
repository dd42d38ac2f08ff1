"""The version of this program, in one place; ``pyproject.toml`` says the same."""

VERSION = "0.1.0"
