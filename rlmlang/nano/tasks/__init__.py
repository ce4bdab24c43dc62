"""The tasks of nano, each with the programs that answer it, as a function of what is visible of the arguments.

base       tasks and contexts
numbers    arithmetic
sequences  sorting, subsequences, knapsacks, chains of matrices
logic      Boolean expressions and formulas
puzzles    which house belongs to whom
"""

from rlmlang.nano.tasks import logic, numbers, puzzles, sequences
from rlmlang.nano.tasks.base import TASKS, Task, contexts, prompt, visible

__all__ = ["TASKS", "Task", "contexts", "logic", "numbers", "prompt", "puzzles", "sequences", "visible"]
