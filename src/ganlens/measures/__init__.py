"""Pure functions: tensors in, numbers out. No models, no files, no printing, no seeds of their own."""

from ganlens.measures.clusters import Clusters, k_means, medoids
from ganlens.measures.diversity import pairwise_diversity
from ganlens.measures.extrapolation import ExtrapolatedDistance, frechet_distance_extrapolated
from ganlens.measures.frechet import Moments, frechet_distance, frechet_distance_of_moments, moments
from ganlens.measures.gaussian_kernel import clip_style_mmd
from ganlens.measures.inception_score import inception_score
from ganlens.measures.intervals import (
    Interval,
    binomial_interval,
    bootstrap_interval,
    mean_interval,
    paired_bootstrap_interval,
    replicate_interval,
    subsample_interval,
)
from ganlens.measures.kernel import kernel_distance
from ganlens.measures.modes import ModeCoverage, mode_coverage, reverse_kl, share_intervals
from ganlens.measures.neighbours import Neighbours, nearest_neighbours
from ganlens.measures.path_length import PathLength, perceptual_path_length
from ganlens.measures.prdc import PRDC, BallMembership, ball_membership, prdc
from ganlens.measures.regression import LinearMap, correlation, fit_ridge, r_squared, ridge_r2
from ganlens.measures.sliced_wasserstein import sliced_wasserstein
from ganlens.measures.vendi import vendi_score

__all__ = [
    "PRDC",
    "BallMembership",
    "Clusters",
    "ExtrapolatedDistance",
    "Interval",
    "LinearMap",
    "ModeCoverage",
    "Moments",
    "Neighbours",
    "PathLength",
    "ball_membership",
    "binomial_interval",
    "bootstrap_interval",
    "clip_style_mmd",
    "correlation",
    "fit_ridge",
    "frechet_distance",
    "frechet_distance_extrapolated",
    "frechet_distance_of_moments",
    "inception_score",
    "k_means",
    "kernel_distance",
    "mean_interval",
    "medoids",
    "mode_coverage",
    "moments",
    "nearest_neighbours",
    "paired_bootstrap_interval",
    "pairwise_diversity",
    "perceptual_path_length",
    "prdc",
    "r_squared",
    "replicate_interval",
    "reverse_kl",
    "ridge_r2",
    "share_intervals",
    "sliced_wasserstein",
    "subsample_interval",
    "vendi_score",
]
