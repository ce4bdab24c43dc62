"""What a program must and may take, in calls, depth, tokens, money and pure work, before any call is made."""

from rlmlang.runtime.estimate.cost import Cost, Interval, Money, SiteCost
from rlmlang.runtime.estimate.estimator import Estimate, estimate, follow
from rlmlang.runtime.estimate.tally import Kept

__all__ = ["Cost", "Estimate", "Interval", "Kept", "Money", "SiteCost", "estimate", "follow"]
