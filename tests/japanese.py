"""Texts on pages are tested in Japanese. A plugin, since what Django sets up translates some of them at once: before any ``conftest``."""

from erp.runtime import catalogue

catalogue.compile_if_changed()
