"""Where a value may be changed in place: where CPython could not show a difference (decision 97).

`xs.append(x)` means that the variable `xs` holds the changed list from then on. In CPython everything that holds the
same list sees the change. So the statements of a program are followed in their order, with what may be shared
(`sharing`). A change makes every other variable that may hold the changed container *stale*, until it is bound again;
and to read a stale variable is an error, E231, which is reported where the change is. A loop that runs over the
container, and an expression around whose operand it is, count as variables. What cannot be followed counts as read at
once: the caller of a function, which holds its arguments, a default, and variables of the functions around.

`contents` says which containers the value of an expression may be or hold, `applications` what functions give and
change, `statements` follows branches and loops, and `programs` the functions of a program until nothing new is found.
`refusals` has the words of the error.
"""

from __future__ import annotations

from rlmlang.language.check.ownership.programs import Followed, check_library_ownership, check_ownership

__all__ = ["Followed", "check_library_ownership", "check_ownership"]
