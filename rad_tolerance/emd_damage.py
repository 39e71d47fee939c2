"""What the most damaging flips cost in physics: EMD and loss behind the run's decoder, beside those without a flip.

The only module here that needs the ML packages; they are imported when it is called.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from asic_flow.emulator import Emulator
from asic_flow.run_folder import RunFolder
from rad_tolerance.errors import RadiationError
from rad_tolerance.sensitivity import Sensitivity, describe


def has_decoder(run: RunFolder) -> bool:
    """Whether the run holds a decoder."""
    return (run.path / "train" / "decoder.keras").is_file()


def emd_damage(run: RunFolder, result: Sensitivity, events: int, flips: int, seed: int) -> dict[str, Any]:
    """Change of EMD and of the energy distance (the training loss, econ_ae.losses) by the first `flips` single flips of
    `Sensitivity.order`, on `events` test modules.

    The decoder's network decodes; it does not know of the flip. Modules without charge, or without a reconstruction with
    or without the flip, have no EMD: they are left out of the means, and the second kind is counted.

    Raises:
        RadiationError: the run's decoder or data cannot be used.
    """
    from econ_ae.errors import TrainingError
    from econ_ae.quiet import quiet_tensorflow

    quiet_tensorflow()
    from econ_ae.dataset import TEST, load_data
    from econ_ae.features import decoded_sum, distribution, encoder_images, sum_codes
    from econ_ae.losses import energy_distance
    from econ_ae.model import IntegerModel, whole_counts
    from hgcal_data.emd import emd

    try:
        model = IntegerModel.load(run.path, result.links)
        data = load_data(run.path / "data" / "readings.h5")
        readings = data.readings.select(data.rows(TEST, limit=events, seed=seed))
        modules = model.module_inputs(readings)
    except TrainingError as error:
        raise RadiationError(f"measuring EMD: {error}; --emd-events 0 leaves it out") from error
    charges = readings.charges
    images, codes = encoder_images(charges, model.structure.input), sum_codes(charges)
    total = decoded_sum(codes).astype(np.float64)

    true, filled = distribution(charges), charges.any(axis=1)

    def distances(latents: Any) -> tuple[Any, Any]:
        shares = model.decode(latents, codes, modules)
        loss = np.asarray(energy_distance(true, shares.astype(np.float32)), dtype=np.float64)
        return emd(charges, whole_counts(shares, total)), loss

    latents = Emulator(result.weights).run(images)
    reference, reference_loss = distances(latents)
    drop = model.structure.latent_format.width - model.latent_bits
    rows = []
    for flip in result.order[:flips]:
        named = describe(result, int(flip))
        faulty = Emulator(result.weights.flip_bit(named["stream_bit"])).run(images)
        found, loss = distances(faulty)
        both = np.isfinite(found) & np.isfinite(reference)
        rows.append(
            {
                **{key: named[key] for key in ("stream_bit", "tensor", "index", "bit", "sent_mean_abs_change_lsb")},
                "events": int(both.sum()),
                "sent_changed_events": int((faulty >> drop != latents >> drop).any(axis=1).sum()),
                "emd_mean_half_pitches": float(found[both].mean()) if both.any() else None,
                "emd_change_mean_half_pitches": float((found - reference)[both].mean()) if both.any() else None,
                "energy_distance_change_mean_half_pitches": float((loss - reference_loss)[filled].mean()),
                "lost_events": int((np.isfinite(reference) & ~np.isfinite(found)).sum()),
            }
        )
    good = reference[np.isfinite(reference)]
    return {
        "events": len(charges),
        "decoding": "network, without refinement",
        "emd_mean_half_pitches": float(good.mean()) if good.size else None,
        "flips": rows,
    }
