"""Do codes follow known factors one to one? Eight measures that ask it in different ways.

What each fault costs each measure, for four independent factors of four values:

| measure | one to one | spread | together | copied | lost | turned by 45° | turned by 15° | noise |
|---|---|---|---|---|---|---|---|---|
| `mutual_information_gap` | 1.00 | 0.75 | 1.00 | 0.75 | 0.75 | 0.50 | 0.50 | 0.00 |
| `dci disentanglement` | 1.00 | 1.00 | 0.75 | 1.00 | 0.60 | 0.75 | 1.00 | 0.00 |
| `dci completeness` | 1.00 | 0.89 | 1.00 | 0.89 | 0.76 | 0.75 | 1.00 | 0.00 |
| `dci informativeness` | 1.00 | 1.00 | 1.00 | 1.00 | 0.79 | 1.00 | 1.00 | 0.24 |
| `factor_vae_score` | 1.00 | 1.00 | 0.76 | 1.00 | 0.76 | 0.76 | 1.00 | 0.24 |
| `beta_vae_score` | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 | 0.76 | 1.00 | 0.23 |
| `sap_score` | 0.76 | 0.57 | 0.50 | 0.57 | 0.57 | 0.38 | 0.63 | 0.02 |
| `modularity` | 1.00 | 1.00 | 0.89 | 1.00 | 1.00 | 0.83 | 0.83 | 0.29 |
| `explicitness` | 1.00 | 1.00 | 0.89 | 1.00 | 0.87 | 1.00 | 1.00 | 0.51 |
| `interventional_robustness` | 1.00 | 1.00 | 0.92 | 1.00 | 1.00 | 0.71 | 0.88 | 0.36 |

One to one: each code is a factor. Spread: two codes hold one factor, half each. Together: one code holds two
factors. Copied: a fifth code repeats the first. Lost: no code holds one of the factors. Turned: two of the codes
are a rotation of two factors. Noise: the codes know nothing.

**What none of them can conclude.** They compare codes with factors that are *known*. Without factors,
disentangled codes can't be told from entangled ones with the same distribution, by any measure: that is a
theorem (Locatello et al. 2019, arXiv 1811.12359, theorem 1). In the same study's 12,000 models the measures
agreed only in part, seeds and settings moved them more than the method did, and better scores did not go
with easier learning afterwards. So a score says that these codes follow these factors, on these samples, in the
way that this measure asks; report more than one, over several seeds, each beside its value for
`shuffled_codes`.
"""

from ganlens.measures.disentanglement.beta_vae import BetaVAEScore, beta_vae_score
from ganlens.measures.disentanglement.dci import DCI, ImportanceScores, dci, dci_from_importances
from ganlens.measures.disentanglement.discretise import discretise
from ganlens.measures.disentanglement.factor_vae import FactorVAEScore, factor_vae_score
from ganlens.measures.disentanglement.information import entropies, mutual_information
from ganlens.measures.disentanglement.interventional_robustness import (
    InterventionalRobustness,
    interventional_robustness,
)
from ganlens.measures.disentanglement.known_factors import shuffled_codes
from ganlens.measures.disentanglement.modularity import Explicitness, Modularity, explicitness, modularity
from ganlens.measures.disentanglement.mutual_information_gap import (
    MutualInformationGap,
    mutual_information_gap,
)
from ganlens.measures.disentanglement.sap import SAPScore, sap_score
from ganlens.measures.disentanglement.shared_factor import GroupDraw, draw_from_table

__all__ = [
    "DCI",
    "BetaVAEScore",
    "Explicitness",
    "FactorVAEScore",
    "GroupDraw",
    "ImportanceScores",
    "InterventionalRobustness",
    "Modularity",
    "MutualInformationGap",
    "SAPScore",
    "beta_vae_score",
    "dci",
    "dci_from_importances",
    "discretise",
    "draw_from_table",
    "entropies",
    "explicitness",
    "factor_vae_score",
    "interventional_robustness",
    "modularity",
    "mutual_information",
    "mutual_information_gap",
    "sap_score",
    "shuffled_codes",
]
