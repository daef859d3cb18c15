"""Capture files: reading, routing what is in them, writing, explaining."""
