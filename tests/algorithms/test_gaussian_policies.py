"""Normal policies and their perceptrons, against torch's distributions in float64 and against plain arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Independent, Normal, kl_divergence

from replication.algorithms.gaussian_policies import GaussianOutputs
from replication.algorithms.perceptron_policies import PerceptronPolicy, fill_perceptrons, policy_network
from replication.algorithms.policy_networks import Outputs, Spaces
from replication.algorithms.running_moments import combined, first_moments
from replication.specification.families.vector_policies import PerceptronPolicyConfig
from replication.specification.loading import load_variant

SETTINGS = {
    "hidden_units": (64, 32),
    "activation": "tanh",
    "initialisation": "orthogonal",
    "hidden_gain": 2.0,
    "policy_gain": 0.01,
    "value_gain": 1.0,
    "log_deviation_start": -0.5,
    "action_bound": "tanh",
}


def outputs(seed: int, *shape: int) -> GaussianOutputs:
    stream = np.random.default_rng(seed)
    parts = (stream.standard_normal((*shape, 3)), 0.5 * stream.standard_normal((*shape, 3)), np.zeros((*shape, 0)))
    return GaussianOutputs(*(torch.from_numpy(part) for part in parts))


def torch_normal(of: GaussianOutputs) -> Independent:
    return Independent(Normal(of.means, of.log_deviations.exp()), 1)


@pytest.mark.parametrize("shape", [(5,), (4, 2)])
def test_a_normal_policy_is_that_of_torch_distributions(shape: tuple[int, ...]) -> None:
    ours, later = outputs(1, *shape), outputs(2, *shape)
    actions = torch.from_numpy(np.random.default_rng(3).standard_normal((*shape, 3)))
    torch.testing.assert_close(
        ours.log_probabilities(actions), torch_normal(ours).log_prob(actions), rtol=1e-12, atol=0
    )
    torch.testing.assert_close(ours.entropies(), torch_normal(ours).entropy(), rtol=1e-12, atol=0)
    expected = kl_divergence(torch_normal(ours), torch_normal(later))
    torch.testing.assert_close(ours.divergences(later), expected, rtol=1e-12, atol=1e-14)
    assert bool((ours.divergences(ours) == 0.0).all())


def test_gradients_of_a_likelihood_are_those_of_torch_distributions() -> None:
    ours, actions = outputs(1, 6), torch.from_numpy(np.random.default_rng(3).standard_normal((6, 3)))
    means, logs = (part.clone().requires_grad_() for part in ours[:2])
    weights = torch.linspace(-1.0, 1.0, 6, dtype=torch.float64)
    found = torch.autograd.grad(
        (weights * GaussianOutputs(means, logs, ours.values).log_probabilities(actions)).sum(), [means, logs]
    )
    torchs = Independent(Normal(means, logs.exp()), 1).log_prob(actions)
    for one, other in zip(found, torch.autograd.grad((weights * torchs).sum(), [means, logs]), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


def test_draws_are_scaled_and_a_draw_of_0_is_the_mean() -> None:
    ours = outputs(1, 2)
    assert torch.equal(ours.sampled(torch.zeros(2, 3, dtype=torch.float64)), ours.means)
    assert torch.equal(ours.sampled(torch.ones(2, 3, dtype=torch.float64)), ours.means + ours.log_deviations.exp())


def test_the_divergence_of_categorical_policies_is_that_of_torch_distributions() -> None:
    one, other = (torch.from_numpy(np.random.default_rng(seed).standard_normal((7, 4))) for seed in (1, 2))
    found = Outputs(one, one[:, :0]).divergences(Outputs(other, other[:, :0]))
    torch.testing.assert_close(found, kl_divergence(Categorical(logits=one), Categorical(logits=other)))


def filled(num_values: int = 1, **changes: object) -> PerceptronPolicy:
    config = PerceptronPolicyConfig.model_validate(SETTINGS | changes)
    network = PerceptronPolicy(config, Spaces(3, 5), num_values)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(torch.nan)
    fill_perceptrons(network, np.random.default_rng(1), config)
    return network


def test_tn4_tn6_policy_and_values_share_nothing_and_deviations_are_parameters() -> None:
    network, seen = filled(), torch.from_numpy(np.random.default_rng(0).standard_normal((4, 5), dtype=np.float32))
    found = network(seen)
    assert isinstance(found, GaussianOutputs)
    hidden = seen
    for layer in network.policy_layers:
        hidden = torch.tanh(hidden @ layer.weight.T + layer.bias)
    torch.testing.assert_close(found.means, hidden @ network.policy.weight.T + network.policy.bias)
    torch.testing.assert_close(network.embed(seen), hidden)
    of_values = [*network.value_layers.parameters(), *network.values.parameters()]
    policy = torch.autograd.grad(found.means.sum() + found.log_deviations.sum(), of_values, allow_unused=True)
    assert policy == (None,) * len(of_values)
    assert found.log_deviations.tolist() == [[-0.5] * 3] * 4
    assert load_variant("reinforce_tianshou").settings.network.log_deviation_start == -0.5


def test_tn5_weights_are_orthogonal_and_the_last_layer_of_the_policy_is_small() -> None:
    network = filled()
    for layer, gain in ((network.policy_layers[1], 2.0), (network.policy, 0.01), (network.values, 1.0)):
        squares = layer.weight.double() @ layer.weight.double().T
        torch.testing.assert_close(squares, gain**2 * torch.eye(len(squares), dtype=torch.float64), rtol=0, atol=1e-5)
        assert not layer.bias.any()
    wide = network.policy_layers[0].weight.double()  # 64 outputs of 5 inputs: columns are orthogonal
    torch.testing.assert_close(wide.T @ wide, 4.0 * torch.eye(5, dtype=torch.float64), rtol=0, atol=1e-5)
    gains = load_variant("reinforce_tianshou").settings.network
    assert gains.hidden_gain == pytest.approx(math.sqrt(2), rel=1e-15)
    assert gains.policy_gain == pytest.approx(0.01 * math.sqrt(2), rel=1e-15)


def test_uniform_weights_lie_within_the_root_of_the_inputs() -> None:
    network = filled(initialisation="fan_in_uniform", hidden_gain=1.0, policy_gain=1.0)
    for layer in (network.policy_layers[0], network.policy):
        limit = 1.0 / math.sqrt(layer.weight.shape[1])
        assert 0.8 * limit < float(layer.weight.detach().abs().max()) <= limit
        assert 0.0 < float(layer.bias.detach().abs().max()) <= limit


def test_a_policy_of_numbers_of_a_list_has_logits_and_no_deviations() -> None:
    network = filled(num_values=0, log_deviation_start=None, action_bound=None)
    found = network(torch.zeros(2, 5))
    assert isinstance(found, Outputs) and found.logits.shape == (2, 3) and found.values.shape == (2, 0)
    assert "log_deviations" not in dict(network.named_parameters())


def test_settings_choose_the_network() -> None:
    vectors, game = load_variant("reinforce_tianshou").settings, load_variant("a2c").settings
    assert isinstance(policy_network(vectors, Spaces(1, 4), 0), PerceptronPolicy)
    assert hasattr(policy_network(game, Spaces(3), 1), "convolutions")


def test_moments_of_batches_are_those_of_all_numbers() -> None:
    numbers, moments = np.random.default_rng(1).normal(3.0, 2.0, (50, 4)), first_moments((4,))
    assert moments.mean.tolist() == [0.0] * 4 and moments.variance.tolist() == [1.0] * 4
    for batch in (numbers[:1], numbers[1:20], numbers[20:]):
        moments = combined(moments, batch)
    np.testing.assert_allclose(moments.mean, numbers.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.variance, numbers.var(axis=0), rtol=1e-12)
    assert moments.count == 50
    single = combined(combined(first_moments(()), numbers[:9, 0]), numbers[9:, 0])
    assert single.mean == pytest.approx(numbers[:, 0].mean(), rel=1e-12)
