"""Words by which a text tells a property: a lexicon for `prompts.parsing`.

Patterns are for text in lower case in which what a property can be about was replaced
by marks (see `prompts.mentions`): ``<V>`` variables, ``<O>`` operators, ``<F>`` a
formula, ``<N>`` a number. Negation is told apart from them: where it belongs to a
property ("never blows up") the cue is listed as one that needs it.
"""

from __future__ import annotations

# What else people call the operators, beside the nouns that training knows.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "abs": ("modulus", "absolute values"),
    "sqrt": ("root sign", "radical"),
    "log": ("logarithmic", "logs", "natural log", "log function"),
    "exp": ("exponential function", "exponentials", "e to the power"),
    "asin": ("inverse sine", "arc sine", "arc-sine", "inverse sin"),
    "acos": ("inverse cosine", "arc cosine", "arc-cosine", "inverse cos"),
    "atan": ("inverse tangent", "arc tangent", "arc-tangent", "inverse tan"),
    "sin": ("sinus",),
    "cos": ("cosinus",),
    "sinh": ("hyperbolic sin",),
    "cosh": ("hyperbolic cos",),
    "tanh": ("hyperbolic tan",),
    "division": ("divisions", "denominator", "quotients", "inv"),
    "trigonometric": ("trig", "trigonometric", "trigonometrics", "angular function"),
    "hyperbolic": ("hyperbolic", "hyperbolics", "hyperbolic functions"),
    "powers": ("raised to a power", "raised to some power", "exponentiation"),
}

# "No", said by grammar, and said by a verb or an adjective; one of each is a yes:
# "cannot be neglected".
DENIAL = (
    r"\b(?:not|no|never|none|neither|nor|nothing|nowhere|nobody|non(?!-)|hardly)\b"
    r"|\bzero\b(?=\s+<)|\bfail\w*|"
    r"\b(?:wrong|false|incorrect|invalid|nonsense|mistaken|impossible)\b"
)
EXCLUSION = (
    r"\b(?:without|blacklist\w*|(?:get|got|getting)\s+rid|scrap\w*|hate\w*|throw\w*|"
    r"avoid\w*|exclud\w*|forbid\w*|forbade|ban|bans|banned|banning|"
    r"absent|absence|free|lack\w*|omit\w*|drop(?:s|ped|ping)?(?!\s+(?:off|away|with))|"
    r"refrain\w*|disabl\w*|prohibit\w*|rul\w+\s+out|skip\w*|leav\w+\s+out|left\s+out|"
    r"leav\w+\s+(?:<v>|<o>)\s+out|take\s+out|remov\w*|(?<!turned\s)(?<!turns\s)"
    r"out(?!\s+(?:to|that|how|of\s+(?!the\s+(?:final|formula|law|equation|result|"
    r"picture|question|expression|running)|question|scope)))|(?:keep|stay|throw|"
    r"leave|put)\w*\s+(?:\w+\s+){0,3}away|(?:keep|kept|leave|left)\s+(?:[\w<>]+\s+)"
    r"{0,4}out\s+of\s+(?:it|this|that|there)|"
    r"irrelevant|unnecessary|disallow\w*|devoid|eliminat(?:e[sd]?|ing)|reject\w*|"
    r"unwanted|unacceptable|inadmissible|"
    r"useless|surpris\w*|ignor\w*|independent\w*|neglect\w*|negligible|cancel\w*|"
    r"unaffected|insensitive|invariant|discard\w*|disregard\w*|forget|redundant|"
    r"unrelated|dummy|constant\s+(?:in|with|across|along|for)|"
    r"same\s+(?:for|at|whatever)|little\s+to\s+do|minus\s+the|stop|"
    r"dispens\w*|superfluous|untouched|distract\w*|unused|missing|vanish\w*|"
    r"(?:pure|just|only|mere|nothing\s+but)\s+noise|nuisance|spurious|"
    r"(?:can|may|should|must|will)\s+go(?!\s+to)|does\s+nothing|"
    r"(?:importance|influence|effect|weight|role)\b.*\bis\s+(?:zero|nil)|"
    r"do\w*\s+away|off[- ]limits|taboo|veto\w*|spare|barred|uninfluenced)\b"
)
HEDGE = (
    r"\bmaybe\b|\bmay\b(?!\s+(?:not|be\s+(?:swap|exchang|interchang|permut|replac)\w*|"
    r"only|never|run|take|go)\b)|\bmight\b|\bperhaps\b|\bpossibly\b|"
    r"\bnot\s+necessarily\b|"
    r"\bneed\s+not\b|\bnot\s+(?:have|need)\s+to\b|\bno\s+idea\b|\bunsure\b|\bunclear\b|"
    r"\bnot\s+(?:be\s+)?(?:sure|certain|clear|know|remember|recall|"
    r"tell(?!\s+<v>))\b|\bwhether\b(?!.*\beither\s+sign)|"
    r"\bwonder\w*|\bcould\s+(?:also\s+)?be\b|\boptional\w*|\?|\bor\s+not\b|"
    r"\bswear\b|\bhunch\b|\b(?:claim|rumou?r)\w*|\bno\s+need\s+to\s+avoid|"
    r"\bnot\s+exclude\b|\bnot\s+matter\s+(?:to\s+\w+\s+)?if\b|\bif\s+possible\b|"
    r"\bunknown\s+if\b"
)
# Doubts about all that a sentence says.
DOUBT = r"(?<!no\s)\bdoubts?\b|\bcontradict\w*|\bdisagree\w*|\bhunch\b|\bguesses\b"
VIEWED = (
    r"\b(?:seen|viewed|regarded|plotted|considered|drawn)\s+(?:as|against|versus)\b"
)
# Denials that deny nothing.
IDLE_DENIALS = (
    r"\bno\s+doubt\b|\bnot\s+only\b|\bnothing\s+but\b|"
    r"\bno\s+question\b|\bnothing\s+(?:more|else)\s+than\b|\bno\s+wonder\b|"
    r"\b(?:or|to|towards?)\s+(?:nothing|zero)\b|\bno\s+surprise\b"
)

# Words that turn around what stands beside them, or shut out all else.
RESTRICTION = (
    r"\b(?:except(?:ing)?|only|solely|exclusively|other\s+than|(?:apart|aside)\s+from)"
    r"\b"
)

# Phrases of several words, said in one before a text is cut into clauses; marks that
# stand inside are kept.
_RISE = r"(?:ris(?:es?|ing)|increas\w*|grow\w*|climb\w*|go\w*\s+up|up|larger)"
_FALL = r"(?:f[ae]ll\w*|decreas\w*|shrink\w*|declin\w*|drop\w*|go\w*\s+down|down)"
IDIOMS: tuple[tuple[str, str], ...] = (
    (r"\bno\s+matter\b", "whatever"),
    (r"\b(?:feel\s+)?free\s+to\b|\bat\s+liberty\s+to\b", "allowed to"),
    (
        r"(?<=[\w>])\s+(?:(?:instead|in\s+place|in\s+lieu)\s+of|rather\s+than|"
        r"as\s+opposed\s+to)\b",
        "but not",
    ),
    (
        r"\bdrop(?:ping|ped)?\s+(?:the\s+)?"
        r"(?:(?:column|variable|input|feature)s?\s+)?(?=<V)",
        "ignore",
    ),
    (
        r"(?<=>)\s+(?:is|are|was|were|(?:has|have)\s+been|"
        r"(?:can|must|should|will)\s+be)\s+dropped\b",
        "is ignored",
    ),
    (r"\bups\s+and\s+downs\b", "oscillating"),
    (r"\bfractions?\b(?=[^.;]*<V)", "ratio"),
    (r"\bdivid(?:e|es|ing)\b(?![^.;]*<V)", "division"),
    (r"\be\s*\^\s*\w+|\be\s+to\s+the\b", "exponential"),
    (r"\b(?:gets?|is|are|be)\s+divided\b(?!\s+by\s+<V)", "has division"),
    (r"\?\s+(?=(?:none|no|never|nope)\b)", ", "),
    (r"\bplus\s+or\s+minus\b(?!\s+inf)", "either sign"),
    (r"\braised\s+to\s+(?:an?|some)\s+(?:\w+\s+)?(?:power|exponent)", "exponentiation"),
    (r"\bmay\s+or\s+may\s+not\b", "perhaps"),
    (rf"\b{_RISE}\b[^,;.]*\bor\b[^,;.]*\b{_FALL}\b", "monotone"),
    (rf"\b{_FALL}\b[^,;.]*\bor\b[^,;.]*\b{_RISE}\b", "monotone"),
    (r"\bup\s+and\s+down\b|\bover\s+and\s+over(?:\s+again)?\b", "periodic"),
    (r"\bback\s+and\s+forth\b", "oscillating"),
    (r"\bwhich\b[^.;]*<V\d+>[^.;]*\bwhich\b", "interchangeable"),
    (
        r"\bpositive\s+(?:or|and|as\s+well\s+as)\s+negative\b|"
        r"\bnegative\s+(?:or|and|as\s+well\s+as)\s+positive\b|"
        r"\bplus\s+(?:or|and)\s+minus\s+(?=<V)",
        "either sign",
    ),
    (r"\bplus\s+or\s+minus\s+infinity\b", "infinity"),
    (r"\b(?:quotient|fraction|division)s?\s+(?:of|between)(?=[^.;,]*<V)", "ratio of"),
    (r"\b(?:quotient|fraction|division)s?(?=\s+<[VF])", "ratio"),
    (r"\bnodes\s+max(?:imum)?\b|\bmax(?:imum)?(?=\s+\d+\s+nodes)", "nodes at most"),
    (r"\bdivid\w+(?:\s+by)?\s+(?:any|some)\w*(?:\s+else)?", "division"),
    (
        r"\bfloor\b[^,;.]*\b(?:ceiling|cap)\b|\bceiling\b[^,;.]*\bfloor\b|"
        r"\b(?:upper|lower)"
        r"\s+(?:and|or)\s+(?:an?\s+)?(?:lower|upper)\s+(?:bound|limit)s?",
        "bounded",
    ),
    (
        rf"\b(?:{_RISE}|growth)\b(?:\s+\w+){{0,3}}\s*,?\s+(?:and|but|that|which|"
        rf"then)\s+"
        r"(?:then\s+)?(?:level|flatten|saturat|plateau)\w*(?:\s+(?:off|out))?",
        "saturating",
    ),
)
POWER_LAW = (
    r"\bpowers?[- ]+laws?\b|\bproducts?\s+of\s+(?:\w+\s+)?powers\b|"
    r"\bpowers\s+of\s+(?:the\s+|all\s+)*(?:variables|inputs|columns|features)\b|"
    r"\bmonomials?\b|\blog-?\s*log\b|\bdoubl\w+\b[^.;]*\bfactor\b|\^\s*(?:alpha|n|k|"
    r"p|gamma|beta)\b"
)

SAME = (
    r"\bwhere\s+it\s+was\b|\ba\s+symmetry\b|\b(?:same(?!\s+(?:magnitude|size|"
    r"absolute))|unchanged|untouched|invarian\w+|unaffected|insensitive|irrelevant|"
    r"identical\w*|"
    r"indifferent|immaterial|regardless|ignor\w*|preserv\w*|equal\w*|alike)\b|"
    r"\b(?:nothing|no)\s+(?:\w+\s+)?(?:roles?|chang\w+|happen\w*|differen\w+|effect|"
    r"consequence|influence|alter\w*)|\bfreely\b|\bchang\w+\s+nothing|"
    r"\bdoes?\s+nothing|"
    r"\bnot\s+(?:be\s+)?(?:matter|change[ds]?|chang\w+|care|affect\w*|alter\w*|notice|"
    r"differ|depend|see|influence\w*|distinguish|modif\w+)\b(?!\s+(?:its\s+)?sign\b)"
)
SHIFTED = r"\b(?:shift|translat|advanc|displac)\w*|\badding\b|\bfull\s+turn"
SIGN = (
    r"\bsigns?\b|\bpolarity\b|\bopposite\b|\bnegate\b|\bnegat(?:ed|es|ing|ion)\b|"
    r"\bmirror\w*|\breflect(?:ed|ing|ion)\b|"
    r"\b(?:minus|-)\s*<v>|\brevers\w+|\bflip\w*|<v>\s*(?:->|to|by|with)\s*-"
)
TURNED = (
    r"\b(?:chang|flip|revers|switch|negat|swap|turn|opposite|minus)\w*|"
    r"->\s*minus\s*<v>"
)
SLOPE = r"\b(?:slope|derivative|gradient|rate\s+of\s+change)s?\b"

# Kinds that are about variables, in the order in which they are read; a cue that comes
# as "not: ..." counts where the clause has a denial, the others where it has none.
ABOUT_VARIABLES: dict[str, tuple[str, ...]] = {
    "monotone": (
        r"monoton\w*",
        r"\bone[- ](?:way|direction\w*)|\bonly\s+(?:in\s+)?one\s+(?:way|direction)|"
        r"\bsingle\s+direction|\bsame\s+direction|\bunidirectional\w*",
        r"(?:derivative|slope|gradient)\b.*\b(?:constant|same|one|fixed)\s+sign",
        r"not: (?:turn\w*\s+(?:around|back|point)|turning[- ]point|"
        r"chang\w+\s+direction|"
        r"revers\w+\s+(?:direction|course)|\bwiggl\w*|\bhump\w*|\bextrem(?:um|a)\b|"
        r"local\s+(?:maxim|minim)\w+|\bpeaks?\b|"
        r"(?:derivative|slope|gradient).*\bsign)",
    ),
    "periodic": (
        r"\bperiod(?:ic\w*|s|icity)?\b",
        r"\bcycl\w+",
        r"\b(?:repeat\w*|recur\w*|repetit\w+)\b",
        r"\bseasonal\w*|\bfull\s+(?:turn|revolution|circle)|\brevolutions?\b|"
        r"\bwrap\w*\s+around|\bstarts?\s+over\b|\bcomes?\s+back\b|"
        r"\b(?:each|every)\s+(?:day|year|week|month|season|turn|lap)\b",
        r"(?:oscillat\w*|\bwav(?:e|es|y)|sinusoid\w*|vibrat\w*|swings?)\s+"
        r"(?:in|with|along|over|as|when|across)\b[^,]*<v>",
    ),
    "bounded": (
        r"(?<!un)\b(?:bounded|limited|finite|confined|contained\s+between|clamped|"
        r"capped)\b|\b(?:lives?|lies?|stays?|remains?)\s+between\b|"
        r"\|\s*\w+\s*\|\s*(?:<=?|≤)",
        r"\bwithin\s+(?:\w+\s+)?(?:bounds|limits|a\s+\w*\s*(?:range|band))|"
        r"\bbetween\s+(?:<n>|fixed|finite)",
        r"not: (?:blow\w*\s+up|diverg\w*|explod\w*|infini\w+|unbounded|"
        r"(?:without|beyond)\s+(?:any\s+)?(?:limit|bound)s?|run\w*\s+away|"
        r"escap\w*|leav\w*\s+(?:an?|some|the)\s+(?:\w+\s+)?(?:interval|range|band)|"
        r"exceed\s+(?:some|a\s+certain|finite)|arbitrarily\s+large)",
    ),
    "positive": (
        r"(?<![\w-])positiv\w*\b(?!\s+(?:slope|correlat\w*|effect|influence))",
        r"\b(?:above|over|greater\s+than|larger\s+than|more\s+than|exceeds?)\s+"
        r"(?:zero|0|nil|the\s+(?:\w+\s+)?axis)\b|\babove\s+the\s+(?:\w+[- ])*axis",
        r"\bnon-?\s*negativ\w*|(?:>=?|≥)\s*0\b|\balways\s+plus\b|\bplus\s+sign\b",
        r"not: (?:\bto\s+zero\b|\bnegativ\w*(?!\s+slope)|\b(?:below|under|beneath|"
        r"less\s+than|"
        r"smaller\s+than)\s+(?:zero|0|the\s+(?:\w+[- ])*axis)|\bcross\w*\s+zero)",
    ),
}
# A hint at zero on both sides belongs to even and odd functions.
EVEN = (
    r"\beven\s*(?:(?:in|with\s+respect|functions?|symmetr\w*|as\s+a|under|about|parity|"
    r"along|and|or|for|w)\b|$|[,.])|\b(?:mirror|axis|axial|"
    r"reflection)\w*[- ]+symmetr\w*|\bmirror\s+(?:images?|lines?)\b|"
    r"\bsymmetr\w*\s+(?:about|around|w\S*\s+respect\s+to|with|at)\s+(?:the\s+)?"
    r"(?:zero|0|origin|\w+[- ]axis|vertical|<v>\s*=\s*0)|\bonly\s+(?:\w+\s+)*"
    r"(?:magnitude|absolute\s+value|modulus|size|\|)|"
    r"\bmagnitude\s+of\s+<v>\s+(?:only|alone)"
)
ODD = (
    r"\bodd\s*(?:(?:in|with\s+respect|functions?|symmetr\w*|as\s+a|under|about|parity|"
    r"along|and|or|for|w)\b|$|[,.])|\banti-?\s*symmetr\w*|\bskew-?\s*symmetr\w*|"
    r"\bpoint[- ]*(?:wise\s+)?symmetr\w*|\bsymmetr\w*\s+(?:through|about)\s+"
    r"(?:the\s+)?origin\s+\(?point"
)
SWAPPED = (
    r"\bswap\w*|\b(?:inter)?exchang\w*|\binterchang\w*|\bpermut\w*|\btrad\w+\s+places|"
    r"\bcommut\w*|\bswitch\w*|\brelabel\w*"
)
SYMMETRIC = (
    r"\bsymmetr\w*|\balike\b|\bidentically\b|\btrade\b|\bsame\s+(?:way|roles?|"
    r"manner|fashion|footing|part)\b|"
    r"\bequivalent\b|\binterchangeab\w*|\b(?:not\s+)?tell\s+<v>\s+from\s+<v>|"
    r"\bequal\s+(?:footing|roles?)|\border\s+of\s+<v>|\bidentical\s+roles?"
)
UP = (
    r"\b(?:increas\w*|ris(?:e|es|en|ing)|rose|grow\w*|grew|climb\w*|larger|higher|"
    r"greater|bigger|stronger|further|farther|raised?|raising|go(?:es|"
    r"ing)?\s+up(?!\s+to)|turn(?:ed|ing)\s+up|augment\w*|better|"
    r"(?<!no\s)longer(?!\s+than)|upwards?|"
    r"ascend\w*|gain\w*|up(?!\s+to)|more(?!\s+than)|positive\s+slope|enlarg\w*|rais\w+|"
    r"positively\s+correlated|uphill)\b"
)
DOWN = (
    r"\b(?:decreas\w*|f[ae]ll(?:s|en|ing)?|drop(?:s|ped|ping)?(?!\s+out)|declin\w*|"
    r"shrink\w*|"
    r"diminish\w*|worse|poorer|fainter|smaller|lower\w*|weaker|reduc\w*|go(?:es|"
    r"ing)?\s+down|turn\w*\s+down|"
    r"downwards?|descend\w*|down|less(?!\s+than)|negative\s+slope|lessen\w*|"
    r"weaken\w*|downhill|sink\w*|inversely)\b"
)
TOGETHER = (
    r"\b(?:as|when|whenever|while|if|each|every|time)\b|\bthe\s+\w+er\b|"
    r"\bwith\s+\w+ing\b"
    r"|\b(?:larger|smaller|higher|lower|greater|bigger)\s+(?:for|at|with)\b|"
    r"\bfor\s+(?:larger|smaller|higher|lower|greater|bigger|increas\w+|grow\w+|"
    r"ris\w+)\b"
)
# "The hotter the gas, the faster the reaction", and what these words compare.
_COMPARATIVE = r"(?!either|other|latter|former|order|number)(\w+er|more|less)"
CORRELATIVE = (
    rf"^\s*(?:and\s+|but\s+)?the\s+{_COMPARATIVE}\b.*,\s+the\s+{_COMPARATIVE}\b"
)
MORE = (
    r"(?:faster|quicker|hotter|warmer|wider|deeper|thicker|heavier|denser|brighter|"
    r"louder|taller|older|steeper|harder)"
)
LESS = (
    r"(?:slower|colder|cooler|shorter|narrower|shallower|thinner|lighter|dimmer|fewer|"
    r"quieter|younger|softer)"
)

PAIRS: dict[str, str] = {
    "difference": (
        r"\bdifferen(?:ce|t\s+of)\b|\bminus\b|\bsubtract\w*|\bgap\b|\bless\b|"
        r"\bdistance\s+(?:of|between|from)\b|\boffset\s+between|\bseparation\b"
    ),
    "ratio": (
        r"\bratios?\b|\bquotients?\b|\bdivid\w+|\bover\b|\bper\b|\bfractions?\b|"
        r"\brelative\s+to\b|\bnormali[sz]ed\s+by\b|\bscaled\s+by\b|\bproportion\s+of\b"
    ),
    "product": (r"\bproducts?\b|\btimes\b|\bmultipl\w+|\bby\b(?=\s*<v>)|\binteract\w*"),
}
# In these the second one is named first: "subtract b from a".
REVERSED = (
    r"\bsubtract\w*\b[^,]*<v>[^,]*\bfrom\b[^,]*<v>",
    r"\btake\w*\s+<v>[^,]*\b(?:away\s+)?from\s+<v>",
)

DOMAINS: dict[str, str] = {
    "power_law": (
        r"\bpowerlaw\b|\ballometr\w*|\bscaling\s+(?:law|relation|exponent)s?\b|"
        r"\bscale[- ](?:free|invarian\w+)"
    ),
    "saturation": (
        r"\bsaturat\w*|\blevel\w*\s+(?:off|out)\b|\bplateau\w*|\blimiting\s+value|"
        r"\b(?:tops?|maxes)\s+out\b|"
        r"\bstay\w*\s+flat|\bflatten\w*|"
        r"\b(?:approach|tend|converg)\w*\s+(?:\w+\s+){0,3}(?:limit|final|maxim|ceiling|"
        r"asymptot|capacity|constant|upper|steady)\w*|"
        r"\b(?:grow\w*|growth|ris\w+)\s+(?:up\s+)?(?:to|towards?)\s+(?:\w+\s+){0,2}"
        r"(?:limit|maxim|ceiling|capacity|asymptot)\w*|"
        r"\bcarrying\s+capacity|\bmichaelis|\blangmuir|\blogistic\b|"
        r"\bhill\s+(?:curve|function|equation|kinetics)|\bdiminishing\s+returns|"
        r"\bs[- ]?shaped\s+growth|\bsigmoid\w*|\bceiling\b"
    ),
    "oscillation": (
        r"\boscillat\w*|\bwav(?:e|es|y|ing)\b|\bvibrat\w*|\bswing\w*|\bsinusoid\w*|"
        r"\bpendulum|\bwiggl\w*|\bharmonic\s+(?:motion|oscillat\w*)|\bresonan\w*|"
        r"\bundulat\w*|\bringing\b|\bbounc\w*|\bseesaw\w*|"
        r"\brhythm\w*|\bwobbl\w*"
    ),
    "decay": (
        r"\bdecay\w*|\brelax\w*|\bd(?:ies|ie|ying)\s+(?:away|out|down|off)|"
        r"\bfad(?:e|es|"
        r"ed|ing)\b|\bhalf[- ]li(?:fe|ves)|\blifetime|\battenuat\w*|"
        r"\b(?:falls?|drops?)\s+off\b(?!.*<v>)|\bdischarg\w*|\be-?fold\w*|"
        r"\bbeer[- ]+lambert|"
        r"\bcool\w*\s+(?:down|off)\b|\bdissipat\w*|\bebb\w*|\bradioactiv\w*|"
        r"\bexponential(?:ly)?\s+(?:falling|decreas\w+|declin\w+)|\bdwindl\w*"
    ),
}

# Growth that ends is told by a denial: "no further".
NO_FURTHER = r"\b(?:further|any\s*more|any\s+\w+er)\b"

SIZE_NOUN = (
    r"\b(?:nodes?|tokens?|symbols?|length|size|complexity|long|longer|elements?)"
)
AT_MOST = (
    r"at\s+(?:the\s+)?most|\bno[tr]?\b[^.;]*\bmore\s+than|up\s+to|not?\s+over|"
    r"not\s+above|"
    r"max(?:\.|imum|imal)?(?:ly)?|"
    r"or\s+(?:fewer|less|below|smaller)|\bwithin\b|\blimit\w*|\bexceed\w*|"
    r"not?\s+(?:\w+\s+)?(?:longer|larger|bigger|greater)\s+than|no\s+\w+er\s+than|"
    r"<=|≤|\bcap(?:ped)?\b|"
    r"\bbeyond\b|\btop\b|\bbudget|\bkeep\w*|above\s+<n>.*\btoo\b|"
    r"over\s+<n>.*\btoo\b|more\s+than\s+<n>.*\b(?:too|not|no)\b|\bnot\s+beyond\b|"
    r"not\s+go\s+(?:over|beyond|above)|\bshort\b|\bvery\s+most\b|\bfits?\s+in\b"
)
_THAN_N = r"\s+(?:\w+\s+)?than\s+(?:\w+\s+)?<n>"
_FEWER = (
    rf"(?:(?:fewer|less|smaller|shorter|lower){_THAN_N}|(?:\b(?:under|below)|<)\s*<n>)"
)
MORE_THAN = (
    rf"(?:\b(?:more|longer|larger|bigger|greater|higher){_THAN_N}|"
    r"\b(?:over|above|beyond|exceed\w*)\s+(?:\w+\s+){0,2}<n>)"
)
# A denial that belongs to a comparison, before or after it.
_NOT = rf"(?:{DENIAL}|{EXCLUSION})(?:\s+(?!(?:and|but|so|keep)\b)[a-z]\w*){{0,4}}\s+"
_NOT_AFTER = (
    r"\s*(?:(?!and\b|but\b|with)\w+\s+){0,3}(?:not|no|too|never|(?:forbid|bann|exclud|"
    r"prohibit|disallow)\w*)\b"
)
FEWER_THAN = _FEWER
NOT_MORE_THAN = rf"{_NOT}{MORE_THAN}|{MORE_THAN}{_NOT_AFTER}"
AT_LEAST = (
    rf"at\s+least|minimum|or\s+more|too\s+(?:short|few|small|little)\b|"
    rf"no\s+(?:fewer|less)\s+than|{_NOT}{_FEWER}|{_FEWER}{_NOT_AFTER}|"
    r"\b(?:not?|never)\s+(?:\w+\s+){0,2}(?:at\s+most|up\s+to|within|limit\w*|max\w*|"
    r"capped)\b|\bnot?\s+(?:<=|≤)"
)

_TERM = (
    r"(?:terms?|(?:sub-?\s*)?expressions?|parts?|pieces?|combinations?|blocks?|"
    r"summands?|"
    r"addends?|ingredients?|components?|fragments?|chunks?|building\s+blocks?)"
)
WHOLE_TERM = (
    rf"\b(?:{_TERM}|built\s+from|reads)\s*,?\s*(?:of\s+the\s+form\s+|like\s+)?<f>|"
    rf"<f>\s+(?:\w+\s+){{0,3}}(?:an?|one)\s+(?:\w+\s+)?{_TERM}\b"
)
CONTAINMENT = (
    r"\b(?:contain\w*|has|have|having|had|with|there|includ\w*|inclusion|involv\w*|"
    r"featur\w*|us(?:e|es|ed|ing)|expect\w*|see|seen|show\w*|appear\w*|occur\w*|"
    r"enter\w*|bring\w*|mention\w*|impl(?:y|ies|ied)|look(?:ing)?\s+for|need\w*|"
    r"requir\w*|rel(?:y|ies|ying)|tak(?:e|es|ing|en)|employ\w*|appl(?:y|ies|ied)|"
    r"made|built|inside|in|somewhere|part|present|must|should|because|"
    r"via|through|due|structure\w*|want\w*|put|add|recover|compris\w*|consist\w*|"
    r"express\w*|written|formula|expression|suspect|be|"
    r"believe|sure|certainly|definitely|arises?|comes?|give|gives|allow\w*|hides?|"
    r"is|surviv\w*|serv\w*|called|yes|factor|hidden|sit\w*|incorporat\w*|"
    r"turn\w*\s+up|crop\w*\s+up|pop\w*\s+up|obviously|inherent|"
    r"search|space|operators?|introduc\w*|find|employing|business|"
    r"think|call\w*\s+for|try|permitted|allowed|necessary|essential|raised)\b"
)
DEPENDENCE = (
    r"\b(?:depend\w*|function\s+of|var(?:y|ies|ying|iation)|matter\w*|influen\w*|"
    r"affect\w*|enter\w*|roles?|relevan\w*|sensitiv\w*|respon\w*|driv\w*|determin\w*|"
    r"relat\w*|need\w*|us(?:e|es|ed|ing)|contain\w*|includ\w*|involv\w*|chang\w*|"
    r"neglect\w*|important|essential|play\w*|count\w*|mov\w*|contribut\w*|"
    r"appear\w*|occur\w*|requir\w*|keep|kept|featur\w*|effects?|inputs?|differen\w+|"
    r"nothing\s+to\s+do|has\s+no|have\s+no|"
    r"come\w*\s+into|yes|care\w*|put|impact\w*|bearing|governs?|controls?|shap\w*|"
    r"present|part|crucial|"
    r"indispensable|account\w*|go(?:es)?\s+into|in\s+the\s+(?:formula|law|equation|"
    r"expression|answer|result)|in\s+it|consider\w*|come\w*\s+in(?:to)?|"
    r"show\w*\s+up|figure\w*)\b"
)

ALL: tuple[str, ...] = (
    *(IDLE_DENIALS, DENIAL, EXCLUSION, SAME, SHIFTED, SIGN, TURNED, EVEN, ODD, SWAPPED),
    *(p.removeprefix("not: ") for row in ABOUT_VARIABLES.values() for p in row),
    *(SYMMETRIC, UP, DOWN, TOGETHER, *PAIRS.values(), *DOMAINS.values()),
    *(SIZE_NOUN, AT_MOST, FEWER_THAN, MORE_THAN),
    *(WHOLE_TERM, CONTAINMENT, DEPENDENCE),
)
