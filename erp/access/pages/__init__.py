"""The doors: signing in and out, and one's own access. They stand on no model's admin, for the site itself is made with them."""

from erp.access.pages.requests import session_id_of, visit_of

__all__ = ["session_id_of", "visit_of"]
