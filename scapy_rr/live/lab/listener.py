"""Captures an interface through Scapy where tcpdump is not installed: ``python -m scapy_rr.live.lab.listener IFACE``, in its namespace.

The capture goes to standard output, and what tcpdump says once it captures to standard error.
"""

import signal
import sys
from time import time_ns
from types import FrameType

from scapy.config import conf
from scapy.layers.l2 import Ether
from scapy.utils import RawPcapWriter

