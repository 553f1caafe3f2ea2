"""JAX on all cores: jit, float32, one XLA device per core, a loop over batches around a loop over months.

A batch is small enough for a core's cache, and all normals of a month are drawn by one call; both were faster here than without. The
generator is JAX's default.
"""

import measure  # First: it starts the clock.

import os
from contextlib import contextmanager

# Set before the import, which reads them.
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={measure.CORES}"
import jax
import jax.numpy as jnp
from jax import lax

import household as h

# Simulations per batch.
BATCH = 32_768


def a_month(month, state, key):
    balance, income, spending = state
    normals_key, uniforms_key, raise_key, promotion_key = jax.random.split(key, 4)
    growth, income_noise, spending_noise, gain = jax.random.normal(normals_key, (4, BATCH))
    emergency, amount = jax.random.uniform(uniforms_key, (2, BATCH))

    def with_raise(income):
        return income * (1 + h.RAISE_MEAN + h.RAISE_STD * jax.random.normal(raise_key, (BATCH,)))

    def with_promotion(income):
        coin_key, normal_key = jax.random.split(promotion_key)
        promoted = jax.random.uniform(coin_key, (BATCH,)) < h.PROMOTION_PROBABILITY
        factor = 1 + h.PROMOTION_MEAN + h.PROMOTION_STD * jax.random.normal(normal_key, (BATCH,))
        return jnp.where(promoted, income * factor, income)

    spending *= 1 + h.INFLATION_MEAN + h.INFLATION_STD * growth
    income = lax.cond(month % 12 == 11, with_raise, lambda income: income, income)
    income = lax.cond(month % 6 == 5, with_promotion, lambda income: income, income)
    cash = income * (1 + h.INCOME_STD * income_noise) - spending * (1 + h.SPENDING_STD * spending_noise) - h.LOAN_PAYMENT
    lost = h.EMERGENCY_MIN + (h.EMERGENCY_MAX - h.EMERGENCY_MIN) * amount
    cash -= jnp.where(emergency < h.EMERGENCY_PROBABILITY, lost, 0)
    cash += jnp.maximum(balance - h.RESERVE, 0) * (h.RETURN_MEAN + h.RETURN_STD * gain)
    return balance + cash, income, spending


def count_successes(key, batches):
    def a_batch(batch, successes):
        batch_key = jax.random.fold_in(key, batch)
        start = tuple(jnp.full((BATCH,), value, jnp.float32) for value in (h.BALANCE, h.INCOME, h.SPENDING))

        def step(month, state):
            return a_month(month, state, jax.random.fold_in(batch_key, month))

        balance, _, _ = lax.fori_loop(0, h.MONTHS, step, start)
        return successes + jnp.sum(balance >= h.TARGET)

    return lax.fori_loop(0, batches, a_batch, 0)


@contextmanager
def devices(seed):
    on_every_device = jax.pmap(count_successes, in_axes=(0, None))
    keys = iter(jax.random.split(jax.random.key(seed), 1_000))

    def count(simulations):
        batches = -(-simulations // (BATCH * measure.CORES))
        successes = on_every_device(jax.random.split(next(keys), measure.CORES), batches)
        return batches * BATCH * measure.CORES, int(successes.sum())

    yield count


if __name__ == "__main__":
    measure.main("JAX jit", jax.__version__, devices)
