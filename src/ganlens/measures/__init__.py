"""Pure functions: tensors in, numbers out. No models, no files, no printing, no seeds of their own."""

from ganlens.measures.area_under_curve import area_under_curve, exceedance_interval
from ganlens.measures.authenticity import Authenticity, authenticity
from ganlens.measures.bootstrap import bootstrap_estimates, mean_estimate
from ganlens.measures.classifiers import (
    LinearClassifier,
    NearestClassifier,
    QuadraticClassifier,
    TreeClassifier,
)
from ganlens.measures.clusters import Clusters, k_means, medoids, nearest_centre
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
from ganlens.measures.estimate import Estimate, Interval
from ganlens.measures.extrapolation import ExtrapolatedDistance, frechet_distance_extrapolated
from ganlens.measures.faithfulness import (
    InsertionDeletion,
    ModelRandomisation,
    Swaps,
    completeness_gap,
    complexity,
    infidelity,
    insertion_deletion_auc,
    max_sensitivity,
    model_randomisation,
    pixel_flipping,
    rank_agreement,
    sparseness,
    stability_over_seeds,
    swap_infidelity,
    swap_patches,
)
from ganlens.measures.feature_likelihood import LikelihoodGap, feature_likelihood_gap
from ganlens.measures.frechet import Moments, frechet_distance, frechet_distance_of_moments, moments
from ganlens.measures.gaussian_kernel import clip_style_mmd
from ganlens.measures.inception_score import inception_score
from ganlens.measures.intervals import (
    ALARM_LEVEL,
    binomial_interval,
    bootstrap_interval,
    mean_interval,
    paired_bootstrap_interval,
    replicate_interval,
    subsample_interval,
)
from ganlens.measures.kernel import kernel_distance
from ganlens.measures.modes import ModeCoverage, mode_coverage, reverse_kl, share_intervals
from ganlens.measures.multiple_tests import holm
from ganlens.measures.neighbour_coverage import NeighbourCoverage, neighbour_coverage
from ganlens.measures.neighbours import Neighbours, nearest_neighbours
from ganlens.measures.path_length import PathLength, perceptual_path_length
from ganlens.measures.prdc import PRDC, BallMembership, ball_membership, prdc
from ganlens.measures.quantiles import median_interval, share_above_quantile
from ganlens.measures.regression import LinearMap, correlation, fit_ridge, r_squared, ridge_r2
from ganlens.measures.shares import difference_of_shares, ratio_of_shares, share_estimate
from ganlens.measures.sliced_wasserstein import sliced_wasserstein
from ganlens.measures.two_sample import TwoSampleTest, classifier_two_sample_test
from ganlens.measures.vendi import vendi_score

__all__ = [
    "ALARM_LEVEL",
    "DCI",
    "PRDC",
    "Authenticity",
    "BallMembership",
    "BetaVAEScore",
    "Clusters",
    "CopyingStatistic",
    "DistanceRatio",
    "Estimate",
    "Explicitness",
    "ExtrapolatedDistance",
    "FactorVAEScore",
    "InsertionDeletion",
    "Interval",
    "InterventionalRobustness",
    "LikelihoodGap",
    "LinearClassifier",
    "LinearMap",
    "ModeCoverage",
    "ModelRandomisation",
    "Modularity",
    "Moments",
    "MutualInformationGap",
    "NearestClassifier",
    "NeighbourCoverage",
    "Neighbours",
    "PathLength",
    "Proximity",
    "QuadraticClassifier",
    "Realism",
    "SAPScore",
    "Swaps",
    "TreeClassifier",
    "TwoSampleTest",
    "area_under_curve",
    "authenticity",
    "ball_membership",
    "beta_vae_score",
    "binomial_interval",
    "bootstrap_estimates",
    "bootstrap_interval",
    "classifier_two_sample_test",
    "clip_style_mmd",
    "completeness_gap",
    "complexity",
    "copying_statistic",
    "correlation",
    "counterfactual_diversity",
    "counterfactual_proximity",
    "counterfactual_realism",
    "counterfactual_sparsity",
    "counterfactual_transition",
    "counterfactual_validity",
    "dci",
    "difference_of_shares",
    "distance_ratio",
    "exceedance_interval",
    "explicitness",
    "factor_vae_score",
    "feature_likelihood_gap",
    "fit_ridge",
    "frechet_distance",
    "frechet_distance_extrapolated",
    "frechet_distance_of_moments",
    "holm",
    "inception_score",
    "infidelity",
    "insertion_deletion_auc",
    "interventional_robustness",
    "k_means",
    "kernel_distance",
    "max_sensitivity",
    "mean_estimate",
    "mean_interval",
    "median_interval",
    "medoids",
    "mode_coverage",
    "model_randomisation",
    "modularity",
    "moments",
    "mutual_information",
    "mutual_information_gap",
    "nearest_centre",
    "nearest_neighbours",
    "neighbour_coverage",
    "paired_bootstrap_interval",
    "pairwise_diversity",
    "perceptual_path_length",
    "pixel_flipping",
    "prdc",
    "r_squared",
    "rank_agreement",
    "ratio_of_shares",
    "replicate_interval",
    "reverse_kl",
    "ridge_r2",
    "sap_score",
    "share_above_quantile",
    "share_estimate",
    "share_intervals",
    "shuffled_codes",
    "sliced_wasserstein",
    "sparseness",
    "stability_over_seeds",
    "subsample_interval",
    "swap_infidelity",
    "swap_patches",
    "swapped_in_order",
    "vendi_score",
]
