"""Energy estimates: the field's published table, agreement with QTools, refusals, command line."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import pytest
from qkeras import QActivation, QDense, quantized_bits, quantized_relu
from typer.testing import CliRunner

from asic_flow.ir import Flatten, Pool2D, Structure, econ_t_structure
from econ_ae import energy as energy_module
from econ_ae.encoder import build_encoder
from econ_ae.energy_model import QTOOLS_SRAM_BITS, Memory, sram_energy, structure_energy
from econ_ae.energy_qtools import model_energy
from econ_ae.errors import TrainingError

SRAM = Memory("sram", "sram", QTOOLS_SRAM_BITS)
CHIP_INPUT = quantized_relu(8, 1)


def jet_tagger(bits: int) -> keras.Model:
    """The field's tutorial model: 16 inputs, hidden layers 64, 32, 32, five classes."""
    values = inputs = keras.Input((16,))

    def dense(units: int, name: str) -> QDense:
        weight = quantized_bits(bits, 0, alpha=1)
        return QDense(units, kernel_quantizer=weight, bias_quantizer=weight, name=name)

    for index, units in enumerate((64, 32, 32)):
        values = dense(units, f"fc{index}")(values)
        values = QActivation(quantized_relu(bits), name=f"relu{index}")(values)
    values = keras.layers.Activation("softmax", name="softmax")(dense(5, "output")(values))
    return keras.Model(inputs, values)


@pytest.mark.parametrize(("bits", "total_bits", "microjoule"), [(14, 61446, "0.00700"), (6, 26334, "0.00263")])
def test_published_table_of_the_jet_tagger(bits: int, total_bits: int, microjoule: str) -> None:
    # arXiv:2006.10159: "full precision" is 14 bits, the input 16; weights and values in an SRAM of 16 MiB
    found = model_energy(jet_tagger(bits), source=quantized_bits(16, 5, 1), memory=SRAM)
    assert found.weight_bits == total_bits
    assert f"{found.total_uj:.5f}" == microjoule


def test_the_published_table_depends_on_its_assumptions() -> None:
    narrow = model_energy(jet_tagger(6), source=quantized_bits(8, 0, 1), memory=SRAM)
    registers = model_energy(jet_tagger(6), source=quantized_bits(16, 5, 1))
    assert f"{narrow.total_uj:.5f}" == "0.00245"
    assert registers.total_uj < 0.001


@pytest.mark.parametrize("smallest", [0, QTOOLS_SRAM_BITS])
@pytest.mark.parametrize("filters", [8, 3])
def test_structure_and_qtools_agree_layer_by_layer(filters: int, smallest: int) -> None:
    structure = econ_t_structure("exact", filters=filters)
    memory = Memory("sram", "sram", smallest)
    ours = {layer.name: layer for layer in structure_energy(structure, memory).layers}
    theirs = {
        layer.name: layer for layer in model_energy(build_encoder(structure), source=CHIP_INPUT, memory=memory).layers
    }
    for name, layer in ours.items():
        found, output = theirs[name], theirs[f"{name}_out"]
        assert layer.operations == found.operations
        expected = (found.operations_pj, found.inputs_pj, found.parameters_pj, output.outputs_pj)
        values = (layer.operations_pj, layer.inputs_pj, layer.parameters_pj, layer.outputs_pj)
        assert values == pytest.approx(expected, abs=0.006)  # QTools rounds to 0.01 pJ


def test_floored_layers_are_counted_as_what_they_are() -> None:
    structure = econ_t_structure("econ_t")
    qtools = model_energy(build_encoder(structure), source=CHIP_INPUT)
    assert [layer.operations for layer in qtools.layers if layer.operations_pj] == [1152, 2048]
    ours = structure_energy(structure)
    exact = structure_energy(econ_t_structure("exact"))
    # the floor drops 5 and 4 bits of every product: exactly so much narrower are the adders
    for floored, full, dropped in zip(ours.layers, exact.layers, (5, 4), strict=True):
        assert full.operations_pj - floored.operations_pj == pytest.approx(full.operations * 0.003125 * dropped)
    assert ours.weight_bits == 12864


def test_more_bits_cost_more_and_registers_cost_nothing_to_read() -> None:
    energies = [structure_energy(econ_t_structure("exact", weight_bits=bits)).total_uj for bits in (2, 4, 6, 8)]
    assert energies == sorted(energies)
    assert len(set(energies)) == 4
    assert all(layer.total_pj == layer.operations_pj for layer in structure_energy(econ_t_structure()).layers)
    assert sram_energy(65, 0) > sram_energy(64, 0)  # a second word
    assert sram_energy(64, 1 << 20) > sram_energy(64, 0)  # a larger memory


def test_pooling_costs_additions_and_flattening_nothing() -> None:
    chip = econ_t_structure("exact")
    pool = Pool2D(name="pool", mode="max", pool_size=(2, 2), strides=(2, 2))
    structure = Structure(
        profile="exact", layers=(chip.layers[0], pool, Flatten(name="flat"), chip.layers[1]), register_profile="generic"
    )
    energies = {layer.name: layer for layer in structure_energy(structure, Memory("sram", "sram")).layers}
    assert energies["pool"].operations == 3 * 2 * 2 * 8
    assert energies["pool"].operations_pj == pytest.approx(96 * 0.003125 * 8)
    assert (energies["flat"].operations_pj, energies["flat"].parameters_pj) == (0, 0)
    assert energies["dense"].operations == 32 * 16


def test_layers_that_qtools_would_count_as_zero_are_refused_by_name() -> None:
    inputs = keras.Input((8, 8, 1))
    values = keras.layers.Conv2DTranspose(2, 3, name="up")(inputs)
    model = keras.Model(inputs, keras.layers.Flatten()(values))
    with pytest.raises(TrainingError, match="'up' is a Conv2DTranspose"):
        model_energy(model, source=CHIP_INPUT)
    assert model_energy(model, source=CHIP_INPUT, allow_uncounted=True).uncounted == ("up",)


def test_metrics_of_a_training_hold_the_energy(tiny_run: Path) -> None:
    metrics = json.loads((tiny_run / "train" / "metrics.json").read_text())
    assert set(metrics["energy_uj_per_layer"]) == {"conv", "dense"}
    assert metrics["energy_uj"] == pytest.approx(sum(metrics["energy_uj_per_layer"].values()))
    assert metrics["energy_uj"] == structure_energy(econ_t_structure("econ_t")).total_uj
    assert "Horowitz 45 nm" in metrics["energy_model"]


def test_command_line(tiny_run: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    found = runner.invoke(energy_module.app, [str(tiny_run), "--json"])
    assert found.exit_code == 0, found.output
    expected = structure_energy(econ_t_structure("econ_t")).total_uj
    assert json.loads(found.stdout)["energy_uj"] == expected
    shown = runner.invoke(energy_module.app, [str(tiny_run / "train" / "model.keras"), "--weights", "sram"])
    assert shown.exit_code == 0, shown.output
    assert "QTools" in shown.output
    for bad in ([str(tmp_path / "none.keras")], [str(tmp_path)], [str(tiny_run), "--weights", "dram"]):
        result = runner.invoke(energy_module.app, bad)
        assert (result.exit_code, "Traceback" in result.output) == (2, False)
