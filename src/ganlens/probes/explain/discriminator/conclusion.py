"""What a discriminator's explanation amounts to: the ordered list of rules that judge it."""

from __future__ import annotations

from ganlens.probes.explain.discriminator.evidence import Evidence
from ganlens.rules import Rule, Rules, Verdict, always

RULES = Rules(
    Evidence,
    Rule(
        "judges-by-neighbours",
        lambda e: e.neighbours > e.settings.neighbours,
        Verdict.NOT_BELIEVABLE,
        claim="The discriminator judges a sample by its neighbours; no map explains that.",
        detail="A sample's number changes with the others in its batch by {neighbours_in_percent} of the numbers' "
        "spread; up to {settings.neighbours:.0%} a map of one sample says something.",
        advice="Give a discriminator that judges each sample alone, without minibatch statistics or batch "
        "normalisation in training mode.",
    ),
    Rule(
        "answers-otherwise",
        lambda e: not e.repeatable,
        Verdict.NOT_BELIEVABLE,
        claim="The discriminator answers otherwise each time, so nothing can be explained.",
        detail="It gives the same samples other numbers at every call, so no map of one sample explains it.",
        advice="Take out what draws random numbers, such as dropout or noise that is on in evaluation mode.",
    ),
    Rule(
        "unusable-numbers",
        lambda e: e.unusable > 0,
        Verdict.NOT_BELIEVABLE,
        claim="The discriminator returns {unusable_as}; nothing is explained.",
        detail="It does so for {unusable:,} of {scored:,} samples, so there is nothing to explain.",
        advice="Its training has diverged, or it expects other values than it is given: take an earlier checkpoint, or "
        "check `--discriminator-range`",
    ),
    Rule(
        "one-number",
        lambda e: e.constant is not None,
        Verdict.NOT_BELIEVABLE,
        claim="The discriminator gives every sample one number: nothing to explain.",
        detail="Each of {scored:,} samples, real or generated, is given {constant:.4g}.",
        advice="Check that its trained weights were loaded, and that it gets the values it was trained on: "
        "`--discriminator-range`",
    ),
    Rule(
        "no-map",
        lambda e: not e.ranked and not e.part_leads,
        Verdict.NOT_BELIEVABLE,
        claim="No method gives a map of this discriminator.",
        detail="The first reason is this: {first_left_out}.",
    ),
    Rule(
        "no-method-believed",
        lambda e: not e.believed and not e.part_leads,
        Verdict.NOT_BELIEVABLE,
        claim="No map of the discriminator passes its checks: believe none.",
        detail="The best of {methods} methods is {best.title}, but {best_fault}{nor_a_part}.",
        advice="Show none of the maps as a reason; why each method fails stands in the table.",
    ),
    Rule(
        "few-different-samples",
        lambda e: e.different < e.settings.fewest_different,
        Verdict.CAUTION,
        claim="Only {different_samples} explained: this holds of no others.",
        detail="Of the {explained} generated samples that it finds most fake only {different} differ, and "
        "{settings.fewest_different} are needed to speak of a kind of samples.",
        advice="See how few samples the generator makes: `ganlens probe diversity SUBJECT`",
    ),
    Rule(
        "not-checked-with-shuffled-weights",
        lambda e: bool(e.unchecked) and not e.part_leads,
        Verdict.CAUTION,
        claim="Where the discriminator looks is shown, but not checked with shuffled weights.",
        detail="It looks {looks_at}, where {share:.0%} of the attribution lies in {area:.0%} of the picture; the check "
        "is missing, because {unchecked}.",
        advice="Give the discriminator as a module that can be copied with its weights: "
        "`--discriminator python:MODULE:CALLABLE`",
    ),
    Rule(
        "looks-at-the-batch",
        lambda e: e.neighbours > 0,
        Verdict.CAUTION,
        claim="The discriminator looks at the whole batch beside the sample.",
        detail="A sample's number changes with its neighbours by {neighbours_in_percent} of the numbers' spread, so "
        "what it can tell or has by heart is not said.",
        advice="Take the maps for a hint, or give a discriminator without minibatch statistics or batch "
        "normalisation in training mode.",
    ),
    Rule(
        "learned-by-heart",
        lambda e: e.learned is not None and e.learned.low > 0.5,
        Verdict.CAUTION,
        claim="The discriminator has learned some training samples by heart.",
        detail="It ranks training samples above held-out ones in {learned.value:.0%} of pairs, where half would be "
        "chance.",
        advice="Train with augmentation or on more samples, and see whether the generator copies: "
        "`ganlens probe memorisation SUBJECT`",
    ),
    Rule(
        "goes-by-one-part-alone",
        lambda e: e.alone,
        Verdict.CAUTION,
        claim="The discriminator goes by {part} alone.",
        detail="Where two samples share that and nothing else, {left:.0%} is left of the number's change from one to "
        "the other; one to which every value counts alike would keep {left_otherwise:.0%}.",
        advice="What generated samples get wrong elsewhere it can't see, nor teach: give it a body that looks at the "
        "whole sample, or train it on with its input intact.",
    ),
    Rule(
        "ranks-generated-higher",
        lambda e: e.told_apart is not None and e.told_apart.high < 0.5,
        Verdict.CAUTION,
        claim="The discriminator finds generated samples more real than real ones.",
        detail="A real sample wins {told_apart.value:.0%} of pairs, where half would be chance: either the generator "
        "fools it, or its number means “fake”.",
        advice="If its number means “fake”, give it with the sign turned; if not, its maps show what no longer tells "
        "samples apart: take the discriminator of an earlier checkpoint.",
    ),
    Rule(
        "cannot-tell",
        lambda e: e.told_apart is not None and not e.surely_ranks_real_higher and not e.sees_damage,
        Verdict.CAUTION,
        claim="The discriminator can't tell generated nor damaged samples from real ones.",
        detail="A real sample wins {told_apart.value:.0%} of pairs with generated ones, with an interval from "
        "{told_apart.low:.0%} to {told_apart.high:.0%} that holds chance, a half.",
        advice="Its maps show what no longer tells samples apart: take the discriminator of an earlier checkpoint.",
    ),
    Rule(
        "goes-mostly-by-one-part",
        lambda e: e.part_leads,
        Verdict.GOOD,
        claim="The discriminator goes mostly by {part}.",
        detail="Where two samples share that and nothing else, {left:.0%} is left of the number's change from one to "
        "the other; one to which every value counts alike would keep {left_otherwise:.0%}.",
    ),
    Rule(
        "no-one-part",
        lambda e: not e.foretells_enough and e.no_one_part,
        Verdict.GOOD,
        claim="No one part decides for the discriminator; its maps tell little.",
        detail="The foremost part, {part}, does away with {foremost.self_score:.0%} of a blind judge's error and the "
        "best map with {best.self_score:.0%}; {settings.least_self_score:.0%} would be most of it.",
    ),
    Rule(
        "foretells-little",
        lambda e: not e.foretells_enough,
        Verdict.CAUTION,
        claim="Even the best map foretells little of what the discriminator does.",
        detail="The best method, {best.title}, does away with {best.self_score:.0%} of the error of a map that knows "
        "nothing; {settings.least_self_score:.0%} would be most of it.",
        advice="Cover the places in question and ask the discriminator again before acting on a map.",
    ),
    Rule(
        "looks-at-little",
        lambda e: e.area < e.settings.narrow,
        Verdict.CAUTION,
        claim="The discriminator looks at little: {where}.",
        detail="{share:.0%} of the attribution lies in {area:.0%} of the picture; {area_otherwise}.",
        advice="See whether real and generated samples differ there in something trivial, such as a border or a "
        "mark; if so, crop it and train again.",
    ),
    Rule(
        "looks-where-samples-differ",
        lambda e: e.of_the_samples,
        Verdict.GOOD,
        claim="The discriminator looks where its samples differ, whatever it learned.",
        detail="At the same place, {where}, {share:.0%} of the attribution lies in {area:.0%} of the picture; "
        "{area_otherwise}.",
    ),
    Rule(
        "looks-at",
        always,
        Verdict.GOOD,
        claim="The discriminator looks {looks_at}.",
        detail="There {share:.0%} of the attribution, what makes it call samples fake, lies in {area:.0%} of the "
        "picture; {area_otherwise}.",
    ),
)
