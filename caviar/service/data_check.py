"""A look at data that travel with a job, before they do: where that is quick, and no TensorFlow."""

from __future__ import annotations

from typing import Final

from caviar.service.package import Package

MOST_BYTES: Final = 20 * 2**20
"""Of a file that is read and cut here as the driver does it there: a quarter of a second."""


def check_data(package: Package) -> None:
    """Reads a small file as the study's driver will, and lists a folder of images.

    What does not travel, or takes longer, is looked at by the job.

    Raises:
        StudyError: no class column, a batch that the training part cannot fill, and whatever else
            the driver would refuse.
    """
    named = package.spec.data.path
    if not named:
        return
    path = package.folder / named
    if not path.is_relative_to(package.folder):
        return
    if path.is_dir():
        from caviar.data.image_folder import list_images

        list_images(path)
    elif path.stat().st_size <= MOST_BYTES:
        from caviar.tuning.preparation import prepare

        data = package.spec.data.model_copy(update={"path": str(path)})
        prepare(package.spec.model_copy(update={"data": data}))
