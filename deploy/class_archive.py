"""Writes the archive of the classes that a broker loads (JEP 350), so that each later one starts in half the time.

usage: class_archive.py VERSION FILE
"""

import os
import pathlib
import shutil
import sys

import local_cluster


def main():
    version, target = sys.argv[1], pathlib.Path(sys.argv[2])
    local_cluster.on_signals_exit()
    directory = local_cluster.temporary_directory("classes")
    written = directory / "classes.jsa"
    try:
        broker = local_cluster.KafkaBroker(directory / "broker", version)
        broker.format()
        broker.archive = f"-XX:ArchiveClassesAtExit={written}"
        broker.start()
        broker.stop(60)     # the archive is written at its end
        # Its name appears only when it is whole; who has the old one mapped keeps it.
        whole = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.copyfile(written, whole)
        whole.rename(target)
    finally:
        local_cluster.end_all()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
