"""Frames as bytes: link types, IP, UDP, lengths and checksums. Knows no SIP and no routing."""
