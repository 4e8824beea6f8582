"""The flags of XLA's persistent cache."""

import pytest

from caviar.train.xla_cache import use_xla_cache


def test_flags_name_a_private_folder_and_keep_what_was_set(tmp_path):
    environment = {"XDG_CACHE_HOME": str(tmp_path), "TF_XLA_FLAGS": "--tf_xla_clustering_debug"}
    folder = use_xla_cache(environment)
    assert folder.parent == tmp_path / "caviar" / "xla"
    assert folder.stat().st_mode & 0o777 == 0o700
    kept, directory, kinds = environment["TF_XLA_FLAGS"].split()
    assert kept == "--tf_xla_clustering_debug"
    assert directory == f"--tf_xla_persistent_cache_directory={folder}"
    assert "XLA_CPU_JIT" in kinds


def test_another_folder_and_off(tmp_path):
    assert use_xla_cache({"CAVIAR_XLA_CACHE": str(tmp_path)}).parent == tmp_path
    environment = {"CAVIAR_XLA_CACHE": "off"}
    assert use_xla_cache(environment) is None
    assert "TF_XLA_FLAGS" not in environment


def test_a_cache_set_by_the_person_stands(tmp_path):
    flags = f"--tf_xla_persistent_cache_directory={tmp_path}"
    environment = {"TF_XLA_FLAGS": flags}
    assert use_xla_cache(environment) is None
    assert environment == {"TF_XLA_FLAGS": flags}


def test_a_folder_that_cannot_be_made_turns_the_cache_off(tmp_path):
    (tmp_path / "file").write_text("")
    environment = {"CAVIAR_XLA_CACHE": str(tmp_path / "file")}
    assert use_xla_cache(environment) is None
    assert "TF_XLA_FLAGS" not in environment


def test_it_is_refused_after_tensorflow(monkeypatch):
    import tensorflow as tf

    monkeypatch.delenv("CAVIAR_XLA_CACHE", raising=False)
    monkeypatch.delenv("TF_XLA_FLAGS", raising=False)
    assert tf.__version__
    with pytest.raises(RuntimeError, match="before TensorFlow"):
        use_xla_cache()
