"""Executors of the data stages: one process, a pool, and Dask give the same bytes."""

import hashlib
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import paths
from pipelines.config.params import DataConfig
from pipelines.data import counting, engine, partitions
from pipelines.data import engine as engines
from pipelines.data.engine import Engine
from pipelines.errors import UserError
from stages import preprocess
