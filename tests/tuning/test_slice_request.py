"""What Ray Tune is asked for, a slice."""

from caviar.tuning.trainable import SliceTrainable

CONFIG = {"study": "s", "slice": 0, "cpus": 2, "gpus": 0.25, "worker": "w"}


def test_a_slice_asks_for_its_share_and_kind_of_card():
    extra = {"accelerator_type:A100": 0.001}
    asked = SliceTrainable.default_resource_request(CONFIG | {"extra": extra, "labels": {}})
    assert asked.bundles == [{"CPU": 2.0, "GPU": 0.25, "accelerator_type:A100": 0.001}]
    assert "bundle_label_selector" not in asked._bound.arguments


def test_a_slice_asks_by_label_where_nodes_have_nothing_else():
    labels = {"ray.io/accelerator-type": "A100"}
    asked = SliceTrainable.default_resource_request(CONFIG | {"extra": {}, "labels": labels})
    assert asked._bound.arguments["bundle_label_selector"] == [labels]


def test_a_slice_without_cards_asks_for_none():
    asked = SliceTrainable.default_resource_request(CONFIG | {"gpus": 0})
    assert asked.bundles == [{"CPU": 2.0}]
