"""The tasks, and for each the program that answers it, as a function of what is visible.

base       what a task is
numbers    arithmetic
sequences  sorting, subsequences, knapsacks, chains of matrices
logic      Boolean expressions and formulas
puzzles    which house belongs to whom
"""

from rlmlang.nano.tasks import logic, numbers, puzzles, sequences
from rlmlang.nano.tasks.base import TASKS, Task, contexts, prompt, visible

__all__ = ["TASKS", "Task", "contexts", "logic", "numbers", "prompt", "puzzles", "sequences", "visible"]
