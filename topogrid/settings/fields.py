"""The settings of a run, declared: each with its default, a sentence, its unit, and what it may be.

A new setting is one line here: its flag, its help, its check and its place in ``config.json`` follow.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from topogrid.settings.kinds import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, Bounds

if TYPE_CHECKING:
    from topogrid.analysis.sheets import Sheet

GROUPS = {
    "run": "the run and its files",
    "task": "the task: box, walks and place code",
    "network": "the network",
    "wiring": "modules on the sheet (with --wiring attractor or learned)",
    "tau": "time constants (with --tau)",
    "topography": "topographic loss on weights (with --topoloss)",
    "optimisation": "optimisation",
    "evaluation": "evaluation",
    "tracking": "tracking with Weights & Biases",
}
"""Groups of settings, in the order of ``--help``, with their headings."""

SCIENCE = ("task", "network", "wiring", "tau", "topography", "optimisation")
"""Groups of settings that make a network what it is; the others are bookkeeping, or how it is measured."""

ABOVE_ZERO = "above 0"
"""For ``needs``: the other setting has to be above 0."""


def meets(value: Any, wanted: Any) -> bool:
    """Whether a setting's value is what another one's ``needs`` ask of it: one of a tuple, or `ABOVE_ZERO`."""
    return bool(value > 0 if wanted is ABOVE_ZERO else value in wanted)


def setting(
    default: Any,
    help: str,
    *,
    unit: str = "",
    group: str,
    choices: Sequence[str] = (),
    bounds: Bounds | None = None,
    needs: Mapping[str, Any] | None = None,
    locked: bool = False,
    may_lack: bool = False,
) -> Any:
    """Declare one setting of `TrainConfig`.

    Parameters
    ----------
    default : value
        Used when neither a preset nor a flag says otherwise.
    help : str
        One sentence, shown by ``--help``.
    unit : str
        Unit of the value, empty if it has none.
    group : str
        One of `GROUPS`.
    choices : sequence of str
        Allowed words.
    bounds : Bounds, optional
        Allowed numbers; in a tuple, of each element.
    needs : mapping, optional
        Other settings without which this one has no effect, with the values they must have: a tuple or `ABOVE_ZERO`.
    locked : bool
        Whether a resumed run must keep it.
    may_lack : bool
        Whether a ``config.json`` may lack it: for settings that came later and whose default is what was done before.
    """
    metadata = {
        "help": help,
        "unit": unit,
        "group": group,
        "choices": tuple(choices),
        "bounds": bounds,
        "needs": dict(needs or {}),
        "locked": locked,
        "may_lack": may_lack,
    }
    return dataclasses.field(default=default, metadata=metadata)


_run = partial(setting, group="run")
_task = partial(setting, group="task", locked=True)
_network = partial(setting, group="network", locked=True)
_wiring = partial(setting, group="wiring", locked=True, may_lack=True)
_tau = partial(setting, group="tau", locked=True)
_topography = partial(setting, group="topography", locked=True)
_optimisation = partial(setting, group="optimisation")
_evaluation = partial(setting, group="evaluation")
_tracking = partial(setting, group="tracking")

_LEAKY = {"network": ("leaky",)}
_LSTM = {"network": ("lstm",)}
_TAU = {"tau": (True,)}
_LEARNED_TAU = {**_TAU, "learnable_tau": (True,)}
_TOPOLOSS = {"topoloss": (True,)}
_FREE = {**_LEAKY, "wiring": ("dense", "blocks")}
_IDENTITY = {**_FREE, "init": ("identity",)}
_ATTRACTOR = {"wiring": ("attractor",)}
_LEARNED = {"wiring": ("learned",)}
_MODULES = {"wiring": ("attractor", "learned", "blocks")}
_WITH_GAIN = {"wiring": ("attractor", "learned")}
_JOINT_READOUT = {"wiring": ("dense", "attractor", "blocks")}
_WANDB = {"wandb": ("auto", "online", "offline")}


@dataclasses.dataclass(frozen=True)
class Settings:
    """All settings as they were given; `topogrid.settings.config.TrainConfig` is the same, checked."""

    # fmt: off
    preset: str = _run("", "Start from a named set of settings, which other flags override.", locked=True)
    name: str = _run("", "Name of the run and of its folder; made from the settings when left out.")
    save_dir: str = _run("runs", "Folder in which runs are kept.")
    gallery_dir: str = _run("tau_imgs", "Folder in which the maps a person opens first are put.")
    seed: int = _run(0, "Seed of weights, place cells and walks.", bounds=Bounds(0, 2**63 - 1), locked=True)
    device: str = _run("auto", "Where to compute: auto, cpu, cuda, cuda:N or mps.")
    precision: str = _run("auto", "Precision of matrix products; auto takes bf16 where the hardware has it.",
                          choices=("auto", "fp32", "bf16"))
    resume: str = _run("", "Continue a run: its folder, one of its checkpoints, or auto: the run called --name, or "
                           "the newest in --save_dir, or a new one if there is none.")
    print_every: int = _run(100, "How often progress is logged.", unit="steps", bounds=COUNT)
    eval_every: int = _run(1000, "How often the network is evaluated, besides start and end.", unit="steps",
                           bounds=COUNT)
    save_every: int = _run(1000, "How often a checkpoint is saved, besides the end.", unit="steps", bounds=COUNT)
    save_minutes: float = _run(10.0, "A checkpoint is also saved when the last is this old.", unit="minutes",
                               bounds=POSITIVE)
    keep_checkpoints: int = _run(3, "How many of the newest checkpoints are kept.", bounds=COUNT)
    threads: int = _run(0, "CPU threads; 0 leaves the choice to PyTorch.", bounds=Bounds(0, 1024))
    figure_format: str = _run("png", "Figures are always written as PNG; pdf also writes each as a vector PDF.",
                               choices=("png", "pdf"), may_lack=True)
    pictures: str = _run("all", "Pictures of an evaluation: all, or only the maps and curves of main; all are drawn by "
                                "topogrid analyze.", choices=("all", "main"), may_lack=True)
    compile: bool = _run(False, "Compile walks, recurrence and place code by torch.compile; faster on a GPU, "
                                "hardly on a CPU.", may_lack=True)
    cuda_graph: str = _run("auto", "Record a whole step on the GPU and replay it; auto does so with one process on "
                                   "CUDA.", choices=("auto", "on", "off"), may_lack=True)

    box_size: tuple[float, float] = _task((2.2, 2.2), "Side of the box, or its width and height.", unit="m",
                                          bounds=Bounds(0.1, 100))
    dt: float = _task(0.02, "Duration of a step.", unit="s", bounds=Bounds(1e-6, 1))
    seq_length: int = _task(20, "Length of a training walk.", unit="steps", bounds=COUNT)
    periodic: bool = _task(False, "Walls wrap around: the box is a torus.")
    n_place_cells: int = _task(512, "Place cells, shared out over the place-field widths.", bounds=COUNT)
    pc_width: tuple[float, ...] = _task((0.12,), "Standard deviation of place fields; each of several widths makes a "
                                                 "population with its own softmax.", unit="m", bounds=Bounds(1e-3, 1e6))
    DoG: bool = _task(True, "Place code with a surround (difference of softmaxes) instead of a Gaussian one.")
    surround_scale: float = _task(2.0, "Variance of the surround over variance of the centre.",
                                  bounds=Bounds(1.01, 1e3),
                                  needs={"DoG": (True,), "surround_amplitude": ABOVE_ZERO})
    surround_amplitude: float = _task(1.0, "Weight of the surround.", bounds=SHARE, needs={"DoG": (True,)})

    head_direction_cells: int = _task(0, "Head-direction cells, a second target beside the place: the direction of "
                                         "every step; 0: none.", bounds=Bounds(0, 4096), may_lack=True)
    head_direction_concentration: float = _task(20.0, "Concentration of their tuning curves; 20 is a width of 13 "
                                                      "degrees.", bounds=Bounds(0, 1e4, open_low=True),
                                                needs={"head_direction_cells": ABOVE_ZERO}, may_lack=True)

    network: str = _network("leaky", "Leaky units, plain recurrent ones where tau is 1, or lstm, the network of Banino "
                                     "et al. (2018): it is told speed and turns, and has a linear bottleneck.",
                            choices=("leaky", "lstm"), may_lack=True)
    n_grid_cells: int = _network(4096, "Units on the sheet; a square number. Of an LSTM, units of the bottleneck, in "
                                       "no order.", bounds=Bounds(4, 10**15))
    lstm_units: int = _network(128, "LSTM units.", bounds=COUNT, needs=_LSTM, may_lack=True)
    dropout: float = _network(0.5, "Share of the bottleneck's units that each reading in training does without.",
                              bounds=Bounds(0, 0.99), needs=_LSTM, may_lack=True)
    activation: str = _network("relu", "Non-linearity of the units.", choices=("relu", "tanh"), needs=_LEAKY)
    init: str = _network("identity", "First weights: recurrent identity, or Glorot's for all matrices.",
                         choices=("identity", "xavier"), needs=_FREE)
    input_gain: float = _network(1.0, "Scale of the first encoder and movement weights, in multiples of Glorot's.",
                                 bounds=POSITIVE, needs=_IDENTITY)
    recurrent_noise: float = _network(0.01, "Noise on the recurrent identity: its standard deviation times the root of "
                                            "the number of units.", bounds=Bounds(0, 100),
                                      needs={"wiring": ("dense", "blocks", "learned"), "init": ("identity",)})
    signed_start: bool | str = _network(False, "Start from the encoder's output as it is, without the non-linearity; "
                                                "auto does so in plain networks, whose units forget it within a step.",
                                       needs=_FREE)
    norm: str = _network("none", "Divide activity by its norm inside every module after each step (local divisive "
                                 "normalisation); the state is then rectified as a whole.",
                         choices=("none", "module"), needs={**_LEAKY, "wiring": ("dense", "blocks", "learned")},
                         may_lack=True)
    drive: float = _network(0.0, "Constant input to every unit.", bounds=Bounds(-1e3, 1e3), needs=_LEAKY, may_lack=True)

    wiring: str = _wiring("dense", "How units are connected: dense (all to all), attractor (each module of the sheet a "
                                   "hexagonal torus, weights fixed), learned (inside each module, by isometry) or "
                                   "blocks (inside each module, by nothing but the place code: a control). On the "
                                   "command line --tau takes learned and everything else dense.",
                          choices=("dense", "attractor", "learned", "blocks"), needs=_LEAKY)
    modules_per_side: int = _wiring(1, "Modules along each side of the sheet, square patches that units are connected "
                                       "in.", bounds=COUNT, needs=_MODULES)
    movement_gain: float = _wiring(36.0, "Drive of the attractor's units for each metre moved in a step along their "
                                         "preferred direction.", unit="1/m", bounds=POSITIVE, needs=_ATTRACTOR)
    movement_gain_ratio: float = _wiring(1.0, "Gain from movement of the first module over that of the last, in even "
                                              "ratios between; 1 gives all modules the same.",
                                         bounds=Bounds(1, 100), needs=_WITH_GAIN)
    learn_recurrent: bool = _wiring(False, "Learn the recurrent weights and the drive of the attractor too.",
                                    needs=_ATTRACTOR)
    learn_movement: bool = _wiring(False, "Learn the movement weights of the attractor too.", needs=_ATTRACTOR)
    isometry_scale: str = _wiring("drive", "Length scale that isometry asks of a module: from how far movement drives "
                                           "its activity (drive), from its tau (tau), or one for all (mean).",
                                  choices=("drive", "tau", "mean"), needs=_LEARNED)
    movement_free_steps: int = _wiring(10**9, "Steps after which the movement weights of learned modules keep their "
                                              "size, which nothing else holds.", unit="steps", bounds=Bounds(0, 10**15),
                                       needs={**_LEARNED, "isometry_scale": ("drive",), "isometry_weight": ABOVE_ZERO})
    isometry_weight: float = _wiring(0.01, "Weight of the isometry of learned modules.", bounds=NOT_NEGATIVE,
                                     needs=_LEARNED)
    capacity_weight: float = _wiring(0.11, "Weight of the mean activity, which learned modules raise.",
                                     bounds=NOT_NEGATIVE, needs=_LEARNED)
    isometry_states: int = _wiring(256, "States of a batch between which distances are compared.",
                                   bounds=Bounds(2, 1e5), needs={**_LEARNED, "isometry_weight": ABOVE_ZERO})
    walks_to_choose: int = _wiring(6, "Walks among which each is chosen, so that those of a learned module begin near "
                                      "one another; 1 takes them as they come.", bounds=Bounds(1, 1000), needs=_LEARNED)
    late_steps: int = _wiring(0, "Last steps in which modules learn, at most half of them, whose walks are longer.",
                              unit="steps", bounds=Bounds(0, 10**15), needs=_LEARNED)
    late_length: int = _wiring(100, "Length of these walks.", unit="steps", bounds=COUNT,
                               needs={**_LEARNED, "late_steps": ABOVE_ZERO})
    readout_steps: int = _wiring(0, "Last steps of training, at most a quarter of all, in which learned modules rest "
                                    "and only the read-out learns.", unit="steps", bounds=Bounds(0, 10**15),
                                 needs=_LEARNED)
    readout_length: int = _wiring(100, "Length of the walks that the read-out learns from.", unit="steps", bounds=COUNT,
                                  needs={**_LEARNED, "readout_steps": ABOVE_ZERO})

    tau: bool = _tau(False, "Give every unit a time constant of its own.", needs=_LEAKY)
    tau_min: float = _tau(1.0, "Smallest time constant.", unit="steps", bounds=Bounds(1, 1e6), needs=_TAU)
    tau_max: float = _tau(10.0, "Largest time constant.", unit="steps", bounds=Bounds(1, 1e6), needs=_TAU)
    tau_init: str = _tau("gradient", "How time constants are first laid out on the sheet.",
                         choices=("gradient", "random", "uniform", "bands", "radial"), needs=_TAU)
    learnable_tau: bool = _tau(True, "Learn the time constants.", needs=_TAU)
    n_bands: int = _tau(4, "Bands of the bands layout.", bounds=COUNT, needs={**_TAU, "tau_init": ("bands",)})
    tau_smoothness_weight: float = _tau(0.01, "Weight of the smoothness of time constants over the sheet.",
                                        bounds=NOT_NEGATIVE, needs=_LEARNED_TAU)
    tau_variance_weight: float = _tau(0.001, "Weight of the diversity of time constants, measured by --tau_diversity.",
                                      bounds=NOT_NEGATIVE, needs=_LEARNED_TAU)
    tau_diversity: str = _tau("uniform", "Diversity as variance (lowest cost with two values) or as an even spread.",
                              choices=("variance", "uniform"),
                              needs={**_LEARNED_TAU, "tau_variance_weight": ABOVE_ZERO})
    tau_levels: tuple[int, ...] = _tau((2,), "Levels of the pyramid on which time constants are to be smooth: how much "
                                             "the sheet is shrunk to blur it.", bounds=Bounds(2, 1e6), may_lack=True,
                                       needs={**_LEARNED_TAU, "tau_smoothness_weight": ABOVE_ZERO})
    tau_growth_steps: int = _tau(0, "First steps of training, at most a quarter of all, in which the map of time "
                                    "constants grows by its own loss alone.", unit="steps", bounds=Bounds(0, 10**15),
                                needs=_LEARNED_TAU, may_lack=True)
    tau_own_steps: int = _tau(30, "Steps of their own that time constants take in each of these.", unit="steps",
                              bounds=Bounds(1, 1000), needs={**_LEARNED_TAU, "tau_growth_steps": ABOVE_ZERO},
                              may_lack=True)
    tau_growth_lr: float = _tau(0.02, "Learning rate of the logarithm of tau in these.", may_lack=True,
                                bounds=Bounds(0, 1, open_low=True),
                                needs={**_LEARNED_TAU, "tau_growth_steps": ABOVE_ZERO})

    topoloss: bool = _topography(False, "Make weights smooth over the sheet.", needs=_LEAKY)
    topoloss_weight: float = _topography(1.0, "Weight of the topographic loss.", bounds=NOT_NEGATIVE, needs=_TOPOLOSS)
    topoloss_on: str = _topography("recurrent", "Weights that the topographic loss is on.",
                                   choices=("recurrent", "input", "readout"),
                                   needs={**_TOPOLOSS, "topoloss_weight": ABOVE_ZERO})
    topoloss_factor: int = _topography(2, "How much the sheet is shrunk to blur it.", bounds=Bounds(2, 1e6),
                                       needs={**_TOPOLOSS, "topoloss_weight": ABOVE_ZERO})
    topoloss_schedule: tuple[str, ...] = _topography(
        ("constant",), "Course of --topoloss_weight over the steps, in parts one after another: constant:STEPS:SHARE, "
        "linear:STEPS:FROM:TO, cosine:STEPS:FROM:TO, in shares of the weight; the last may go without STEPS, and then "
        "takes the rest.", needs={**_TOPOLOSS, "topoloss_weight": ABOVE_ZERO}, may_lack=True)

    steps: int = _optimisation(1500, "Length of training.", unit="steps", bounds=COUNT)
    batch_size: int = _optimisation(200, "Walks in a training step, over all processes.", unit="walks", bounds=COUNT,
                                    locked=True)
    even_starts: bool = _optimisation(False, "Spread the starts and headings of a batch evenly, which makes gradients "
                                            "less noisy; otherwise each is drawn on its own.", may_lack=True)
    lr: float = _optimisation(1e-3, "Learning rate of Adam after the warm-up.", bounds=Bounds(0, 1, open_low=True))
    encoder_lr_scale: float = _optimisation(1.0, "Learning rate of the encoder in multiples of --lr.",
                                            bounds=NOT_NEGATIVE, may_lack=True)
    readout_lr_scale: float = _optimisation(1.0, "Learning rate of the read-out in multiples of --lr.",
                                            bounds=NOT_NEGATIVE, may_lack=True)
    movement_lr_scale: float = _optimisation(1.0, "Learning rate of the movement weights in multiples of --lr.",
                                             bounds=NOT_NEGATIVE, may_lack=True)
    tau_lr_scale: float = _optimisation(1.0, "Learning rate of the logarithm of tau in multiples of --lr; 0 leaves "
                                             "it to its growth.", bounds=NOT_NEGATIVE, needs=_LEARNED_TAU,
                                        may_lack=True)
    readout_every: int = _optimisation(1, "The loss reads the place code at every how-manieth step of a walk.",
                                       unit="steps", bounds=COUNT, needs=_JOINT_READOUT, may_lack=True)
    training_feedback: float = _optimisation(0.0, "How strongly, in training too, the place code pulls every unit "
                                                  "towards what its encoder makes of it; every 4th step, at 4 times "
                                                  "the strength.", bounds=SHARE, needs=_LEAKY, may_lack=True)
    training_feedback_code: str = _optimisation("decoded", "What is fed back in training, as for "
                                                           "--place_feedback_code; gradients go through the predicted "
                                                           "code, not through a decoded place.",
                                                choices=("predicted", "decoded"), may_lack=True,
                                                needs={"training_feedback": ABOVE_ZERO})
    scale_lr: bool = _optimisation(True, "Learn recurrent and read-out weights at --lr times 576 / units, so that a "
                                         "recipe for a small sheet holds on a large one.", needs=_FREE)
    warmup_steps: int = _optimisation(200, "Steps over which the learning rate first rises.", unit="steps",
                                      bounds=Bounds(0, 10**15))
    lr_schedule: str = _optimisation("cosine", "Course of the learning rate after the warm-up.",
                                     choices=("cosine", "constant"))
    final_lr_share: float = _optimisation(0.0, "Learning rate at the end, as a share of --lr.", bounds=SHARE,
                                          needs={"lr_schedule": ("cosine",)})
    weight_decay: float = _optimisation(1e-4, "Weight of the squared recurrent weights in the loss; of an LSTM, of "
                                              "those of bottleneck and read-outs.", bounds=NOT_NEGATIVE)
    weight_decay_towards: str = _optimisation("zero", "Where weight decay pulls the recurrent weights to.",
                                              choices=("zero", "identity"),
                                              needs={**_LEAKY, "weight_decay": ABOVE_ZERO})
    activity_cost: float = _optimisation(20.0, "Weight of the mean squared activity in the loss.", bounds=NOT_NEGATIVE,
                                         needs=_JOINT_READOUT)
    grad_clip: float = _optimisation(1.0, "Norm that longer gradients are shortened to; 0 leaves all as they are.",
                                     bounds=NOT_NEGATIVE)

    eval_at_start: bool | str = _evaluation("auto", "Evaluate the untrained network too; auto does so unless it "
                                                    "gets a quick evaluation instead.", may_lack=True)
    eval_walks: int = _evaluation(2000, "Held-out walks behind the rate maps.", unit="walks", bounds=COUNT)
    eval_bins: int = _evaluation(20, "Bins along each side of a rate map.", bounds=Bounds(5, 200))
    eval_surrogates: int | str = _evaluation("auto", "Surrogate maps of every unit for the grid-cell test; auto takes "
                                                     "as many as its p-values need.", unit="maps", bounds=COUNT,
                                             may_lack=True)
    eval_burn_in: int | str = _evaluation("auto", "Steps left out at the start of every walk; auto waits until the "
                                                  "slowest unit holds less than 1 per cent of its start.", unit="steps",
                                          bounds=Bounds(0, 10**6))
    long_seconds: float = _evaluation(10.0, "Duration of the long walks on which errors are followed.", unit="s",
                                      bounds=Bounds(0, 3600, open_low=True))
    long_walks: int = _evaluation(200, "Number of long walks.", unit="walks", bounds=COUNT)
    error_seconds: tuple[float, ...] = _evaluation((0.4, 2.0, 10.0), "Moments of the long walks at which errors are "
                                                   "told.", unit="s", may_lack=True,
                                                   bounds=Bounds(0, 3600, open_low=True))
    place_feedback: float = _evaluation(0.0, "How strongly, when measured, the predicted place code pulls every unit "
                                             "towards what its encoder makes of it; errors are told with and without.",
                                        bounds=SHARE, needs=_LEAKY, may_lack=True)
    place_feedback_every: int = _evaluation(4, "Every how-manieth step that happens, at as many times the strength.",
                                            unit="steps", bounds=COUNT, needs={"place_feedback": ABOVE_ZERO},
                                            may_lack=True)
    place_feedback_code: str = _evaluation("predicted", "What is fed back: the predicted place code as it is, or the "
                                                        "code of the place that is decoded from it, as if place cells "
                                                        "competed.", choices=("predicted", "decoded"),
                                           needs={"place_feedback": ABOVE_ZERO}, may_lack=True)

    wandb: str = _tracking("auto", "Mirror the run to W&B; auto goes online with a key and offline without.",
                           choices=("auto", "online", "offline", "disabled"))
    wandb_project: str = _tracking("topogrid", "W&B project.", needs=_WANDB)
    wandb_entity: str = _tracking("", "W&B team or user; W&B's own choice when left out.", needs=_WANDB)
    wandb_name: str = _tracking("", "Name of the run in W&B; the run's name when left out.", needs=_WANDB)
    wandb_group: str = _tracking("", "W&B group, for comparing seeds.", needs=_WANDB)
    wandb_tags: tuple[str, ...] = _tracking((), "W&B tags.", needs=_WANDB)
    wandb_artifact: bool = _tracking(False, "Log the trained weights as a W&B artifact even offline.", needs=_WANDB)
    # fmt: on

    @property
    def sheet(self) -> Sheet:
        """The sheet that the units stand on."""
        # Its package measures maps with SciPy, which takes longer to import than a command line takes to be answered.
        from topogrid.analysis.sheets import Sheet

        return Sheet.of_units(self.n_grid_cells, self.modules_per_side)

    @property
    def sheet_side(self) -> int:
        """Units along each side of the sheet."""
        return math.isqrt(self.n_grid_cells)

    @property
    def surround(self) -> float:
        """Weight of the surround of the place code: 0 for Gaussian place cells."""
        return self.surround_amplitude if self.DoG else 0.0


FEEDBACK_SETTINGS = ("place_feedback", "place_feedback_code")
"""Settings of the loop from the predicted place code back to the units that may be chosen for every measurement."""

MEASUREMENT_SETTINGS = (
    "eval_walks",
    "eval_surrogates",
    "eval_burn_in",
    "long_seconds",
    "long_walks",
    *FEEDBACK_SETTINGS,
)
"""Settings of the evaluation that may differ from the run's when it is measured again; bins are given on their own."""

LEFT_OUT_SETTINGS = (
    "box_size",
    "dt",
    "seq_length",
    "periodic",
    "pc_width",
    "DoG",
    "surround_scale",
    "surround_amplitude",
    "head_direction_concentration",
    "activation",
    "signed_start",
    "tau_min",
    "tau_max",
    "seed",
)
"""Settings that a bare checkpoint leaves out and that change what is measured."""
