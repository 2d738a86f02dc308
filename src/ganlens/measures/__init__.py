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
from ganlens.measures.counterfactual import (
    Proximity,
    Realism,
    counterfactual_diversity,
    counterfactual_proximity,
    counterfactual_realism,
    counterfactual_sparsity,
    counterfactual_transition,
    counterfactual_validity,
    swapped_in_order,
)
from ganlens.measures.disentanglement import (
    DCI,
    BetaVAEScore,
    Explicitness,
    FactorVAEScore,
    InterventionalRobustness,
    Modularity,
    MutualInformationGap,
    SAPScore,
    beta_vae_score,
    dci,
    explicitness,
    factor_vae_score,
    interventional_robustness,
    modularity,
    mutual_information,
    mutual_information_gap,
    sap_score,
    shuffled_codes,
)
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
    "DCI",
    "PRDC",
    "Authenticity",
    "BallMembership",
    "BetaVAEScore",
    "Clusters",
    "CopyingStatistic",
    "DistanceRatio",
    "Explicitness",
    "ExtrapolatedDistance",
    "FactorVAEScore",
    "Interval",
    "InterventionalRobustness",
    "LikelihoodGap",
    "LinearClassifier",
    "LinearMap",
    "ModeCoverage",
    "Modularity",
    "Moments",
    "MutualInformationGap",
    "NearestClassifier",
    "Neighbours",
    "PathLength",
    "Proximity",
    "QuadraticClassifier",
    "Realism",
    "SAPScore",
    "TreeClassifier",
    "TwoSampleTest",
    "authenticity",
    "ball_membership",
    "beta_vae_score",
    "binomial_interval",
    "bootstrap_interval",
    "classifier_two_sample_test",
    "clip_style_mmd",
    "copying_statistic",
    "correlation",
    "counterfactual_diversity",
    "counterfactual_proximity",
    "counterfactual_realism",
    "counterfactual_sparsity",
    "counterfactual_transition",
    "counterfactual_validity",
    "dci",
    "distance_ratio",
    "explicitness",
    "factor_vae_score",
    "feature_likelihood_gap",
    "fit_ridge",
    "frechet_distance",
    "frechet_distance_extrapolated",
    "frechet_distance_of_moments",
    "inception_score",
    "interventional_robustness",
    "k_means",
    "kernel_distance",
    "mean_interval",
    "medoids",
    "mode_coverage",
    "modularity",
    "moments",
    "mutual_information",
    "mutual_information_gap",
    "nearest_neighbours",
    "paired_bootstrap_interval",
    "pairwise_diversity",
    "perceptual_path_length",
    "prdc",
    "r_squared",
    "replicate_interval",
    "reverse_kl",
    "ridge_r2",
    "sap_score",
    "share_intervals",
    "shuffled_codes",
    "sliced_wasserstein",
    "subsample_interval",
    "swapped_in_order",
    "vendi_score",
]
