"""Splits and proves; one judge of three is never content."""


def model(request):
    if request.instruction.startswith("Split"):
        return ["An odd number is 2k + 1 for some k.", "(2a + 1) + (2b + 1) = 2(a + b + 1)."]
    if request.instruction.startswith("Does"):
        return request.sample != 2
    return "By the definition and arithmetic."
