"""What the most damaging flips cost in physics: EMD and loss behind the run's decoder, beside those without a flip.

The only module here that needs the ML packages; they are imported when it is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from asic_flow.emulator import Emulator
from asic_flow.formats import Integers
from asic_flow.run_folder import RunFolder
from rad_tolerance.errors import RadiationError
from rad_tolerance.sensitivity import Sensitivity, describe

FloatArray = NDArray[np.float64]


def has_decoder(run: RunFolder) -> bool:
    """Whether the run holds a decoder."""
    return (run.path / "train" / "decoder.keras").is_file()


@dataclass(frozen=True)
class _Receiver:
    """The run's decoder with n test modules: charges int64[n,48], sum codes int64[n], conditions of the modules."""

    model: Any
    charges: Integers
    codes: Integers
    modules: NDArray[np.float32]

    @classmethod
    def of(cls, run: RunFolder, links: int, events: int, seed: int) -> Self:
        from econ_ae.errors import TrainingError
        from econ_ae.quiet import quiet_tensorflow

        quiet_tensorflow()
        from econ_ae.dataset import TEST, load_data
        from econ_ae.features import sum_codes
        from econ_ae.model import IntegerModel

        try:
            model = IntegerModel.load(run.path, links)
            data = load_data(run.path / "data" / "readings.h5")
            readings = data.readings.select(data.rows(TEST, limit=events, seed=seed))
            return cls(model, readings.charges, sum_codes(readings.charges), model.module_inputs(readings))
        except TrainingError as error:
            raise RadiationError(f"measuring EMD: {error}; --emd-events 0 leaves it out") from error

    def receive(self, latents: Integers) -> tuple[FloatArray, FloatArray]:
        """EMD and energy distance float64[n] each in half pitches; NaN where input or reconstruction is empty."""
        from econ_ae.features import decoded_sum, distribution
        from econ_ae.losses import energy_distance
        from econ_ae.model import whole_counts
        from hgcal_data.emd import emd

        shares = self.model.decode(latents, self.codes, self.modules)
        charges = whole_counts(shares, decoded_sum(self.codes).astype(np.float64))
        loss = np.asarray(energy_distance(distribution(self.charges), shares.astype(np.float32)), dtype=np.float64)
        loss[~self.charges.any(axis=1)] = np.nan
        return emd(self.charges, charges), loss


def emd_damage(run: RunFolder, result: Sensitivity, events: int, flips: Integers, seed: int) -> dict[str, Any]:
    """Change of EMD and of the loss (energy distance, econ_ae.losses) by single flips.

    The decoder's network decodes; it does not know of the flip. Test modules without charge, or without a reconstruction
    with or without the flip, have no EMD: they are left out of the means, and the second kind is counted.

    Args:
        run: the run.
        result: its sensitivity.
        events: at most this many test modules.
        flips: int64[n], which of its single flips (`Sensitivity.order` has the most damaging first).
        seed: of the choice of modules.

    Raises:
        RadiationError: the run's decoder or data cannot be used.
    """
    from econ_ae.features import encoder_images

    receiver = _Receiver.of(run, result.links, events, seed)
    images = encoder_images(receiver.charges, result.weights.structure.input)
    latents = Emulator(result.weights).run(images)
    emd, loss = receiver.receive(latents)
    drop = result.weights.structure.latent_format.width - receiver.model.latent_bits
    rows = []
    for flip in flips:
        named = describe(result, int(flip))
        faulty = Emulator(result.weights.flip_bit(named["stream_bit"])).run(images)
        faulty_emd, faulty_loss = receiver.receive(faulty)
        rows.append(
            {
                **{key: named[key] for key in ("stream_bit", "tensor", "index", "bit", "sent_mean_abs_change_lsb")},
                "sent_changed_events": int((faulty >> drop != latents >> drop).any(axis=1).sum()),
                "emd_mean_half_pitches": _mean(faulty_emd),
                "emd_change_mean_half_pitches": _mean(faulty_emd - emd),
                "energy_distance_change_mean_half_pitches": _mean(faulty_loss - loss),
                "lost_events": int((np.isfinite(emd) & ~np.isfinite(faulty_emd)).sum()),
            }
        )
    return {
        "events": len(images),
        "decoding": "network, without refinement",
        "emd_mean_half_pitches": _mean(emd),
        "energy_distance_mean_half_pitches": _mean(loss),
        "flips": rows,
    }


def _mean(values: FloatArray) -> float | None:
    """Mean over the modules that have a value; None if none has."""
    good = values[np.isfinite(values)]
    return float(good.mean()) if good.size else None
