"""What the study says, in five sentences that are worked out from its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from topogrid.study.arms import SEEDS, config_for
from topogrid.study.feedback import best_feedback, error_without, n_feedbacks
from topogrid.study.knock_out import alike_counts
from topogrid.study.table import Record, Row, followed_share, rows_of, told, verdict

_TOLD_AS = {
    "Sets:": "tau sets the scale:",
    "Does not set:": "tau does not set the scale:",
    "No scale to set:": "there is no scale that tau could set:",
}
"""How the beginning of a verdict reads inside a sentence."""


def sentences(records: Sequence[Record]) -> list[str]:
    """Return what the arms say of tau and scale; a sentence is left out where an arm of it has one network or none.

    Parameters
    ----------
    records : sequence of mapping
        As `records.read_record` returns them.
    """
    rows = {row.arm.name: row for row in rows_of(records)}
    kinds = (
        (("dense_tau", "blocks_tau"), _nothing_asked),
        (("learned", "learned_blind"), _learned),
        (("attractor", "attractor_trained"), _attractor),
        (("gain", "both"), _gain),
    )
    said = [make(rows) for arms, make in kinds if all(arm in rows and len(rows[arm].seeds) > 1 for arm in arms)]
    return said + _later(records, rows)


def _count(row: Row) -> str:
    return f"{len(row.seeds)} network{'s' if len(row.seeds) > 1 else ''}"


def _answer(row: Row) -> str:
    """Return the verdict without what is by construction, as a part of a sentence."""
    text = verdict(row).removesuffix(f" {row.arm.asked_for}").rstrip(".")
    for begins, told_as in _TOLD_AS.items():
        if text.startswith(begins):
            return told_as + text.removeprefix(begins)
    return text[0].lower() + text[1:]


def _nothing_asked(rows: Mapping[str, Row]) -> str:
    dense, blocks = rows["dense_tau"], rows["blocks_tau"]
    return (
        f"**Tau alone.** All units connected to all ({_count(dense)} of {_steps(dense)} steps): {_answer(dense)}. "
        f"Modules trained on the place code alone ({_count(blocks)} of {_steps(blocks)} steps): {_answer(blocks)}."
    )


def _learned(rows: Mapping[str, Row]) -> str:
    learned, blind = rows["learned"], rows["learned_blind"]
    return (
        f"**Modules that learn to keep distances** ({_count(learned)}; {_percent(learned)} of units are grid cells; "
        "the loss asks for a length scale of movement weights over tau, and the weights could undo tau): "
        f"{_answer(learned)}. Trained for one length scale whatever their tau, the slope is "
        f"{told(blind.values['slope on tau'], 2)}, though a later change of tau moves their spacing too "
        f"({100 * followed_share(blind):.0f} %)."
    )


def _attractor(rows: Mapping[str, Row]) -> str:
    wired, trained = rows["attractor"], rows["attractor_trained"]
    return (
        f"**Modules wired as attractors** ({_count(wired)}; {_percent(wired)}, by construction; by their equations "
        f"spacing goes as tau over gain): {_answer(wired)}. Where all weights learn from there ({_count(trained)}): "
        f"{_answer(trained)}."
    )


def _gain(rows: Mapping[str, Row]) -> str:
    gain, both = rows["gain"], rows["both"]
    text = (
        f"**The rival, gain** (how strongly movement drives a module; {_count(gain)}, tau the same everywhere): "
        f"spacing goes as gain to the power {_power(gain, 'slope on gain')}; where both differ between modules it goes "
        f"as tau to {_power(both, 'slope on tau')} and as gain to {_power(both, 'slope on gain')}"
    )
    if gain.values["slope on gain"].high < 0:
        text += ", so that grid scale alone does not tell the two causes apart"
    return f"{text}."


def _power(row: Row, name: str) -> str:
    return told(row.values[name], 2)


def _steps(row: Row) -> str:
    return f"{config_for(row.arm, SEEDS[0]).steps:,}"


def _percent(row: Row) -> str:
    return f"{row.values['gate %'].mean:.0f} %"


def _later(records: Sequence[Record], rows: Mapping[str, Row]) -> list[str]:
    """Say what is left after a minute, and what looks like the knock-out."""
    best = best_feedback(records, "attractor")
    if best is None or "attractor" not in rows or len(rows["attractor"].seeds) < 2:
        return []
    code, strength, error = best
    alike, n_alike = alike_counts(records, "attractor", "tau_x1.3")
    flat, n_flat = alike_counts(records, "attractor", "tau_flat")
    gain, n_gain = alike_counts(records, "gain", "tau_x1.3")
    without, middle = error_without(records, "attractor"), rows["attractor"].values["middle 60 s"]
    guess = f" (a guess, the middle of the box: {middle.mean:.0f} cm)" if middle.n else ""
    late = rows.get("learned_late")
    learned = ""
    if late is not None and len(late.seeds) > 1 and "learned" in rows:
        before, after = (rows[name].values["60 s cm"].mean for name in ("learned", "learned_late"))
        learned = f"; learned modules {before:.0f} cm, and {after:.0f} cm if their training ends with longer walks"
    return [
        f"**A minute without landmarks**: attractor modules are {without:.0f} cm off{guess}, and {error:.0f} cm "
        f"with feedback of the {code} place code (strength {strength:g}, the best of "
        f"{n_feedbacks(records, 'attractor')} tried on the same walks){learned}. **HCN1 knock-out** (in mice all "
        f"spacings grow and their gradient stays): tau times 1.3 does the same in {alike} of {n_alike} attractor "
        "networks"
        + (f", but also in {gain} of {n_gain} whose gradient comes from gain" if n_gain else "")
        + f"; equal tau in {flat} of {n_flat}."
    ]
