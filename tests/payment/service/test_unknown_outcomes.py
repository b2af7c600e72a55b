"""A provider that charges and then says nothing, again and again: nobody is charged twice, nobody is declined unheard."""

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx
import pytest

from libs.testing.faults import start_fault_proxy
from libs.ids import new_id
