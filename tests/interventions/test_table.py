"""Each intervention does what it says and nothing else, and one table shows all of them."""

import csv
import dataclasses
import json
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import train_grid
from topogrid.analysis import grid_gate
from topogrid.analysis.maps import units as unit_measures
from topogrid.analysis.maps.units import measure_units
from topogrid.analysis.paired import compare
from topogrid.analysis.synthetic import lattice_map
from topogrid.cli.main import main as topogrid_main
from topogrid.evaluation.evaluate import evaluate
from topogrid.evaluation.probe import Probe
from topogrid.evaluation.results import Evaluation
from topogrid.evaluation.summary import summarise
from topogrid.interventions.catalogue import INTERVENTIONS
from topogrid.interventions.condition import Condition
from topogrid.interventions.paired import paired
from topogrid.interventions.report import counted_units, full_table, key, key_table
from topogrid.interventions.run import BASELINE, HIDDEN, Outcome, hide, intervene
from topogrid.interventions.silencing import silence
from topogrid.interventions.table import ACTIONS, NEEDS, do, obstacles
from topogrid.interventions.walks import scale_dt
from topogrid.measures import METRICS
from topogrid.model.network import PathIntegrator
from topogrid.model.units import TauRNN
from topogrid.settings.config import TrainConfig
from topogrid.settings.cost import burn_in_steps
from topogrid.streams import make_generators
from topogrid.trained.trained import Trained
from topogrid.world.place_cells import PlaceCells
from topogrid.world.walks import simulate_walks, split_steps

CONFIG = TrainConfig(
    n_grid_cells=36,
    n_place_cells=32,
    tau=True,
    tau_max=6.0,
    seq_length=8,
    eval_walks=20,
    eval_bins=10,
    long_seconds=0.4,
    long_walks=4,
)
TAU_CHANGES = ("tau_x0.5", "tau_x2", "tau_flat", "tau_permuted", "tau_swapped")


@pytest.fixture(autouse=True, scope="module")
def few_surrogates():
    """Judge grid cells against few surrogates: thousands of them take all the time of an evaluation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unit_measures, "grid_gate", partial(grid_gate, n_surrogates=4))
        yield


def subject_of(config: TrainConfig = CONFIG) -> Condition:
    """Return a network that is not at its first weights, as if it had been trained."""
    generators = make_generators(config.seed, "cpu", ("weights", "place_cells", "training"))
    network = PathIntegrator.from_config(config, generator=generators["weights"])
    with torch.no_grad():
        for parameter in (network.units.w_in, network.units.wiring.weight, network.readout):
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=generators["training"]))
        if network.units.log_tau is not None:
            shift = torch.rand(config.n_grid_cells, generator=generators["training"])
            network.units.log_tau.add_(0.1 * shift).clamp_(min=0)
    return Condition(Trained(network, PlaceCells.from_config(config, generators["place_cells"]), config, 7))


@pytest.fixture(scope="module")
def subject():
    return subject_of()


@pytest.fixture(scope="module")
def before(subject):
    return evaluate(Trained(subject.network, subject.place_cells, subject.config, 7))


def weights(network: PathIntegrator) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def differing(one: PathIntegrator, other: PathIntegrator) -> set[str]:
    theirs = other.state_dict()
    return {name for name, value in one.state_dict().items() if not torch.equal(value, theirs[name])}


def tau_of(subject: Condition) -> torch.Tensor:
    tau = subject.network.units.tau
    assert tau is not None
    return tau.detach()


# --- What is changed, and what is not --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", INTERVENTIONS)
def test_the_original_stays_as_it_is_bit_for_bit(name, subject, before):
    if name in BY_MODULE:
        subject = of_modules()
    config = subject.config
    kept, centres = weights(subject.network), subject.place_cells.centres.clone()
    changed = do(name, subject, before)
    with torch.no_grad():
        for parameter in changed.network.parameters():
            if changed.network is not subject.network:
                parameter.fill_(0.5)
    assert all(torch.equal(value, kept[key]) for key, value in subject.network.state_dict().items())
    assert torch.equal(subject.place_cells.centres, centres)
    assert subject.config == config
    assert subject.probe == Probe()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        *((name, {"units.log_tau"}) for name in TAU_CHANGES),
        ("other_animals", set()),
        ("speed_x2", set()),
        ("box_x1.5", set()),
        ("dt_x0.5", {"units.log_tau", "units.w_in"}),
        ("no_recurrence", {"units.wiring.weight"}),
    ],
)
def test_nothing_else_is_changed(name, parts, subject, before):
    assert differing(do(name, subject, before).network, subject.network) == parts


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_tau_is_scaled_down_to_one_step(factor, subject, before):
    changed = do(f"tau_x{factor:g}", subject, before)
    torch.testing.assert_close(tau_of(changed), (factor * tau_of(subject)).clamp(min=1))
    n_floored = int((factor * tau_of(subject) < 1).sum())
    assert (f"{n_floored} units" in changed.note) == (n_floored > 0)


def test_a_knock_out_keeps_the_mean(subject, before):
    tau = tau_of(do("tau_flat", subject, before))
    torch.testing.assert_close(tau, tau_of(subject).mean().expand_as(tau))


@pytest.mark.parametrize("name", ["tau_permuted", "tau_swapped"])
def test_dealing_tau_out_keeps_its_values(name, subject, before):
    changed = do(name, subject, before)
    torch.testing.assert_close(tau_of(changed).sort().values, tau_of(subject).sort().values)
    assert not torch.equal(tau_of(changed), tau_of(subject))


def test_swapping_makes_the_fastest_the_slowest_and_twice_is_nothing(subject, before):
    swap = partial(do, "tau_swapped")
    once = swap(subject, before)
    assert tau_of(once).argsort(stable=True).tolist() == tau_of(subject).argsort(stable=True).flip(0).tolist()
    torch.testing.assert_close(tau_of(swap(once, before)), tau_of(subject))


def test_permuting_is_the_same_every_time(subject, before):
    one, other = (do("tau_permuted", subject, before) for _ in range(2))
    assert torch.equal(tau_of(one), tau_of(other))


def test_untrained_is_the_network_before_its_first_step(subject, before):
    first = PathIntegrator.from_config(CONFIG, generator=make_generators(0, "cpu", ("weights",))["weights"])
    assert differing(do("untrained", subject, before).network, first) == set()


def test_leak_only_keeps_nothing_of_training_but_tau(subject, before):
    changed = do("leak_only", subject, before)
    first = PathIntegrator.from_config(CONFIG, generator=make_generators(0, "cpu", ("weights",))["weights"])
    assert differing(changed.network, first) == {"units.wiring.weight", "units.log_tau"}
    assert not changed.network.units.wiring.weight.any()
    torch.testing.assert_close(tau_of(changed), tau_of(subject))


# --- Silencing -------------------------------------------------------------------------------------------------------


def test_silenced_units_stay_silent_and_the_others_do_as_if_they_were_not_there(subject):
    gone = [0, 7, 8, 35]
    left = np.setdiff1d(np.arange(36), gone)
    whole = subject.network
    part = PathIntegrator(32, TauRNN(len(left), tau=tau_of(subject)[left], tau_bounds=(1.0, 10.0)))
    with torch.no_grad():
        part.encoder.copy_(whole.encoder[left])
        part.units.w_in.copy_(whole.units.w_in[left])
        part.units.wiring.weight.copy_(whole.units.wiring.weight[left][:, left])
        part.readout.copy_(whole.readout[:, left])
    generator = torch.Generator().manual_seed(1)
    walks = simulate_walks(5, 30, box_size=(2.2, 2.2), dt=0.02, generator=generator)
    code = subject.place_cells.encode(walks.start)
    silenced, smaller = silence(subject, gone).network(code, walks.displacement), part(code, walks.displacement)
    assert not silenced.activity[..., gone].any()
    torch.testing.assert_close(silenced.activity[..., left], smaller.activity)
    torch.testing.assert_close(silenced.logits, smaller.logits)


def test_the_units_that_are_silenced_are_the_living_ones_that_were_asked_for(subject, before):
    maps = before.settled.rate_maps.maps.copy()
    dead = np.argsort(before.tau)[-3:]  # the slowest units are dead: they cannot be silenced
    maps[dead] *= 0
    view = measure_units(dataclasses.replace(before.settled.rate_maps, maps=maps), np.random.default_rng(0))
    measured = dataclasses.replace(before, settled=view)
    alive = np.flatnonzero(~view.dead)
    n_wanted = round(len(alive) / 5)
    silenced = {
        name: np.array(do(f"silence_{name}", subject, measured).silenced) for name in ("slow", "fast", "best", "random")
    }
    by_tau = alive[np.argsort(measured.tau[alive], kind="stable")]
    by_score = alive[np.argsort(np.nan_to_num(view.scores.score_60[alive], nan=-9), kind="stable")]
    assert {name: len(units) for name, units in silenced.items()} == dict.fromkeys(silenced, n_wanted)
    assert set(silenced["slow"]) == set(by_tau[-n_wanted:])
    assert set(silenced["fast"]) == set(by_tau[:n_wanted])
    assert set(silenced["best"]) == set(by_score[-n_wanted:])
    assert set(silenced["random"]) <= set(alive)


def test_a_unit_that_is_not_there_cannot_be_silenced(subject):
    with pytest.raises(ValueError, match="must be 0 to 35, got 3 to 36"):
        silence(subject, [3, 36])


def test_hidden_units_count_as_dead_and_the_others_keep_their_scores(before):
    hidden = hide(before, [2, 3], CONFIG)
    left = np.setdiff1d(np.arange(36), [2, 3])
    assert hidden.settled.dead[[2, 3]].all()
    np.testing.assert_array_equal(hidden.settled.scores.score_60[left], before.settled.scores.score_60[left])
    np.testing.assert_array_equal(hidden.settled.lattice.spacing[left], before.settled.lattice.spacing[left])
    assert not before.settled.dead[[2, 3]].all()


# --- How animals walk ------------------------------------------------------------------------------------------------


def test_a_smaller_step_integrates_the_same_equation(before):
    config = dataclasses.replace(CONFIG, tau_min=30.0, tau_max=60.0)
    slow = subject_of(config)
    finer = scale_dt(slow, before, factor=0.5)
    walks = simulate_walks(20, 40, box_size=(2.2, 2.2), dt=0.02, generator=torch.Generator().manual_seed(2))
    twice = split_steps(walks, 2, box_size=(2.2, 2.2))
    code = slow.place_cells.encode(walks.start)
    with torch.no_grad():
        coarse = slow.network(code, walks.displacement).activity
        fine = finer.network(code, twice.displacement).activity[1::2]
        wrong = slow.network(code, twice.displacement).activity[1::2]
    size = (coarse - coarse[0]).norm()
    assert (fine - coarse).norm() < 0.05 * size
    assert (wrong - coarse).norm() > 0.3 * size


def test_a_larger_box_has_bins_of_the_same_size_and_errors_of_the_trained_one_only(subject, before):
    larger = evaluate(Trained(subject.network, subject.place_cells, CONFIG, 7), probe=Probe(box_factor=2.0))
    maps, trained = larger.settled.rate_maps, before.settled.rate_maps
    assert maps.box_size == (4.4, 4.4)
    np.testing.assert_allclose(np.diff(maps.edges_x), np.diff(trained.edges_x)[0])
    assert maps.occupancy.sum() == 4 * trained.occupancy.sum()
    first_steps = larger.start.rate_maps.occupancy  # walks start in the trained box and have gone some centimetres
    assert first_steps[4:-4, 4:-4].sum() == first_steps.sum()
    assert np.isfinite(larger.decoding.error_cm)
    # Nobody in the trained box can be further off than its diagonal.
    assert np.nanmax(larger.decoding.hold_still_cm) < 100 * math.hypot(2.2, 2.2)


def test_a_faster_animal_gets_further(subject, before):
    faster = evaluate(Trained(subject.network, subject.place_cells, CONFIG, 7), probe=Probe(speed_factor=2.0))
    assert faster.decoding.hold_still_cm[5] == pytest.approx(2 * before.decoding.hold_still_cm[5], rel=0.2)


def test_another_step_lasts_as_long(subject, before):
    for factor in (0.5, 2.0):
        changed = scale_dt(subject, before, factor=factor)
        measured = evaluate(Trained(changed.network, subject.place_cells, CONFIG, 7), probe=changed.probe)
        assert measured.decoding.seconds[-1] == pytest.approx(before.decoding.seconds[-1])
        # The same animals: where they are does not depend on how often one looks.
        assert measured.decoding.hold_still_cm[-1] == pytest.approx(before.decoding.hold_still_cm[-1], rel=1e-5)


def test_the_burn_in_is_that_of_the_slowest_unit_or_what_was_asked_for(subject, before):
    assert before.burn_in == burn_in_steps(float(before.tau.max()))
    for given in (0, 5):
        config = dataclasses.replace(CONFIG, eval_burn_in=given)
        measured = evaluate(Trained(subject.network, subject.place_cells, config, 7))
        assert measured.burn_in == given
        same = np.array_equal(measured.settled.rate_maps.maps, measured.start.rate_maps.maps, equal_nan=True)
        assert same == (given == 0)


def test_activity_is_never_held_for_longer_than_a_part_of_a_walk(subject, monkeypatch):
    lengths = []
    forward = TauRNN.forward

    def noted(self: TauRNN, moves: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        lengths.append(len(moves))
        return forward(self, moves, state)

    monkeypatch.setattr(TauRNN, "forward", noted)
    config = dataclasses.replace(CONFIG, eval_burn_in=300, long_seconds=4.0)
    evaluate(Trained(subject.network, subject.place_cells, config, 7))
    assert max(lengths) <= 100


# --- The table -------------------------------------------------------------------------------------------------------


def test_spacing_is_compared_unit_by_unit_and_its_slope_on_tau_found(before):
    """Perfect lattices whose spacing is the root of tau, then a fifth larger."""
    spacing = np.linspace(0.5, 0.8, 36)

    def measured(factor: float) -> Evaluation:
        maps = np.stack([lattice_map(factor * s, 10, n_bins=20, threshold=-0.5) for s in spacing])
        full = dataclasses.replace(before.settled.rate_maps, maps=maps, occupancy=np.ones((20, 20), dtype=np.int64))
        view = measure_units(full, np.random.default_rng(0))
        return dataclasses.replace(before, settled=view, tau=(spacing / 0.5) ** 2)

    one, larger = measured(1.0), measured(1.2)
    paired = compare(one.settled, larger.settled)
    assert paired["kept_share"] == 1
    assert paired["n_spacing"] == 36
    assert paired["spacing_ratio"] == pytest.approx(1.2, rel=0.02)
    assert paired["lattices/kept_share"] == 1
    assert paired["lattices/spacing_ratio"] == pytest.approx(1.2, rel=0.02)
    assert compare(one.settled, one.settled)["map_correlation"] == pytest.approx(1)
    row = summarise(one, CONFIG)
    assert row["validation/scaling_slope"] == pytest.approx(0.5, abs=0.05)
    assert row["validation/tau_spacing_rho"] > 0.98
    left = row["validation/spacing_partial_morans_i"]
    assert np.isnan(left) or left < row["validation/spacing_morans_i"]  # NaN: tau explains spacing to the last digit
    assert row["validation/grid_cell_spacing_m"] == pytest.approx(0.65, rel=0.02)
    assert set(row) <= set(METRICS)


BY_MODULE = ("tau_permuted_modules", "tau_reversed")  # a sheet without modules cannot have them


def test_a_plain_network_is_told_why_it_has_no_time_constants():
    plain = subject_of(dataclasses.replace(CONFIG, tau=False, tau_max=10.0))
    left_out = obstacles(plain, list(INTERVENTIONS))
    assert set(left_out) == {
        *TAU_CHANGES,
        "tau_x0.8",
        "tau_x1.25",
        *BY_MODULE,
        "dt_x0.5",
        "dt_x2",
        "silence_slow",
        "silence_fast",
    }
    assert left_out["tau_x2"] == "a plain network has no time constants"
    with pytest.raises(ValueError, match="plain network"):
        do("tau_x2", plain, None)


def test_equal_time_constants_cannot_be_dealt_out_and_a_torus_has_no_walls():
    even = subject_of(dataclasses.replace(CONFIG, tau_init="uniform", periodic=True))
    with torch.no_grad():
        even.network.units.log_tau.fill_(1.0)
    left_out = obstacles(even, list(INTERVENTIONS))
    assert set(left_out) == {
        "tau_flat", "tau_permuted", *BY_MODULE, "tau_swapped", "silence_slow", "silence_fast", "box_x1.5", "box_x2"
    }  # fmt: skip


def test_every_action_and_need_of_the_catalogue_is_known():
    assert {one.action for one in INTERVENTIONS.values()} | {"silence module"} == set(ACTIONS)
    assert {need for one in INTERVENTIONS.values() for need in one.needs} == set(NEEDS)


def of_modules() -> Condition:
    """Return a network of four learned modules."""
    return subject_of(
        dataclasses.replace(
            CONFIG, n_grid_cells=64, wiring="learned", norm="module", modules_per_side=2, DoG=False, pc_width=(0.3,)
        )
    )


def test_a_dose_reaches_the_units_it_is_meant_for_and_no_other():
    condition = of_modules()
    tau, inside = tau_of(condition), torch.from_numpy(condition.config.sheet.module_of == 2)
    changed = tau_of(do("tau_x2@module2", condition, None))
    torch.testing.assert_close(changed[inside], 2 * tau[inside])
    assert torch.equal(changed[~inside], tau[~inside])
    weights = np.linspace(0, 1, 64)
    ramp = tau_of(do("tau_x2", condition, None, weights=weights))
    torch.testing.assert_close(ramp.double(), tau.double() * torch.from_numpy(2**weights), rtol=1e-5, atol=0)
    with pytest.raises(ValueError, match="where must be"):
        do("tau_x2", condition, None, weights=np.ones(3))


def test_a_module_is_silenced_as_a_whole():
    condition = of_modules()
    gone = do("silence@module1", condition, None).silenced
    assert gone == tuple(np.flatnonzero(condition.config.sheet.module_of == 1).tolist())


def test_a_module_that_is_not_there_is_left_out_with_a_reason(subject):
    condition = of_modules()
    assert obstacles(condition, ["tau_x2@module4"]) == {"tau_x2@module4": "the modules of the sheet are 0 to 3"}
    assert obstacles(subject, ["tau_x2@module0"]) == {"tau_x2@module0": "the sheet has no modules"}


def test_units_are_kept_side_by_side_before_and_after(before):
    larger = dataclasses.replace(before, tau=1.5 * before.tau)
    pair = paired(before, larger, CONFIG.sheet)
    np.testing.assert_allclose(pair.log_tau_change, np.log(1.5))
    counted = np.nan_to_num(before.settled.scores.score_60, nan=-9) > 0.3
    np.testing.assert_array_equal(pair.counted, counted)
    has_lattice = counted & np.isfinite(before.settled.lattice.spacing)
    np.testing.assert_array_equal(np.isfinite(pair.log_spacing_change), has_lattice)
    np.testing.assert_allclose(pair.log_spacing_change[has_lattice], 0)
    np.testing.assert_allclose(pair.module_tau_after, 1.5 * pair.module_tau_before)
    assert {values.shape for values in pair.arrays().values()} == {(36,), (1,)}


def test_the_table_is_over_grid_cells_or_else_says_that_it_is_not(before):
    def outcome(n_grid: float) -> Outcome:
        measures = {
            "validation/n_grid_cell_spacings": n_grid,
            "validation/grid_cell_spacing_m": 0.7,
            "validation/spacing_median_m": 0.9,
            "paired/kept_share": 0.5,
            "paired/lattices/kept_share": 0.25,
        }
        pair = paired(before, before, CONFIG.sheet)
        return Outcome("baseline", "", "", "", measures, pair)

    enough, few = [outcome(20.0)], [outcome(3.0)]
    assert counted_units(enough).who == "grid cells"
    assert {"0.700", "50"} <= set(key_table(enough)[1][0])
    assert {"0.900", "25"} <= set(key_table(few)[1][0])
    assert "no single one for more than a hint" in key(few)
    assert "hint" not in key(enough)


def test_a_missing_value_is_a_dash_for_people_and_nan_for_programs(subject):
    outcomes = [
        dataclasses.replace(outcome, measures={"validation/share_gate": 0.25, "validation/null_share_gate": 0.01})
        for outcome in intervene(subject, [])
    ]
    columns, rows = key_table(outcomes)
    assert rows[0][columns.index("grid cells %")] == "25.0 (1.0)"
    assert set(rows[0]) == {BASELINE, "25.0 (1.0)", "-"}
    odd = [outcomes[0], dataclasses.replace(outcomes[0], measures={"perf/minutes": 1.0})]
    names, values = full_table(odd)
    assert math.isnan(values[0][names.index("perf/minutes")])
    assert math.isnan(values[1][names.index("validation/share_gate")])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the folder of a run that trained for a step."""
    tmp_path = tmp_path_factory.mktemp("run")
    flags = [
        "--preset",
        "smoke",
        "--tau",
        "--wiring",
        "dense",
        "--wandb",
        "disabled",
        "--name",
        "a",
        "--steps",
        "1",
        "--eval_walks",
        "10",
    ]
    sizes = ["--n_grid_cells", "36", "--eval_bins", "10", "--long_seconds", "0.2", "--precision", "fp32"]
    folders = ["--save_dir", str(tmp_path / "runs"), "--gallery_dir", str(tmp_path / "imgs")]
    assert train_grid.main([*flags, *sizes, *folders]) == 0
    return tmp_path / "runs" / "a"


def test_the_command_writes_one_complete_table(run: Path, capsys):
    assert topogrid_main(["intervene", str(run)]) == 0
    said = capsys.readouterr().out
    wanted = [BASELINE]
    for name in (name for name in INTERVENTIONS if name not in BY_MODULE):
        wanted += [name, f"{name}{HIDDEN}"] if name.startswith("silence") else [name]
    folder = run / "interventions"
    with (folder / "table.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["intervention"] for row in table] == wanted
    measures = {name for name in table[0] if "/" in name}
    both_views = {name.replace("validation/start/", "validation/") for name in measures}
    assert {"validation/share_gate", "validation/null_share_gate", "validation/trajectory_error_cm"} <= both_views
    assert {name for name in measures if not name.startswith("paired/")} <= set(METRICS)
    record = json.loads((folder / "table.json").read_text(), parse_constant=pytest.fail)  # no NaN in JSON
    assert [one["name"] for one in record["outcomes"]] == wanted
    assert record["outcomes"][0]["measures"]["paired/map_correlation"] == pytest.approx(1)
    hidden = {one["name"]: one["compare_with"] for one in record["outcomes"]}
    assert hidden["silence_slow"] == f"silence_slow{HIDDEN}"
    assert hidden["tau_x2"] == BASELINE
    page = (folder / "table.md").read_text()
    assert all(f"| {name} " in page and f"`{name}`" in page and f"\n{name} " in f"\n{said}" for name in wanted)
    assert np.asarray(Image.open(folder / "table.png").convert("L"), dtype=float).std() > 3


def test_every_question_has_files_of_its_own(run: Path, capsys):
    folder = run / "interventions"
    asked = ["intervene", str(run), "--only", "no_recurrence", "--eval_walks"]
    assert topogrid_main([*asked, "4"]) == 0
    kept = (folder / "no_recurrence.npz").read_bytes()
    with (folder / "no_recurrence.csv").open() as file:
        assert [row["intervention"] for row in csv.DictReader(file)] == [BASELINE, "no_recurrence"]
    assert topogrid_main([*asked, "5"]) == 0
    assert topogrid_main(["intervene", str(run), "--only", "tau_x1.1", "--eval_walks", "4"]) == 0
    assert topogrid_main([*asked, "4"]) == 0
    assert (folder / "no_recurrence.npz").read_bytes() == kept
    found = {path.stem for path in folder.glob("*.json")}
    assert {"no_recurrence", "no_recurrence-2", "tau_x1.1"} <= found
    assert "no_recurrence-3" not in found
    with np.load(folder / "tau_x1.1.npz") as arrays:
        ratio = arrays["tau_x1.1/tau_after"] / arrays["tau_x1.1/tau_before"]
        assert ratio == pytest.approx(1.1)
        np.testing.assert_array_equal(arrays["baseline/spacing_before"], arrays["tau_x1.1/spacing_before"])
    said = capsys.readouterr().err
    assert "1/2 baseline: " in said  # nobody looks at a bar here
    assert "2/2 tau_x1.1: " in said


def test_an_unknown_name_exits_2_with_the_list(capsys):
    assert topogrid_main(["intervene", "nowhere", "--only", "lesion"]) == 2
    said = capsys.readouterr().err
    assert all(name in said for name in INTERVENTIONS)


def test_chosen_units_are_silenced_beside_their_control(run: Path, capsys):
    assert topogrid_main(["intervene", str(run), "--silence", "0", "3-5", "--eval_walks", "4"]) == 0
    record = json.loads((run / "interventions" / "silence_chosen.json").read_text())
    assert [one["name"] for one in record["outcomes"]] == [BASELINE, "silence_chosen", f"silence_chosen{HIDDEN}"]
    assert "4 of 36 units silenced" in record["outcomes"][1]["note"]
    assert topogrid_main(["intervene", str(run), "--silence", "36"]) == 2
    assert "units to silence must be 0 to 35" in capsys.readouterr().err
