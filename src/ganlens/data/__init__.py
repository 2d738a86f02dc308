"""What goes in: `open_dataset` turns a short name into train and held-out samples."""

from ganlens.data.dataset import DataOptions, Dataset, SampleArray, Split
from ganlens.data.sources import open_dataset, read_options, sources

__all__ = ["DataOptions", "Dataset", "SampleArray", "Split", "open_dataset", "read_options", "sources"]
