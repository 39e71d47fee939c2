"""econ_weight_store, small: byte port, CRC, programmable refresh; with a shadow bank: commit, refusal, no mixture ever."""

import random
import zlib
from itertools import pairwise

import cocotb
from cocotb.triggers import Timer
from common import TripleClock, options, settle, upset

OPTIONS = options()
BITS, BLOCK_BYTES, SHADOW, HOLD = OPTIONS["bits"], OPTIONS["block_bytes"], OPTIONS["shadow"], OPTIONS["hold"]
PACE = OPTIONS["pace"]
N_BYTES = -(-BITS // 8)
N_BLOCKS = -(-N_BYTES // BLOCK_BYTES)
PASS = N_BYTES + 2  # of the CRC behind a restart, and what is seen of it from outside
MASK = (1 << BITS) - 1
HAS, VALID, PENDING, DONE, REFUSED = (1 << i for i in range(5))
AT_ONCE = 0xFFFF
ORBIT = 99
INPUTS = (
    "refresh_period_i", "access_i", "hit_i", "we_i", "block_i", "byte_i", "wdata_i", "read_shadow_i", "request_i",
    "withdraw_i", "commit_bx_i", "expected_crc_i", "version_i", "bx_i", "clear_i",
)  # fmt: skip


class Store:
    """The module under test, seen by its host."""

    def __init__(self, dut):
        self.dut, self.clock = dut, TripleClock(dut)

    async def start(self):
        for name in INPUTS:
            getattr(self.dut, name).value = 0
        self.dut.refresh_i.value = 1
        await self.clock.start()
        return self

    async def access(self, index, value=None, hit=1):
        dut = self.dut
        dut.access_i.value, dut.hit_i.value, dut.we_i.value = 1, hit, int(value is not None)
        dut.block_i.value, dut.byte_i.value = index // BLOCK_BYTES, index % BLOCK_BYTES
        dut.wdata_i.value = value or 0
        await settle()
        data = int(dut.rdata_o.value)
        await self.clock.clocks()
        dut.access_i.value = dut.we_i.value = 0
        return data

    async def fill(self, image, pause=0):
        for index, value in enumerate(image):
            await self.access(index, value)
            await self.clock.clocks(pause)

    async def read(self, shadow=0):
        self.dut.read_shadow_i.value = shadow
        return bytes([await self.access(index) for index in range(N_BYTES)])

    async def shadow_crc(self):
        """Wait for the CRC behind the last write."""
        await self.clock.clocks(PASS)
        assert self.status & VALID
        return int(self.dut.shadow_crc_o.value)

    async def request(self, crc, bx=AT_ONCE, version=0):
        dut = self.dut
        dut.expected_crc_i.value, dut.commit_bx_i.value, dut.version_i.value, dut.request_i.value = crc, bx, version, 1
        await self.clock.clocks()
        dut.request_i.value = 0
        await settle()

    async def commit(self, image, version=0):
        await self.fill(image)
        await self.shadow_crc()
        await self.request(zlib.crc32(image), version=version)
        await self.fate(DONE)
        assert self.weights == number(image)

    async def fate(self, expected):
        """Wait until a requested commit is done or refused; returns the clocks it took."""
        clocks = 0
        while self.status & PENDING:
            await self.clock.clocks()
            await settle()
            clocks += 1
            assert clocks < 3 * (PASS + ORBIT), "neither done nor refused"
        assert self.status & (DONE | REFUSED) == expected
        return clocks

    @property
    def weights(self):
        return int(self.dut.weights_o.value)

    @property
    def status(self):
        return int(self.dut.bank_status_o.value)

    def count(self, block):
        return (int(self.dut.count_o.value) >> (16 * block)) & 0xFFFF


def number(image):
    return int.from_bytes(image, "little") & MASK


def images(seed, count):
    """Images with the bits that do not exist at zero."""
    rng = random.Random(seed)
    return [rng.getrandbits(BITS).to_bytes(N_BYTES, "little") for _ in range(count)]


def copies(dut, block=0):
    return [getattr(dut.u_bank.gen_block[block].u_bits, f"u_copy_{copy}").q_q for copy in "abc"]


@cocotb.test()
async def byte_port_and_crc(dut):
    store = await Store(dut).start()
    (image,) = images(1, 1)
    await store.fill([255] * N_BYTES)
    await store.access(0, 0x5A, hit=0)  # no weight
    await store.fill(image)
    valid = dut.bank_status_o if SHADOW else dut.crc_valid_o
    assert int(valid.value) == (HAS if SHADOW else 0), "a write must take the valid CRC away"
    assert await store.read(shadow=1) == image
    assert await store.read(shadow=0) == (bytes(N_BYTES) if SHADOW else image)
    assert store.weights == (0 if SHADOW else number(image))
    await store.clock.clocks(PASS)
    assert int((dut.shadow_crc_o if SHADOW else dut.crc_o).value) == zlib.crc32(image)
    await store.access(N_BYTES - 1, image[-1] ^ 1)
    await store.clock.clocks(PASS)
    assert int((dut.shadow_crc_o if SHADOW else dut.crc_o).value) != zlib.crc32(image), "negative control"


@cocotb.test()
async def the_walker_is_fast_until_its_result_is_valid(dut):
    store = await Store(dut).start()
    walker = dut.u_port.u_crc
    passes, valid = [], []
    for clock in range(PASS + 4 * PACE * N_BYTES):
        valid.append(int(dut.crc_valid_o.value))
        if int(walker.done_o.value):
            passes.append(clock)
        await store.clock.clocks()
    assert valid.index(1) == passes[0] <= PASS, "behind reset one byte per clock"
    assert all(valid[passes[0] :])
    gaps = {b - a for a, b in pairwise(passes)}
    assert gaps == {PACE * N_BYTES}, "then one byte in PACE clocks"


@cocotb.test()
async def every_upset_is_repaired_within_the_period_and_counted_once(dut):
    store, rng = await Store(dut).start(), random.Random(2)
    for period in (0, 1, 2, 7, 40, 3):
        dut.refresh_period_i.value = period
        for block in range(N_BLOCKS):
            before, ages = store.count(block), set()
            for hits in range(1, 9):
                copy = copies(dut, block)[rng.randrange(3)]
                value = int(copy.value)
                upset(copy, 1)
                await settle()
                assert store.weights == 0, "an upset of one copy reached the encoder"
                clocks = 0
                while int(copy.value) != value:
                    await store.clock.clocks()
                    clocks += 1
                    assert clocks <= period + 1, f"period {period}: not repaired after {clocks} clocks"
                ages.add(clocks)
                await store.clock.clocks(rng.randrange(period + 2))
                assert store.count(block) == before + hits, "an upset is counted once"
            assert period == 0 or len(ages) > 1, "the upsets all met the same moment of the period"


@cocotb.test()
async def negative_control_second_upset_before_the_tick(dut):
    store = await Store(dut).start()
    dut.refresh_period_i.value = 50
    await store.clock.clocks(60)
    while int(dut.u_timer.count_q.value) != 2:
        await store.clock.clocks()
    upset(copies(dut)[0], 8)
    await store.clock.clocks(5)
    assert store.weights == 0
    upset(copies(dut)[1], 8)
    await store.clock.clocks(60)
    assert store.weights == 8, "two copies of one bit hit within a period must win the vote"
    assert store.count(0) == 1


@cocotb.test()
async def writing_works_at_any_period(dut):
    store = await Store(dut).start()
    for period, image in zip((0, 1, 5, 0xFFFE, 0xFFFF), images(3, 5), strict=True):
        dut.refresh_period_i.value = period
        if SHADOW:
            await store.commit(image)
        else:
            await store.fill(image)
        assert store.weights == number(image)
        assert await store.read() == image


@cocotb.test()
async def refresh_off_is_for_tests(dut):
    store = await Store(dut).start()
    dut.refresh_i.value = 0
    upset(copies(dut)[2], 1)
    await store.clock.clocks(4)
    assert store.count(0) == 4
    assert int(copies(dut)[2].value) & 1


@cocotb.test(skip=bool(SHADOW))
async def without_a_shadow_there_is_no_commit(dut):
    store = await Store(dut).start()
    (image,) = images(4, 1)
    await store.fill(image)
    dut.we_i.value = dut.hit_i.value = dut.access_i.value = 1
    await settle()
    assert int(dut.written_o.value) == 1
    dut.we_i.value = dut.access_i.value = 0
    await store.request(0)
    await store.clock.clocks(3)
    assert (store.status, store.weights) == (0, number(image))
    assert int(dut.version_o.value) == int(dut.mismatches_o.value) == int(dut.shadow_crc_o.value) == 0


@cocotb.test(skip=not SHADOW)
async def the_encoder_never_sees_a_mixture(dut):
    store = await Store(dut).start()
    sets = images(5, 6)
    seen = [0]

    async def watch():
        while True:
            await store.clock.clocks()
            assert int(dut.written_o.value) == 0
            if store.weights != seen[-1]:
                seen.append(store.weights)

    cocotb.start_soon(watch())
    for version, image in enumerate(sets, 1):
        await store.fill(image, pause=version % 3)
        assert int(dut.version_o.value) == version - 1
        await store.shadow_crc()
        await store.request(zlib.crc32(image), version=version)
        assert store.status == HAS | PENDING, "a request starts a fresh pass"
        assert store.weights == seen[-1] != number(image)
        assert N_BYTES <= await store.fate(DONE) <= PASS
        assert store.status == HAS | VALID | DONE
        assert (store.weights, int(dut.version_o.value)) == (number(image), version)
        for clocks in range(HOLD + 3):
            assert int(dut.hold_o.value) == (clocks < HOLD), f"{clocks} clocks after the commit"
            await store.clock.clocks()
        await store.clock.clocks(PASS)
        assert int(dut.crc_o.value) == zlib.crc32(image)
    assert seen == [0, *map(number, sets)], "weights_o showed something else than whole sets"
    assert int(dut.mismatches_o.value) == 0


@cocotb.test(skip=not SHADOW)
async def a_commit_happens_at_its_crossing(dut):
    store = await Store(dut).start()
    crossing, moments = 0, []

    async def beam():
        nonlocal crossing
        while True:
            await store.clock.clocks()
            if int(dut.u_bank.load_i.value):
                moments.append(crossing)
            await Timer(13, "ns")  # behind the rising edge
            crossing = (crossing + 1) % ORBIT
            dut.bx_i.value = crossing

    cocotb.start_soon(beam())
    (image, other) = images(6, 2)
    await store.fill(image)
    await store.shadow_crc()
    for bx in ((crossing + 40) % ORBIT, ORBIT - 1, 0, 1):
        await store.request(zlib.crc32(image), bx=bx)
        await store.fate(DONE)
        assert moments == [bx]
        moments.clear()
    await store.request(zlib.crc32(image), bx=(crossing + N_BYTES // 2) % ORBIT)
    assert await store.fate(DONE) > ORBIT, "a crossing before the end of the pass is passed by"
    moments.clear()
    await store.request(zlib.crc32(image), bx=ORBIT)  # never comes
    await store.clock.clocks(ORBIT + 1)
    assert store.status == HAS | VALID | PENDING
    dut.withdraw_i.value = 1
    await store.clock.clocks()
    dut.withdraw_i.value = 0
    await settle()
    assert store.status == HAS | VALID
    await store.request(zlib.crc32(image), bx=(crossing + 60) % ORBIT)
    await store.access(0, other[0] ^ image[0] ^ 0xFF)  # the shadow changes while the request waits
    assert await store.fate(REFUSED) < 60, "at the end of the next pass, not at the crossing"
    assert moments == []


@cocotb.test(skip=not SHADOW)
async def a_wrong_crc_is_refused_and_an_unfinished_one_waited_for(dut):
    store = await Store(dut).start()
    good, other = images(7, 2)
    await store.commit(good, version=3)
    await store.fill(other)
    for bit in (0, 31):
        await store.request(zlib.crc32(other) ^ 1 << bit, version=4)
        assert N_BYTES <= await store.fate(REFUSED) <= PASS
        assert store.status == HAS | VALID | REFUSED
        assert (store.weights, int(dut.version_o.value)) == (number(good), 3)
    await store.access(0, other[0])
    await store.request(zlib.crc32(other), version=4)
    assert N_BYTES <= await store.fate(DONE) <= PASS
    assert (store.weights, int(dut.version_o.value)) == (number(other), 4)


@cocotb.test(skip=not SHADOW)
async def an_upset_in_the_shadow_is_refused(dut):
    """At any time before the request, also behind the walker with a CRC that is still valid; or while it waits."""
    store, rng = await Store(dut).start(), random.Random(8)
    good, new = images(8, 2)
    await store.commit(good)
    for block in range(N_BLOCKS):
        bits = dut.gen_shadow.u_shadow.gen_block[block].bits_q
        for waits in (False, True):
            await store.fill(new)
            assert await store.shadow_crc() == zlib.crc32(new)
            if waits:
                await store.request(zlib.crc32(new), bx=ORBIT)  # never comes
                await store.clock.clocks(PASS + rng.randrange(N_BYTES))
                assert store.status == HAS | VALID | PENDING
            upset(bits, 1 << rng.randrange(len(bits)))
            await settle()
            assert store.status & VALID, "the walker has not come by"
            assert store.weights == number(good), "an upset of the shadow reached the active bank"
            if not waits:
                await store.request(zlib.crc32(new))
            assert await store.fate(REFUSED) <= 2 * PASS
            assert store.weights == number(good)


@cocotb.test(skip=not SHADOW)
async def an_upset_behind_the_walker_of_the_last_pass_shows_after_the_commit(dut):
    """What a CRC cannot see; the first pass over the active bank does, one byte per clock."""
    store = await Store(dut).start()
    (image,) = images(12, 1)
    await store.fill(image)
    await store.request(zlib.crc32(image))
    await store.clock.clocks(2)
    upset(dut.gen_shadow.u_shadow.gen_block[0].bits_q, 1)  # the first byte, already seen
    await store.fate(DONE)
    assert store.weights == number(image) ^ 1
    await store.clock.clocks(PASS)
    assert int(dut.mismatches_o.value) == 1


@cocotb.test(skip=not SHADOW)
async def the_active_bank_is_compared_with_its_commit(dut):
    store = await Store(dut).start()
    await store.clock.clocks(3 * PACE * N_BYTES)
    assert int(dut.mismatches_o.value) == 0, "nothing was committed yet"
    (image,) = images(9, 1)
    await store.commit(image)
    dut.expected_crc_i.value = 0  # belongs to the next load
    await store.clock.clocks(3 * PACE * N_BYTES)
    assert int(dut.mismatches_o.value) == 0
    for copy in copies(dut)[:2]:
        upset(copy, 1)
    await store.clock.clocks(5 * PACE * N_BYTES)
    assert int(dut.mismatches_o.value) in (4, 5), "a lost bit shows in every pass"
    await store.commit(image)
    dut.clear_i.value = 1
    await store.clock.clocks()
    dut.clear_i.value = 0
    await store.clock.clocks(3 * PACE * N_BYTES)
    assert int(dut.mismatches_o.value) == 0


@cocotb.test(skip=not SHADOW)
async def reset_forgets_everything(dut):
    store = await Store(dut).start()
    (image,) = images(10, 1)
    await store.commit(image, version=9)
    dut.rst_ni.value = 0
    await store.clock.clocks(2)
    dut.rst_ni.value = 1
    await store.clock.clocks()
    assert (store.status, store.weights, int(dut.version_o.value)) == (HAS, 0, 0)
    assert await store.read(shadow=1) == bytes(N_BYTES)
    await store.commit(image)


@cocotb.test(skip=not SHADOW)
async def one_clock_stopped(dut):
    store = await Store(dut).start()
    for copy, image in enumerate(images(11, 2), 1):
        store.clock.stopped = 1 << copy
        await store.commit(image)
        assert int(dut.error_o.value) == 1, "a stopped clock must be reported"
        store.clock.stopped = 0
        await store.clock.clocks(2)
        assert int(dut.error_o.value) == 0
    store.clock.stopped = 0b110
    before = store.weights
    await store.request(0)
    await store.clock.clocks(3)
    assert not store.status & (PENDING | REFUSED), "negative control: one clock of three cannot take a request"
    assert store.weights == before
