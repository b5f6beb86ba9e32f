"""What is tracked of training itself: the loss, the step, the time constants, the machine."""

from topogrid.measures.record import Measure

LOSS = Measure("train/total_loss", "", "loss", "total loss", "nats", digits=4)
CROSS_ENTROPY = Measure("train/ce_loss", "", "cross-entropy", "cross-entropy", "nats", digits=4)
"""These two, as all terms of the loss, are described where they are computed: `topogrid.training.objective`."""

TRAINING_ERROR = Measure(
    "train/position_error_cm",
    "Distance between decoded and true position, mean over the batch and its steps, cm.",
    "training error",
    "training walks",
    "cm",
)
TRAINING_DIRECTION_ERROR = Measure(
    "train/head_direction_error_deg",
    "Angle between decoded direction and movement, mean over the batch and its steps, degrees; 90 is chance.",
    "training error of direction",
    "direction, training walks",
    "degrees",
    panel=False,
)
RATE = Measure("train/lr", "Learning rate of the step.", "learning rate", "learning rate", digits=6)
TOPOLOSS_WEIGHT = Measure(
    "train/topoloss_weight",
    "Weight of the topographic loss in the step, as --topoloss_schedule has it.",
    "weight of the topographic loss",
    "topographic weight",
    digits=4,
    panel=False,
)
MINUTES = Measure("perf/minutes", "Time from start to end of this process, min.", "training", "training", "min")
STEPS_DONE = Measure("train/steps_done", "Steps trained when the run ended.", "steps", "steps", digits=0)
TURNS = Measure(
    "train/n_turns",
    "How often the run was resumed with other settings of learning, as more --steps under a cosine schedule.",
    "changes on the way",
    "changes on the way",
    digits=0,
    panel=False,
)

TAU_MEAN = Measure("tau/mean", "Mean time constant, steps.", "mean tau", "mean", "steps", digits=2)
TAU_MIN = Measure("tau/min", "Smallest time constant, steps.", "smallest tau", "smallest", "steps", digits=2)
TAU_MAX = Measure("tau/max", "Largest time constant, steps.", "largest tau", "largest", "steps", digits=2)
TAU_ORDER = Measure(
    "tau/morans_i",
    "Moran's I of log tau on the sheet, -1 to 1; topographic by construction where a loss asks for it.",
    "Moran's I of tau",
    "tau",
    digits=2,
    of_tau=True,
)

TRAINING = (
    TRAINING_ERROR,
    TRAINING_DIRECTION_ERROR,
    Measure("train/grad_norm", "Norm of the whole gradient before clipping."),
    RATE,
    TOPOLOSS_WEIGHT,
    Measure("train/steps_per_sec", "Training steps per second since the last logged step, evaluations left out."),
    STEPS_DONE,
    TURNS,
)
TIME_CONSTANTS = (
    TAU_MEAN,
    Measure("tau/std", "Standard deviation of the time constants, steps."),
    TAU_MIN,
    TAU_MAX,
    TAU_ORDER,
    Measure(
        "tau/explained_by_plane",
        "Share of the variance of log tau that a plane over the sheet explains: a gradient.",
        panel=False,
    ),
    Measure(
        "tau/explained_by_radius",
        "Share that the distance from the best centre on the sheet explains: rings.",
        panel=False,
    ),
    Measure(
        "tau/share_of_range",
        "Range of tau, 1st to 99th percentile, as a share of an even ramp from tau_min to tau_max.",
        panel=False,
    ),
)
MACHINE = (
    Measure("perf/step_ms", "Time of one training step, ms."),
    Measure("perf/peak_memory_mb", "Most memory held so far, on the GPU if there is one, else by the process, MB."),
    Measure("perf/eval_seconds", "Time of the last evaluation, s."),
    MINUTES,
    Measure("perf/n_parameters", "Number of trained parameters."),
)
