"""Words by which anyone would name a planted fault: regular expressions, written before any answer was read.

They were made stricter once since then (bare "not", "by", "other" no longer count), and never wider.
"""

from __future__ import annotations


def one_of(*patterns: str) -> str:
    """A pattern that matches where any of these does."""
    return "|".join(patterns)


NEVER = one_of(
    r"\bnever|\bnone\b|\bno (samples?|pictures?|points?)\b|\bnot (made|generated|produced|drawn)|\bwithout",
    r"(cannot|can't|can not|does not|doesn't|fails? to) (make|draw|generate|produce|redraw)|\bleaves? out",
    r"\black|\bmiss|\babsent|\brarely|\btoo (rare|seldom|few)",
)
TOO_OFTEN = one_of(
    r"too (often|many|much|frequent)|more (often|of)|\btwice|as often|\bmostly|\bexcess",
    r"\bover-?(made|represent|produc)|\bfavou?r|prefers",
)
VARY = r"\b(var|spread|rang|divers)\w*"
HARDLY_VARIES = one_of(
    r"hardly|barely|scarcely|\bconstant|\bfixed|never chang|always the same|no variation",
    r"collaps|\bnarrow|\bstuck|\bfrozen",
    rf"(less|little|not|n't|without|loses?|lacks?|no|half) .{{0,30}}{VARY}",
    rf"{VARY} .{{0,30}}(less|little|not|n't|lost|missing)",
)
CUT_OFF = one_of(
    r"cut[ -]off|truncat|\bclip|\bstops?\b|\bends? (at|before|of)|short of",
    r"\bnever\b|not reach|n't reach|\breach\w* .{0,20}(less|only|not)|\bonly (up )?to",
    r"\black|\bmiss|\b(can't|cannot) (make|draw|reach)|\btoo (rare|seldom|few)|\bno very",
)
OVERDONE = one_of(
    r"overdo|overdone|exaggerat|too (much|far|strong|large|big|wide|many|high|small|long|often)",
    r"\bbeyond|\bwider|\bexceed|\bfurther|\bextreme",
    rf"{VARY} .{{0,30}}(more|further|wider|too)",
    rf"more .{{0,30}}{VARY}",
)
COPIES = one_of(
    r"\bcop(y|ies|ied)\b|duplicat|replicat|memori[sz]|\breproduc",
    r"training (samples|data|pictures|images|points)",
)
NO_COPIES = one_of(
    r"no (evidence|sign|hint|copies|copy)|not? cop|n't cop|no more than chance",
    r"\bnone of (its|the) .{0,20}(cop|train)",
)
FLIPPED = r"\bflip|mirror|\breflect|left to right|reversed"
SHIFTED = r"\bshift|\bmov(e|ed|ing)\b|translat|displac|\bpixel to|by (a|one) pixel|1 pixel"
TORN = r"\btorn|\btears?\b|\bjump|\bleap|\babrupt|\bat once\b|\bnot smooth|n't smooth"
SPOT = one_of(
    r"\bspots?\b|\bdots?\b|\bblob|\bmark\b|\bspeck|\bsquare|point of light",
    r"bright (patch|pixel|place|square)",
)
CHECKERBOARD = r"checker|chess|alternat\w+ pixel|every (second|other) pixel"
STRIPES = r"\bstrip(e|ed|es|ing)\b|vertical (line|bar|band)|\bbanding|\bgrating|\bbands\b"
BORDER = one_of(
    r"\bborder|\bframed?\b|\brim\b|\bmargin|outermost|along (the|its|their) edges?",
    r"edges? of (the|its) (picture|image|sampl)|(picture|image|sample)s?'? edges?",
)
SPECKS = r"\bspeck|isolated pixel|stray pixel|single pixel|lone pixel|salt|\bbright pixels|\bdots\b"
BLUR = one_of(
    r"\bblur|unsharp|less sharp|not sharp|\bsoft(er|ened)?\b",
    r"(lack|less|lose|without|miss|too little)\w* .{0,20}detail",
)
WASH = r"gr[ea]y|\bwash|contrast|\bpale|\bfaded|\bdull|\bflat"
BLUE_MISSING = one_of(
    r"\bblue\b.{0,40}(miss|lack|absent|never|gone|empty|constant|hardly|less|none)",
    r"(miss|lack|no|without|never|less|hardly|too little|gone|not)\w* .{0,40}\bblue",
)
ASKED = r"\blabel|\bcondition|\basked|\bclass(es)? (it|that)|\brequest|\bordered"
DISOBEYED = one_of(
    r"obey|ignor|\bmatch|\bagree|\bfollow",
    r"\bwrong|\bother (class|kind|label)|\banother|\bonly \d",
)
COLOUR = r"colou?r|\bhue|\bred(der|ness)?\b|\bgreen(er)?\b|\bblue(r|ness)?\b|\btint|\bwarm|\bcold"
BRIGHTNESS = r"bright|\bdark|\blight|\bgrey|\bink\b|\bshade|\bintens|\bcontrast"
DECIDES = one_of(
    r"shortcut|\bdecid|\bdecision|\brel(y|ies)\b|\balone\b",
    r"\bdepend|\buses?\b|\bgoes by\b|\blooks? at\b",
)
NO_SHORTCUT = r"no shortcut|not a shortcut"
FINE = r"\bfine\b|\btexture|high[ -]frequen|\bdetail|\bfinest|small structures|\bsharp"
UNLEARNED = one_of(
    r"untrained|nothing (was |has |is )?(been )?learn|learned nothing|nothing to do with",
    r"(not|n't) (been )?(trained|learn)|\btrain (it|longer|first)",
    r"(than|as) .{0,20}(shuffled|random|fresh|untrained)",
)


def corner_words(corner: str) -> str:
    """A corner ("top right") as anyone would call it."""
    down, across = corner.split()
    vertical = {"top": "top|upper", "bottom": "bottom|lower"}[down]
    return one_of(
        rf"\b({vertical})[ -]{across}\b",
        rf"\b{across}[ -]({vertical})\b",
        rf"\b({vertical})\b.{{0,12}}\b{across}\b",
    )
