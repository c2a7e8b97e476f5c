"""How Django writes times of its own accord, as in the admin: as the pages do."""
