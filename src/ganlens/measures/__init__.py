"""Pure functions: tensors in, numbers out. No models, no files, no printing, no seeds of their own."""

from ganlens.measures.authenticity import Authenticity, authenticity
from ganlens.measures.classifiers import (
    LinearClassifier,
    NearestClassifier,
    QuadraticClassifier,
    TreeClassifier,
)
from ganlens.measures.clusters import Clusters, k_means, medoids
from ganlens.measures.copying_statistic import CopyingStatistic, copying_statistic
from ganlens.measures.distance_ratio import DistanceRatio, distance_ratio
from ganlens.measures.diversity import pairwise_diversity
from ganlens.measures.extrapolation import ExtrapolatedDistance, frechet_distance_extrapolated
from ganlens.measures.feature_likelihood import LikelihoodGap, feature_likelihood_gap
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
from ganlens.measures.two_sample import TwoSampleTest, classifier_two_sample_test
from ganlens.measures.vendi import vendi_score

__all__ = [
    "PRDC",
    "Authenticity",
    "BallMembership",
    "Clusters",
    "CopyingStatistic",
    "DistanceRatio",
    "ExtrapolatedDistance",
    "Interval",
    "LikelihoodGap",
    "LinearClassifier",
    "LinearMap",
    "ModeCoverage",
    "Moments",
    "NearestClassifier",
    "Neighbours",
    "PathLength",
    "QuadraticClassifier",
    "TreeClassifier",
    "TwoSampleTest",
    "authenticity",
    "ball_membership",
    "binomial_interval",
    "bootstrap_interval",
    "classifier_two_sample_test",
    "clip_style_mmd",
    "copying_statistic",
    "correlation",
    "distance_ratio",
    "feature_likelihood_gap",
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
