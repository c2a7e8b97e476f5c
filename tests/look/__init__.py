"""Every page in four forms, to be looked at: ``bin/look``."""
