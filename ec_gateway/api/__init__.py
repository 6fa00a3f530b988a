"""The REST contract (DESIGN §6): a view translates, makes one domain call, and translates back. docs/api.md tells clients about it."""
