"""Where a value may be changed in place: where CPython could not show a difference (decision 97).

`xs.append(x)` means that the variable `xs` holds the changed list from then on. In CPython everything that holds the
same list sees the change. So the statements of a program are followed in their order, with what may be shared
(`sharing`). A change makes every other variable that may hold the changed container *stale*, until it is bound again;
and to read a stale variable is an error, E231, which is reported where the change is. A loop that runs over the
container, and an expression around whose operand it is, count as variables.

A function may change its arguments and the variables of the functions around: these are lent to it. What it changes of
them, and what it makes them hold, is found by a fixed point over all functions, and its application then counts as
these changes. What cannot be followed counts as read at once: an argument that is changed by way of another name, or
lent twice, a default, and all of it in a function that makes a CALL.

`contents` says which containers the value of an expression may be or hold, `changing` what is changed and by whom,
`applications` what functions and built-ins give, `statements` follows branches and loops, and `programs` the functions
of a program until nothing new is found. `refusals` has the words of the error.
"""

from __future__ import annotations

from rlmlang.language.check.ownership.programs import Followed, check_library_ownership, check_ownership

__all__ = ["Followed", "check_library_ownership", "check_ownership"]
