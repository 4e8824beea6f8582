"""The study at work on Ray: broker, slices, driver. The only importer of `ray.tune`."""
