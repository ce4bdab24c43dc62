"""Labels feedback as a careful reader would."""


def model(request):
    ((_, text),) = request.arguments
    if text.endswith("?"):
        return "question"
    return "praise" if text.startswith(("Great", "Thank", "I love", "Best")) else "complaint"
