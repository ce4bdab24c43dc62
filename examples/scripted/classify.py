"""Labels feedback by what it looks like, as a careful model would."""


def model(request):
    (_, text), *_ = request.arguments
    if text.endswith("?"):
        return "question"
    bad = ("late", "broken", "rude", "slow", "never", "crash")
    return "complaint" if any(word in text.lower() for word in bad) else "praise"
