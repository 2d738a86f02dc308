"""What the counterfactuals amount to: the numbers with their baselines, and the rules that say what they mean."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from torch import Tensor

from ganlens.explain.attribution.places import place_of
from ganlens.explain.counterfactuals.comparison import Comparison
from ganlens.explain.counterfactuals.evaluation import Attempt, Scores
from ganlens.explain.counterfactuals.judge import Judge
from ganlens.explain.counterfactuals.search_space import Question, SearchSpace
from ganlens.explain.counterfactuals.starts import Starts
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, binomial_interval, share_estimate
from ganlens.probes.class_names import quoted
from ganlens.probes.explain.counterfactuals.settings import CounterfactualSettings
from ganlens.rules import Rule, Rules, Verdict, always

NO_PLACE = ("no one part of the picture", "the middle quarter", "the centre")
"""Where most pictures have their subject, so that nothing is said by naming it."""

NO_INTERVAL = "none: a mean over samples that the search chose by reaching their class"


@dataclass(frozen=True)
class Evidence:
    """What the verdict rests on.

    Attributes:
        settings: the probe's.
        redrawn: share of the samples that keep their class when the generator redraws them.
        search, adversarial, random: scores of the latent search, and of adversarial changes and random directions of
            its sizes.
        advantage: by how much the judge sees the wanted class more often than in adversarial samples; None where that
            can't be said.
        no_judge: why there is no independent judge; empty where there is one.
        wanted: the class asked for, or how many.
    """

    settings: CounterfactualSettings
    redrawn: float
    search: Scores
    adversarial: Scores
    random: Scores
    advantage: Estimate | None
    no_judge: str
    wanted: str

    @property
    def asked(self) -> int:
        return len(self.search.valid)

    @property
    def flipped(self) -> int:
        return int(self.search.valid.sum())

    @property
    def distance(self) -> float:
        """Mean length of the ways, in standard deviations of the latent space."""
        return self.search.latent or 0.0

    @property
    def agreement(self) -> float:
        """Share of the flips in which the judge sees the wanted class."""
        return self.search.agreement or 0.0

    @property
    def agreement_with_adversarial(self) -> float:
        """The same of adversarial changes of the same samples."""
        if self.adversarial.agreed is None or not self.flipped:
            return 0.0
        return float(self.adversarial.agreed[self.search.valid].double().mean())

    @property
    def surely_agreed(self) -> bool:
        """Whether the judge surely agrees with enough flips, whatever it sees in adversarial samples."""
        agreed = round(self.agreement * self.flipped)
        return self.flipped > 0 and binomial_interval(agreed, self.flipped).low > self.settings.enough_agreed

    @property
    def no_better_than_adversarial(self) -> bool:
        return self.advantage is not None and self.advantage.low <= 0 and not self.surely_agreed

    @property
    def more_steps(self) -> int:
        """What to ask for where the search does not arrive."""
        return 4 * self.settings.steps

    @property
    def more_samples(self) -> int:
        """What to ask for where too few are left."""
        return min(1024, 4 * self.settings.count)


RULES = Rules(
    Evidence,
    Rule(
        "redrawing-flips",
        lambda e: e.redrawn < e.settings.enough_redrawn,
        Verdict.NOT_BELIEVABLE,
        claim="Redrawing alone changes too many samples' classes to explain any flip.",
        detail="Only {redrawn:.0%} of the samples keep their class when the generator redraws them, and "
        "{settings.enough_redrawn:.0%} are needed, or most flips would be the inversion's.",
        advice="Explain generated samples, which need no redrawing: "
        "`ganlens probe counterfactuals SUBJECT --of generated`",
    ),
    Rule(
        "no-better-than-adversarial",
        lambda e: e.no_better_than_adversarial,
        Verdict.NOT_BELIEVABLE,
        claim="Its counterfactuals convince a judge no more than adversarial changes do.",
        detail="An independent judge sees the wanted class in {agreement:.0%} of them, and in "
        "{agreement_with_adversarial:.0%} of adversarial samples changed by as much; the interval of the difference "
        "begins at {advantage.low:+.0%}.",
        advice="Show none of these pictures as a reason; what the classifier goes by, over all samples, tells "
        "`ganlens probe classifier SUBJECT`",
    ),
    Rule(
        "none-found",
        lambda e: not e.flipped,
        Verdict.CAUTION,
        claim="No way in the latent space leads to the class wanted.",
        detail="From none of {asked} samples did the search reach {wanted}; it should from "
        "{settings.enough_flipped:.0%}.",
        advice="Search longer, and accept flips that the classifier is less sure of: "
        "`ganlens probe counterfactuals SUBJECT --steps {more_steps} --confidence 0.6`",
    ),
    Rule(
        "without-a-judge",
        lambda e: bool(e.no_judge),
        Verdict.CAUTION,
        claim="Decisions can be flipped; whether believably, nobody independent could judge.",
        detail="Of {asked} decisions {flipped} flip, and random directions of that length flip "
        "{random.validity:.0%}; there is no judge, because {no_judge}.",
        advice="Give data with labels of the classifier's own classes, on which an independent judge can be trained: "
        "`ganlens probe counterfactuals SUBJECT --data DATA`",
    ),
    Rule(
        "too-few-to-judge",
        lambda e: e.advantage is None,
        Verdict.CAUTION,
        claim="Too few decisions were flipped for a judge to say anything.",
        detail="Of {asked} decisions {flipped} flip; to hold them against adversarial changes "
        "{settings.fewest} are needed.",
        advice="Ask about more samples: `ganlens probe counterfactuals SUBJECT --count {more_samples}`",
    ),
    Rule(
        "few-flipped",
        lambda e: e.search.validity < e.settings.enough_flipped,
        Verdict.CAUTION,
        claim="It finds a way to only {search.validity:.0%} of the flips wanted.",
        detail="A judge sees the wanted class in {agreement:.0%} of those found, and in "
        "{agreement_with_adversarial:.0%} of adversarial samples changed by as much; good is a flip for "
        "{settings.enough_flipped:.0%} of the samples.",
        advice="Search longer, and accept flips that the classifier is less sure of: "
        "`ganlens probe counterfactuals SUBJECT --steps {more_steps} --confidence 0.6`",
    ),
    Rule(
        "half-believed",
        lambda e: e.agreement < e.settings.enough_agreed,
        Verdict.CAUTION,
        claim="A judge sees the class wanted in only {agreement:.0%} of flips.",
        detail="In adversarial samples changed by as much it does in {agreement_with_adversarial:.0%}; good are "
        "{settings.enough_agreed:.0%}.",
        advice="Take no single picture for a reason unseen; what the classifier goes by, over all samples, tells "
        "`ganlens probe classifier SUBJECT`",
    ),
    Rule(
        "believable",
        always,
        Verdict.GOOD,
        claim="Believable changes flip {search.validity:.0%} of the classifier's decisions.",
        detail="They lie {distance:.1f} standard deviations off in the latent space, and a judge sees the wanted class "
        "in {agreement:.0%} of them (in {agreement_with_adversarial:.0%} of adversarial samples changed by as much).",
    ),
)


@dataclass(frozen=True)
class Results:
    """All that was computed.

    Attributes:
        comparison: the searches and the baselines.
        scores: of each attempt, by its name.
        starts: the samples, those that can't be asked about among them.
        question: about the others.
        redrawn: these as the generator draws them [n, …].
        judge: or why there is none.
    """

    comparison: Comparison
    scores: dict[str, Scores]
    starts: Starts
    question: Question
    redrawn: Tensor
    judge: Judge | str
    space: SearchSpace

    @property
    def searches(self) -> list[Attempt]:
        """The attempts that are no baselines."""
        return [attempt for attempt in self.comparison.attempts if attempt.answers is not None]

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.space.classifier.class_names

    def evidence(self, settings: CounterfactualSettings, advantage: Estimate | None) -> Evidence:
        """What of this the verdict rests on."""
        targets = self.question.targets.unique().tolist()
        single = len(targets) == 1
        return Evidence(
            settings,
            float(self.starts.kept.double().mean()),
            self.scores["latent"],
            self.scores["adversarial"],
            self.scores["random"],
            advantage,
            self.judge if isinstance(self.judge, str) else "",
            f"the class {quoted(self.class_names[targets[0]])}"
            if single
            else f"any of {len(targets)} classes",
        )


def remarks(results: Results, evidence: Evidence) -> list[str]:
    """What a careful reader should know besides; nothing where the self-check failed or nothing was found."""
    conclusion = RULES.conclude(evidence)
    if conclusion.verdict is Verdict.NOT_BELIEVABLE or not evidence.flipped:
        return []
    return [_commonest_flip(results), _place(results), _other_searches(results), _left_out(results)]


def _commonest_flip(results: Results) -> str:
    """From which class to which, where one flip is commoner than others."""
    valid, names = results.scores["latent"].valid, results.class_names
    sources, targets = (
        classes[valid].tolist() for classes in (results.question.sources, results.question.targets)
    )
    pairs = Counter(zip(sources, targets, strict=True))
    (source, target), count = pairs.most_common(1)[0]
    if count == 1 and len(pairs) > 1:
        return ""
    return f"{'All' if len(pairs) == 1 else 'Most'} of the flips are from {names[source]} to {names[target]}."


def _place(results: Results) -> str:
    """The part of the picture that changes, where there is one."""
    valid = results.scores["latent"].valid
    change = (results.comparison.attempts[0].samples - results.redrawn)[valid].abs()
    if not results.space.subject.modality.picture_like:
        return ""
    place = place_of(change.mean(dim=(0, 1)))
    if place is None or place.where in NO_PLACE:
        return ""
    return f"What changes lies mostly in {place.where}."


def _other_searches(results: Results) -> str:
    shares = [
        f"the {attempt.title} flips {results.scores[attempt.name].validity:.0%}"
        for attempt in results.searches[1:]
    ]
    if not shares:
        return ""
    uses = results.comparison.uses
    name = max(uses, key=uses.__getitem__, default="")
    most_used = f"; {uses[name]:.0%} of the flips by attributes use {name}" if name and uses[name] else ""
    return f"Of the same samples {' and '.join(shares)}{most_used}."


def _left_out(results: Results) -> str:
    excluded = int((~results.starts.kept).sum())
    if not excluded:
        return ""
    return (
        f"{excluded} of {len(results.starts.kept)} samples were left out: redrawing them changed their class."
    )


def measurements(results: Results, evidence: Evidence) -> list[Measurement]:
    """Every number beside its baseline."""
    scores, total = results.scores, len(results.question)
    kept = int(results.starts.kept.sum())
    lines = [
        share_estimate(kept, len(results.starts.kept)).measurement(
            "share of samples that keep their class when redrawn",
            better="higher",
            baseline=1.0,
            what="generated samples, redrawn from their own latents",
        )
    ]
    for attempt in results.searches:
        score = scores[attempt.name]
        lines.append(
            share_estimate(int(score.valid.sum()), total).measurement(
                f"validity, {attempt.title}",
                better="higher",
                baseline=scores["random"].validity,
                what="random directions of the latent search's length",
            )
        )
        lines += _of_valid(attempt, score, scores)
    gain = evidence.advantage
    if gain is not None:
        lines.append(
            gain.measurement(
                "judge's agreement with the latent search above that with adversarial samples",
                better="higher",
                baseline=0.0,
                what="adversarial change of the same size",
                unit="share of counterfactuals",
            )
        )
    return lines


def _of_valid(attempt: Attempt, score: Scores, scores: dict[str, Scores]) -> list[Measurement]:
    """The measures that only valid counterfactuals have."""
    lines = []
    real, blend = scores["nearest_real"], scores["blend"]
    if score.agreement is not None:
        valid = int(score.valid.sum())
        agreed = round(score.agreement * valid)
        lines.append(
            Estimate(score.agreement, binomial_interval(agreed, valid)).measurement(
                f"judge's agreement, {attempt.title}",
                better="higher",
                baseline=scores["adversarial"].agreement or 0.0,
                what="adversarial samples of the latent search's size",
            )
        )
    for name, unit, value, reference in (
        ("distance L2", "", score.l2, real.l2),
        ("values changed", "share", score.sparsity, real.sparsity),
    ):
        if value is not None and reference is not None:
            lines.append(
                Estimate(value, NO_INTERVAL).measurement(
                    f"{name}, {attempt.title}",
                    better="lower",
                    baseline=reference,
                    what="the nearest real sample of the class",
                    unit=unit,
                )
            )
    if score.realism is not None and score.reference is not None:
        lines.append(
            Estimate(score.realism, "none: too few counterfactuals for one that is valid").measurement(
                f"Fréchet distance to real samples of the class, {attempt.title}",
                better="lower",
                baseline=score.reference,
                what="as many real samples of a disjoint half",
            )
        )
    if score.cout is not None and blend.cout is not None:
        lines.append(
            Estimate(score.cout, NO_INTERVAL).measurement(
                f"COUT, {attempt.title}",
                better="higher",
                baseline=blend.cout,
                what="blending with the mean real sample of the class",
            )
        )
    return lines
