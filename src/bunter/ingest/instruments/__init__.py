"""Descriptions of instruments, as YAML files."""
