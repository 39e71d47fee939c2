"""Synthesis of the generated RTL with Yosys on a Liberty library: netlist, areas, census of the triplicated registers."""
