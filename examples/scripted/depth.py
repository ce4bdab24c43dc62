"""Answers the first call by a program, which it gets wrong at first, and the program's calls directly."""

FIRST = """\
totals = {"app": 0, "delivery": 0, "staff": 0, "other": 0}
for entry in entries:
    totals[CALL("What does it complain of?", entry)] += 1
totals
"""

SECOND = """\
topics = [
    CALL[Literal["app", "delivery", "staff", "other", "none"]](
        "What does the entry complain of? Say none if it is no complaint.", entry
    )
    for entry in entries
]
counts([topic for topic in topics if topic != "none"])
"""

TOPICS = {
    "app": ("app crashes", "app is slow", "log in", "app forgets"),
    "delivery": ("parcel", "two days late", "wrong address"),
    "staff": ("rude", "hung up", "ignored"),
    "other": ("broke", "never worked", "too small", "charged twice"),
}


def model(request):
    if request.program:
        return FIRST if request.repair is None else SECOND
    ((_, entry),) = request.arguments
    if entry.endswith("?") or entry.startswith(("Great", "Thank", "I love", "Best")):
        return "none"
    return next((topic for topic, signs in TOPICS.items() if any(sign in entry for sign in signs)), "none")
