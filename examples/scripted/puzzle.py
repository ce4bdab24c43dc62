"""Guesses each case; only one of the guesses is right, and the program finds out which."""

HOMES = {
    "cat": [("Ann", "cat", "red"), ("Bob", "fish", "blue"), ("Cid", "dog", "green")],
    "dog": [("Ann", "dog", "green"), ("Bob", "fish", "blue"), ("Cid", "cat", "red")],
    "fish": [("Ann", "fish", "blue"), ("Bob", "fish", "green"), ("Cid", "dog", "red")],
}


def model(request):
    (_, case), *_ = request.arguments
    pet = next(pet for pet in HOMES if pet in case)
    return [{"owner": owner, "pet": pet, "color": color} for owner, pet, color in HOMES[pet]]
