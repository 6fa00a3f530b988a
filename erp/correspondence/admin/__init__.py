"""The pages of mails: every mail with what became of it, the words they are written in, and who sends which."""

from erp.correspondence.admin import mails, settings, templates

__all__ = ["mails", "settings", "templates"]
