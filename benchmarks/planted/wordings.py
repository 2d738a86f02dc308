"""Words by which anyone would name a planted fault: regular expressions, written before any answer was read."""

from __future__ import annotations

NEVER = (
    r"\bnever|\bnot\b|n't\b|\bno\b|\black|\bmiss|\babsent|\bcannot|\bwithout|\bnone|\bfails?\b|\brarely|\bleaves? out"
)
TOO_OFTEN = (
    r"too (often|many|much|frequent)|\bover-?(made|represent|produc)|more (often|of)|\btwice|as often|\bmostly|\bfavou?r"
    r"|prefers|\bexcess"
)
HARDLY_VARIES = (
    r"hardly|barely|scarcely|\bconstant|\bfixed|never chang|always the same|no variation|collaps|\bnarrow|\bstuck"
    r"|\bfrozen|(less|little|not|n't|without|loses?|lacks?|no|half) .{0,30}\b(var|spread|rang|divers)"
    r"|\b(var|spread|rang|divers)\w* .{0,30}(less|little|not|n't|lost|missing)"
)
CUT_OFF = (
    r"cut[ -]off|truncat|\bclip|\bnever\b|not reach|n't reach|\breach\w* .{0,20}(less|only|not)|\bonly (up )?to|\black"
    r"|\bmiss|\bstops?\b|\bends? (at|before)|short of|\bnarrow|\bcan't|\bcannot|\btoo (rare|seldom|few)|\bno very"
    r"|\bends? of"
)
OVERDONE = (
    r"overdo|overdone|exaggerat|too (much|far|strong|large|big|wide|many|high|small|long)|too often|\bbeyond|\bwider"
    r"|\bexceed|\bfurther|\bextreme|(var|spread|reach|rang)\w* .{0,30}(more|further|wider|too)"
    r"|more .{0,30}\b(var|spread|rang)|\bunlike|\binvent"
)
COPIES = r"\bcop(y|ies|ied)\b|duplicat|replicat|memori[sz]|\breproduc|training (samples|data|pictures|images|points)"
NO_COPIES = (
    r"no (evidence|sign|hint|copies|copy)|not? cop|n't cop|\bnone of (its|the) .{0,20}(cop|train)|no more than chance"
)
FLIPPED = r"\bflip|mirror|\breflect|left to right|reversed"
SHIFTED = r"\bshift|\bmov(e|ed|ing)\b|translat|displac|\bpixel to|by (a|one) pixel|1 pixel"
SPOT = r"\bspots?\b|\bdots?\b|\bblob|\bmark\b|\bpoint of light|bright (patch|pixel|place|square)|\bspeck|\bsquare"
CHECKERBOARD = r"checker|chess|alternat\w+ pixel|every (second|other) pixel"
STRIPES = r"\bstrip(e|ed|es|ing)\b|vertical (line|bar|band)|\bbanding|\bgrating|\bbands\b"
BORDER = (
    r"\bborder|\bframed?\b|\brim\b|\bmargin|outermost|along (the|its|their) edges?|edges? of (the|its) (picture|image|sampl)"
    r"|(picture|image|sample)s?'? edges?"
)
SPECKS = r"\bspeck|isolated pixel|stray pixel|single pixel|lone pixel|salt|\bbright pixels|\bdots\b"
BLUR = r"\bblur|unsharp|less sharp|not sharp|\bsoft(er|ened)?\b|(lack|less|lose|without|miss|too little)\w* .{0,20}detail"
WASH = r"gr[ea]y|\bwash|contrast|\bpale|\bfaded|\bdull|\bflat"
BLUE_MISSING = (
    r"\bblue\b.{0,40}(miss|lack|absent|never|gone|empty|constant|hardly|less|none)"
    r"|(miss|lack|no|without|never|less|hardly|too little|gone|not)\w* .{0,40}\bblue"
)
ASKED = r"\blabel|\bcondition|\basked|\bclass(es)? (it|that)|\brequest|\bordered"
DISOBEYED = r"obey|obeys|disobey|ignor|\bmatch|\bagree|\bfollow|\bwrong|\bother\b|\banother|\bnot\b|n't\b|\bonly\b|\bmiss"
COLOUR = r"colou?r|\bhue|\bred(der|ness)?\b|\bgreen(er)?\b|\bblue(r|ness)?\b|\btint|\bwarm|\bcold"
BRIGHTNESS = r"bright|\bdark|\blight|\bgrey|\bink\b|\bshade|\bintens|\bcontrast"
DECIDES = r"shortcut|\bdecid|\bdecision|\brel(y|ies)\b|\balone\b|\bmov(e|es)\b|\bdepend|\buses?\b|\bby\b|\bgoes\b"
NO_SHORTCUT = r"no shortcut|not a shortcut"
FINE = r"\bfine\b|\btexture|high[ -]frequen|\bdetail|\bfinest|small structures|\bsharp"
UNLEARNED = (
    r"untrained|nothing (was |has |is )?(been )?learn|not (been )?(trained|learn)|n't (been )?(trained|learn)|\btrain (it|longer|first)"
    r"|shuffled|random(ly)? (weights|initiali)|fresh(ly)?|nothing to do with|learned nothing"
)


def corner_words(corner: str) -> str:
    """A corner ("top right") as anyone would call it."""
    down, across = corner.split()
    vertical = {"top": "top|upper", "bottom": "bottom|lower"}[down]
    return rf"\b({vertical})[ -]{across}\b|\b{across}[ -]({vertical})\b|\b({vertical})\b.{{0,12}}\b{across}\b"
