"""Drawing the numbers of fresh inputs. A draw has one manner of writing amounts, as a feed or a script has."""

import math
import random

# Decimals of amounts; None: every digit that a double has.
DECIMALS = (0, 1, 2, 2, 3, 8, None, None)
# What one unit of price is.
TICKS = (0.1, 0.05, 0.01, 0.5, 1.0, 0.00001, 25.0)


class Draw(random.Random):
    def __init__(self, seed):
        super().__init__(seed)
        self.decimals = self.choice(DECIMALS)
        self.magnitude = self.choice((1.0, 1.0, 1.0, 0.01, 1000.0))

    def number(self, low, high, decimals=None):
        """Between the bounds, in every digit or in some."""
        value = self.uniform(low, high)
        return value if decimals is None else round(value, decimals)

    def size(self, low=0.1, high=20.0):
        """A positive amount in the draw's manner and magnitude; a whole one may be an integer or a float."""
        value = self.uniform(low, high) * self.magnitude
        if self.decimals is None:
            return value
        floor = 10.0**-self.decimals
        value = max(round(value, self.decimals), floor)
        return int(value) if self.decimals == 0 and self.random() < 0.5 else value

    def sizes(self, count, low=0.1, high=20.0):
        return [self.size(low, high) for _ in range(count)]

    def normals(self, count, sigma=1.0, decimals=None):
        values = [self.gauss(0, sigma) for _ in range(count)]
        return values if decimals is None else [round(value, decimals) for value in values]

    def times(self, count, start=0.0, step=1.0, decimals=3):
        """Rising, irregular."""
        at, times = start, []
        for _ in range(count):
            at += self.uniform(0.1, 2.0) * step
            times.append(round(at, decimals) if decimals is not None else at)
        return times

    def price(self):
        """A price and its tick."""
        tick = self.choice(TICKS)
        return self.randint(200, 90_000) * tick, tick

    def ladder(self, start, step, levels):
        """One side, best first, from a price away by a signed tick; the float noise of adding it is left in or rounded away."""
        rows, price = [], start
        rounds = self.random() < 0.6
        for _ in range(levels):
            rows.append([round(price, 8) if rounds else price, self.size()])
            price += step * self.randint(1, 4)
        return rows

    def book(self, least=1, most=12):
        mid, tick = self.price()
        gap = self.choice((1, 1, 2, 5)) * tick
        bids = self.ladder(mid, -tick, self.randint(least, most))
        return bids, self.ladder(bids[0][0] + gap if bids else mid + gap, tick, self.randint(least, most))

    def trades(self, count, step=1.0):
        price, tick = self.price()
        rows = []
        for at in self.times(count, step=step):
            price += self.randint(-2, 2) * tick
            rows.append([at, round(price, 8), self.size(), self.choice((1, -1))])
        return rows

    def path(self, times, sigma=0.2):
        value, values = 0.0, []
        for _ in times:
            values.append(value)
            value += self.gauss(0, sigma)
        return values

    def log_uniform(self, low, high):
        return math.exp(self.uniform(math.log(low), math.log(high)))
