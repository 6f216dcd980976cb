"""Kafka's jars: fetched once through the machine's own Maven, kept in a cache folder.

Belongs here: which version is used, what is fetched, where it is kept. Does not belong here: any
repository's address (Maven's settings have those), and running the jars (`java_broker`).
"""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testkit.kafka.address import KafkaUnavailable, Say
from testkit.kafka.die_with_parent import wrap

KAFKA_VERSION = "4.4.0"
# Kafka logs through slf4j 1.7 and depends on log4j 2 without the bridge between them.
LOG4J_VERSION = "2.25.5"
JAVA_MIN_VERSION = 17
FETCH_TIMEOUT_S = 900.0
JAVA_VERSION_TIMEOUT_S = 30.0

HOW_TO_GET_KAFKA = (
    "set AIFX_KAFKA=HOST:PORT to use a running broker, or start Docker, "
    f"or install Java {JAVA_MIN_VERSION}+ and Maven"
)

POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>aifx.testkit</groupId>
  <artifactId>kafka-jars</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>{LOG4J_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""


def default_cache_dir() -> Path:
    """Give the folder that downloads are kept in.

    Returns
    -------
    Path
        ``$AIFX_CACHE``, else ``~/.cache/aifx``.
    """
    named = os.environ.get("AIFX_CACHE", "").strip()
    return Path(named).expanduser() if named else Path.home() / ".cache" / "aifx"


def find_java() -> str:
    """Find a Java that is new enough.

    Returns
    -------
    str
        The program: ``$JAVA_HOME/bin/java``, else the one on the path.

    Raises
    ------
    KafkaUnavailable
        There is none, or it is too old.
    """
    home = os.environ.get("JAVA_HOME", "").strip()
    at_home = Path(home) / "bin" / "java"
    java = str(at_home) if home and at_home.is_file() else shutil.which("java")
    if java is None:
        msg = f"no Kafka broker can be had (no java found): {HOW_TO_GET_KAFKA}"
        raise KafkaUnavailable(msg)
    found = _java_version(java)
    if found < JAVA_MIN_VERSION:
        msg = f"no Kafka broker can be had ({java} is Java {found}): {HOW_TO_GET_KAFKA}"
        raise KafkaUnavailable(msg)
    return java


def _java_version(java: str) -> int:
    try:
        told = subprocess.run(
            [java, "-version"],
            capture_output=True,
            text=True,
            timeout=JAVA_VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(?:1\.)?(\d+)', told.stderr + told.stdout)
    return int(match[1]) if match else 0


@contextmanager
def _locked(lock_file: Path, say: Say) -> Iterator[None]:
    # The kernel drops the lock with the process, so a killed download blocks nobody.
    with lock_file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("kafka: another process is fetching the jars, waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _is_whole(folder: Path) -> bool:
    pom = folder / "pom.xml"
    return pom.is_file() and pom.read_text(encoding="utf-8") == POM and (folder / "lib").is_dir()


def ensure_jars(cache_dir: Path | None, say: Say) -> Path:
    """Give the folder with Kafka's jars, fetching them when they are not there yet.

    Parameters
    ----------
    cache_dir
        Where downloads are kept; None means `default_cache_dir`.
    say
        Told one line per phase of a download.

    Returns
    -------
    Path
        The folder that holds the jars and nothing else.

    Raises
    ------
    KafkaUnavailable
        They are not there and cannot be fetched.
    """
    cache = cache_dir if cache_dir is not None else default_cache_dir()
    home = cache / f"kafka-{KAFKA_VERSION}"
    if _is_whole(home):
        return home / "lib"
    mvn = shutil.which("mvn")
    if mvn is None:
        msg = f"no Kafka broker can be had (no mvn found, no jars in {home}): {HOW_TO_GET_KAFKA}"
        raise KafkaUnavailable(msg)
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / f"kafka-{KAFKA_VERSION}.lock", say):
        if not _is_whole(home):
            _fetch(mvn, home, say)
    return home / "lib"


def _fetch(mvn: str, home: Path, say: Say) -> None:
    say(f"kafka: fetching Apache Kafka {KAFKA_VERSION} with Maven (about 45 MB, once)")
    began_s = time.monotonic()
    # Beside its destination, so that the rename below stays within one file system.
    with tempfile.TemporaryDirectory(prefix=f".{home.name}-", dir=home.parent) as scratch:
        fetched = Path(scratch) / "whole"
        fetched.mkdir()
        pom = fetched / "pom.xml"
        pom.write_text(POM, encoding="utf-8")
        _copy_dependencies(mvn, pom, fetched / "lib")
        if home.exists():
            # Only an outdated set gets here: a whole one is never replaced.
            home.rename(Path(scratch) / "outdated")
        fetched.rename(home)
    say(f"kafka: jars are in {home} after {time.monotonic() - began_s:.1f} s")


def _copy_dependencies(mvn: str, pom: Path, lib: Path) -> None:
    command = [mvn, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={lib}"]
    try:
        done = subprocess.run(
            wrap(command),
            cwd=pom.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=FETCH_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        msg = f"Maven did not fetch Apache Kafka within {FETCH_TIMEOUT_S:.0f} s: {HOW_TO_GET_KAFKA}"
        raise KafkaUnavailable(msg) from error
    if done.returncode != 0 or not any(lib.glob(f"kafka_2.13-{KAFKA_VERSION}.jar")):
        lines = (done.stdout + done.stderr).splitlines()
        cause = next((line for line in lines if "ERROR" in line), f"exit {done.returncode}")
        msg = f"Maven could not fetch Apache Kafka ({cause.strip()}): {HOW_TO_GET_KAFKA}"
        raise KafkaUnavailable(msg)
