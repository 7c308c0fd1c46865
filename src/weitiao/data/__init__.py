"""The data room: files of records to a data set of examples with a card. No torch, no transformers."""

from __future__ import annotations

from weitiao.data.fit import Fit, make_fitter
from weitiao.data.stages import fit_dataset, prepare
from weitiao.data.store import dataset_hash, load, read_examples, save

__all__ = ["Fit", "dataset_hash", "fit_dataset", "load", "make_fitter", "prepare", "read_examples", "save"]
