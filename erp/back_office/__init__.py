"""The back office as one house: its rooms, who may enter them, and the first page. It knows every app, and no app knows it."""
