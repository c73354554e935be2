"""What a text says without binding a formula: a lexicon beside `prompts.cues`.

Permissions ask for nothing, wishes and alternatives cannot be kept as rules, and what
holds for some arguments of an operator says nothing about the operator.
"""

from __future__ import annotations

# Exclusions that are rules: denied ("do not avoid log"), they ask for nothing.
FORBIDDING = (
    r"\b(?:avoid\w*|forbid\w*|forbade|ban|bans|banned|banning|prohibit\w*|disallow\w*|"
    r"exclud\w*|rul\w+\s+out|veto\w*|blacklist\w*|taboo|off[- ]limits|barred|reject\w*|"
    r"disable\w*|disabling)\b"
)
UNAVOIDABLE = (
    r"\b(?:can\s+not|impossible|no\s+way|not\s+possible)\b.*\bavoid|\bunavoidabl\w*"
)
# What is allowed is not asked for.
NO_MATTER = (
    r"\bnothing\s+against\b|\bno(?:t\s+an?)?\s+(?:problem|objection|harm|issue)s?\b|"
    r"\bnot\s+(?:strictly\s+)?(?:required|mandatory|compulsory|obligatory)\b"
)
FINE = (
    r"(?:allowed|permitted|permissible|okay|ok|fine|welcome|acceptable|tolera\w+|possible|"
    r"conceivable|legal|harmless|admissible|available|an\s+option)"
)
PERMISSION = (
    r"\b(?:allow(?:s|ing)?|permit(?:s|ting)?)\b|\ballowed\s+to\b|"
    rf"(?:\b(?:is|are|be)\s+(?:\w+\s+)?|(?:<o>|<v>)\s+(?:,\s*(?:not\s+)?)?){FINE}\b|"
    r"\b(?:can|could|may|might)\s+(?:(?:also|still|well)\s+)?(?:appear|occur|enter|contain|"
    r"have|include|use|feature|stay|remain|be\s+(?:used|included|there|present|part|kept|"
    r"in))\b|" + NO_MATTER
)
# Wishes, and what is to be used in place of something else.
_WHERE = r"(?:if|when(?:ever)?|where(?:ver)?|as\s+(?:far|much|often|well|long)\s+as)"
_CAN = (
    r"(?:possible|feasible|practical|needed|necessary|need\s+be|appropriate|required|"
    r"it\s+helps|(?:you|we|one)\s+(?:can|could|like|want|wish|must|may))"
)
OPEN = (
    r"\bprefer(?:ably|s|ences?)?\b|\b(?:is|are|be)\s+(?:not\s+)?preferred\b|"
    r"\bideally\b|\bunless\b|"
    rf"\b{_WHERE}\s+(?:at\s+all\s+)?(?:it\s+is\s+)?{_CAN}\b|\bhopefully\b|"
    r"\b(?:try|aim|attempt|strive|hope)(?:s|ing)?\s+(?:hard\s+)?(?:not\s+)?to\b"
    r"(?!\s+(?:find|fit|look|search|discover|recover|get))|"
    r"\btry(?:ing)?\s+(?:avoiding|using|without)\b|\bnice\s+(?:to|if)\b|\bbe\s+nice\b|"
    r"\bbest\s+avoided\b|\b(?:as|your|our)\s+best\b|"
    r"\beither\s+(?:avoid|use|contain|ignor|exclud|drop|include|including|have|having)\w*\b|"
    r"\bfailing\s+that\b|\bor\s+else\b|\bxor\b|<o>\s+over\s+<o>|"
    r"^\s*(?:rather|better)\b|\bwould\s+rather\b|"
    r"\b(?:instead|in\s+place|in\s+lieu)\s+of\b|\b(?:rather\s+than|as\s+opposed\s+to)\b|"
    r"\b(?:replac|substitut|swap|exchang)\w*\s+<o>\s+(?:by|with|for)\b|"
    r"(?:<o>|<v>)\s*,?\s*(?:or\s+)?(?:otherwise|alternatively)\s*,?\s*"
    r"(?:\w+\s+)?(?:<o>|<v>)|"
    r"(?:<o>|<v>)\s*(?:,\s*)?or\s+(?:both|all|any|either)\b"
)
# What holds in some cases only binds no formula.
CONDITION = (
    r"\b(?:if|until|when\w*|in\s+case|provided|as\s+long\s+as|mostly|usually|generally|"
    r"normally|typically|often|sometimes|mainly|at\s+first)\b"
)
SOME_OF = (
    r"(?:\b(?:one|some|most|half|several|few)|<n>)\s+of\s+(?:the\s+)?(?:\w+\s+)?"
    r"(?:<v>|<o>)"
)
EITHER = r"^(?!.*\b(?:without|free|lack\w*|devoid)\b).*\beither\s+<"
ANY_OF = r"\bany\s+of\s+(?:the\s+)?(?:\w+\s+)?(?:<v>|<o>)"
# An operator of some argument only, a column in some place only, or some times.
NARROWED = (
    r"<o>\s+(?:(?:taken|applied|acting|depending|involving|containing)\s+)?"
    r"(?:(?:of|in|by|on|over|to|with|inside|within|under|around|from|for)\s+)?"
    r"(?:\w+\s+){0,2}?(?:<v>|<f>)|"
    r"<o>\s+(?:of|in|inside|within|under|around)\s+(?:\w+\s+)?<o>|"
    r"<v>\s+(?:\w+\s+){0,2}(?:in|inside|within|under|below)\s+(?:\w+\s+){0,2}<o>|"
    r"\bappl\w+\s+<o>\s+to\b|"
    r"\b(?:products?|ratios?|quotients?|divid\w+|multipli\w+|multiply\w*)\b.*<v>|"
    r"<v>\s+(?:squared|cubed|times|plus|minus|over|per)\b|"
    r"<v>.*\b(?:divid\w+|multipli\w+|multiply\w*|exponent|numerator|argument|base)\b"
)
OF_SOME = (
    r"<o>\s+(?:of|by)\s+(?!any|all\b|every|some|whatever|(?:the|an?)\s+(?:form|input|"
    r"variable|column|feature)s?\b)[a-z]"
)
COUNTED = (
    r"\b(?<!at least )(?:twice|thrice|once|exactly|precisely|nested|double|repeated)\b|"
    r"<n>\s+(?:times\b|<o>)|\b(?:than|only|just)\s+(?:one|a\s+single)\b"
)
AT_MOST_SOME = (
    r"\bat\s+(?:the\s+)?most\s+(?:once|twice|one|a\s+single|<n>\s+<o>)|"
    r"<o>\s+at\s+(?:the\s+)?most\b|"
    r"\b(?:many|few|fewer|less|little|excess\w*)\s+<o>|"
    r"\b(?:minimi[sz]\w*|limit\w*|reduc\w*)\b.*<o>"
)
# Something that is neither an operator nor a column: "avoid foo", "and foo".
UNKNOWN = (
    r"^\s*(?:please\s+)?(?:and|n?or|use|contain|include|no|without|ignore|drop|remove|"
    r"skip|omit|avoid|exclude|forbid|ban)\s+(?:the\s+)?\w+(?:\s+functions?)?\s*"
    r"(?:$|,\s*(?:and|n?or)\s+<)"
)
