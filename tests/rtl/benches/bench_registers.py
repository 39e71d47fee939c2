"""Whole small chip with a shadow bank, one run: every register address written and read, every bus condition, every latent level.

Every value read is compared with what the register map says, so an address counts only if it works.
"""

import zlib
from pathlib import Path

import cocotb
from cocotb.triggers import Timer
from common import options
from i2c_common import refused

from asic_flow.ir import read_structure
from asic_flow.registers import model
from asic_flow.tb.chip import ChipBench
from asic_flow.tb.events import pack_events
from asic_flow.tb.i2c import I2cNackError, I2cTiming
from asic_flow.tb.vectors import read_chip_vectors

OPTIONS = options()
PROJECT = Path(OPTIONS["project"])
VERSION = 0x1234


def expected_control(image):
    """CONTROL as it is written below: links 4, shadow shown, period 0x0A0B, at once, CRC and version of the image."""
    control = bytearray(model.CONTROL_BYTES)
    for offset, value in (
        (model.LINKS_OFFSET, b"\x04"),
        (model.BANK_CONTROL_OFFSET, bytes([1 << model.READ_SHADOW_BIT])),
        (model.REFRESH_PERIOD_OFFSET, b"\x0b\x0a"),
        (model.COMMIT_BX_OFFSET, model.COMMIT_AT_ONCE.to_bytes(2, "little")),
        (model.EXPECTED_CRC_OFFSET, zlib.crc32(image).to_bytes(4, "little")),
        (model.WEIGHT_VERSION_OFFSET, VERSION.to_bytes(2, "little")),
    ):
        control[offset : offset + len(value)] = value
    return bytes(control)


def expected_monitor(layout, image):
    """The monitor block behind a commit of `image`, with run set."""
    monitor = bytearray(layout.monitor_end - layout.monitor_base)
    crc, version = zlib.crc32(image).to_bytes(4, "little"), VERSION.to_bytes(2, "little")
    state = model.BANK_HAS_SHADOW | model.BANK_SHADOW_CRC_VALID | model.BANK_DONE
    for offset, value in (
        (model.ID_OFFSET, model.CHIP_ID),
        (model.VERSION_OFFSET, model.MAP_VERSION.to_bytes(2, "little")),
        (model.WEIGHT_BYTES_OFFSET, layout.n_bytes.to_bytes(2, "little")),
        (model.HASH_OFFSET, layout.structure_hash),
        (model.STATUS_OFFSET, bytes([model.STATUS_RUNNING | model.STATUS_CRC_VALID])),
        (model.BANK_STATUS_OFFSET, bytes([state])),
        (model.CRC_OFFSET, crc),
        (model.ACTIVE_VERSION_OFFSET, version),
        (model.SHADOW_CRC_OFFSET, crc),
    ):
        monitor[offset : offset + len(value)] = value
    return bytes(monitor)


async def every_register(bench, image):
    """Write every writable address, and read every address."""
    master, layout = bench.master, bench.layout
    control = expected_control(image)
    await bench.write_image(image)
    await master.write_registers(layout.control_base, control)  # writes 0 to `commit`: withdraws nothing
    assert await master.read_registers(layout.control_base, len(control)) == control
    await bench.request_commit()
    await bench.committed()
    await master.write_registers(layout.control_base + model.BANK_CONTROL_OFFSET, b"\0")
    assert await bench.read_image() == image
    await master.write_registers(layout.control_base + model.REFRESH_PERIOD_OFFSET, b"\0\0")
    for misc in (1 << model.CLEAR_BIT, 1 << model.RUN_BIT):
        await master.write_registers(layout.misc_base, bytes([misc]))
        assert await master.read_registers(layout.misc_base, 1) == bytes([misc])
    monitor = expected_monitor(layout, image)
    assert await master.read_registers(layout.monitor_base, len(monitor)) == monitor


async def every_condition(bench, image):
    """What `bench_i2c_corners` does to the target alone, once each, on the whole chip."""
    master, layout = bench.master, bench.layout
    zero = layout.misc_base + 1  # a gap: eight low bits, so that a target that was left alone holds SDA
    for khz in (100, 400):
        master.timing = I2cTiming.for_speed(khz)
        await Timer(master.timing.limits.bus_free, "ns")
        await master.read(1)
    master.timing = I2cTiming.for_speed(1000)
    await master.write_registers(layout.weight_base, image[:14])  # 16 bytes with the address
    for device in (0x00, master.device + 1):
        own, master.device = master.device, device
        try:
            await master.write(b"")
        except I2cNackError:
            pass
        else:
            raise AssertionError(f"address {device:#04x} was acknowledged")
        master.device = own
    await master.start()
    await master.stop()
    for end in (master.start, master.stop):  # inside a byte, which is dropped
        await master.start()
        for byte in (master.device << 1, *layout.weight_base.to_bytes(2, "big")):
            assert await master.write_byte(byte)
        await master.write_bit(1 - (image[0] >> 7))
        await end()
    for line in ("SCL", "SDA"):
        await master.bus.spike(line, 49)
        await Timer(100, "ns")
    assert (await master.read_registers(layout.end - 1, 2))[1:] == b"\0"
    await master.write(zero.to_bytes(2, "big"))
    await master.start()
    assert await master.write_byte(master.device << 1 | 1)
    assert await master.read_bit() == 0
    await master.abandon()
    await refused(master.start())
    assert await master.recover() == 7
    crc = slice(model.CRC_OFFSET, model.SEU_OFFSET)
    found = await master.read_registers(layout.crc_address, crc.stop - crc.start)
    assert found == expected_monitor(layout, image)[crc], "nothing of this has changed a weight"


@cocotb.test()
async def everything_once(dut):
    structure = read_structure(PROJECT / "encoder.json")
    bench = ChipBench(dut, structure, khz=1000, frame=None, period_ns=25)
    image = (PROJECT / "image.bin").read_bytes()
    vectors = read_chip_vectors(PROJECT / "tb_data", cells=48, latents=structure.n_latents)
    await bench.reset()
    await every_register(bench, image)
    await every_condition(bench, image)
    await bench.set_links(4)
    await bench.expect(pack_events(vectors.charges, 22), vectors.latents, vectors.sum_codes)
    bench.coverage.write(Path(OPTIONS["coverage"]))
