"""The run table: what can be asked of it, its rows and columns. It never reads the event table."""
