"""Which training pictures of a config are pictures that it is tested on."""

from __future__ import annotations

import copy
import hashlib
import inspect
import json
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.registry import init_default_scope

from mmris.datasets import MixedRefDataset, ReferDataset
from mmris.datasets.picture_sets import PictureSet, keys_of, title_of
from mmris.datasets.refer_files import read_splits
from mmris.registry import DATASETS
from mmris.utils.config import dataset_leaves
