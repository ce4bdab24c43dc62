"""Answers the first call by a program, which it gets wrong at first, and the program's calls directly."""

FIRST = """\
topics = []
for entry in entries.splitlines():
    topics.append(CALL("What does the entry complain of?", entry))
return counts(topics)
"""

SECOND = """\
topics = []
for entry in entries:
    topic = CALL[Literal["app", "delivery", "staff", "other", "none"]](
        "What does the entry complain of? Say none if it is no complaint.", entry
    )
    if topic != "none":
        topics.append(topic)
return counts(topics)
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
