"""The module as a Scapy session meets it: takes packets beside bytes, and listens where netifaces says if nobody says otherwise.

The only place where routing and packets touch; Scapy and netifaces are loaded when they are first needed.
"""
from .rr.module import RecordRouting
