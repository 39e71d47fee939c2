"""Test-bench library for cocotb: I2C bus master, event driver, output monitor, scoreboard.

Usable with any simulator that cocotb drives. `asic_flow.tb.scoreboard` and `asic_flow.tb.vectors` do not import cocotb and
work outside a simulation; the other modules run inside one. The bench of the whole chip is `asic_flow.tb.chip`; it is started
by `asic_flow.sim.simulate_rtl`.
"""
