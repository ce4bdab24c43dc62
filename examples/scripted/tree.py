"""Merges reports: of each it keeps the first thing that it says."""


def model(request):
    found = [part for _, text in request.arguments for part in text.split("; ")]
    return "; ".join(part.split(",")[0].rstrip(".") for part in found) + "."
