"""The function that a Dask worker runs for a job.

Dask sends it with its code, because it is defined inside another function. So a worker needs the
packages of the lock file, but neither this project nor its version of seqproof.
"""

from __future__ import annotations

from collections.abc import Callable

PROGRAM = "pipelines.cluster.remote_job"  # runs the job, with the code of the copy
RUNS = "runs.tar.gz"  # file in the copy with its runs of MLflow, which no server has
Answer = tuple[str, bytes]  # the result as JSON, and the content of RUNS
Task = Callable[[str, bytes, str], Answer]


def make_task() -> Task:
    """Return the function; it imports the standard library and Dask only."""
    program, runs = PROGRAM, RUNS

    def run_job(job_text: str, archive: bytes, topic: str) -> Answer:
        """Run a job in a copy of the project.

        Args:
            job_text: the job as JSON.
            archive: files of the copy.
            topic: of Dask's events, for the messages of the job.
        """
        import atexit
        import contextlib
        import io
        import json
        import os
        import selectors
        import shutil
        import subprocess
        import sys
        import tarfile
        import tempfile
        from importlib import metadata
        from pathlib import Path

        import dask
        from distributed import get_worker

        worker, job = get_worker(), json.loads(job_text)
        key = worker.get_current_task()

        def differences() -> list[str]:
            installed = {"Python": "{}.{}".format(*sys.version_info)}
            for name in job["versions"]:
                with contextlib.suppress(metadata.PackageNotFoundError):
                    installed.setdefault(name, metadata.version(name))
            return [
                f"{name} {installed.get(name, 'missing')} (here {version})"
                for name, version in job["versions"].items()
                if installed.get(name) != version
            ]

        def fail(problem: str) -> Answer:
            return json.dumps({"error": f"Worker {worker.address} {problem}"}), b""

        def is_wanted() -> bool:
            if worker.status.name in ("closing", "closed", "failed"):
                return False  # the scheduler is lost, for example
            task = worker.state.tasks.get(key)
            return task is not None and task.state in ("executing", "long-running")

        def environment() -> dict[str, str]:
            variables = dict(os.environ)
            # Dask limits the threads of libraries, which changes the order of sums.
            for name, value in dask.config.get("distributed.nanny.pre-spawn-environ", {}).items():
                if variables.get(name) == str(value):
                    del variables[name]
            if not variables.get("MLFLOW_TRACKING_URI"):
                variables["SEQPROOF_TRACKING"] = "queue"  # the runs travel with the result
            variables.update(job["variables"])
            return variables

        def stop(process: subprocess.Popen[bytes]) -> None:
            """Stop the stage before the worker ends, because of SIGTERM for example."""
            assert process.stdin is not None
            with contextlib.suppress(OSError):
                process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)

        different = differences()
        if different:
            more = f" and {len(different) - 3} more" if len(different) > 3 else ""
            return fail(
                f"has other versions: {', '.join(different[:3])}{more}. Install the lock file of "
                "the project there."
            )
        if job["token"] is not None and not Path(job["token"]).exists():
            return fail(
                "does not see the disk of the project, and others do. Use workers of one kind."
            )
        process = None
        folder = Path(tempfile.mkdtemp(prefix="seqproof-", dir=worker.local_directory)).resolve()
        try:
            with tarfile.open(fileobj=io.BytesIO(archive)) as files:
                # Python 3.11.3 and older have no filters.
                files.extraction_filter = getattr(tarfile, "data_filter", None)
                files.extractall(folder)
            process = subprocess.Popen(
                [sys.executable, "-m", program],
                cwd=folder,
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            assert process.stdin is not None
            assert process.stdout is not None
            atexit.register(stop, process)
            worker.log_event(topic, {"address": worker.address, "process": process.pid})
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(job_text.encode() + b"\n")
                process.stdin.flush()
            answer, rest = "", b""
            with selectors.DefaultSelector() as selector:
                selector.register(process.stdout, selectors.EVENT_READ)
                while True:
                    if not is_wanted() and not process.stdin.closed:
                        with contextlib.suppress(BrokenPipeError):
                            process.stdin.close()  # the end of its input stops the job
                    if not selector.select(0.25):
                        continue
                    data = os.read(process.stdout.fileno(), 65536)
                    *lines, rest = (rest + data).split(b"\n")
                    for line in lines if data else [rest]:
                        text = line.decode("utf-8", "replace")
                        if text.startswith('{"result": '):
                            answer = text
                        elif text.startswith(('{"message": ', '{"log": ')):
                            worker.log_event(topic, json.loads(text))
                        elif text:
                            worker.log_event(topic, {"log": f"{text}\n"})
                    if not data:
                        break
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            process.stdout.close()
            code = process.wait()
            if not answer:
                return fail(f"ended the process of the stage with exit code {code}.")
            file = folder / runs
            return answer, file.read_bytes() if file.is_file() else b""
        except OSError as error:
            return fail(f"cannot run the stage: {error}.")
        finally:
            if process is not None and process.poll() is None:  # an event could not be sent
                assert process.stdout is not None
                process.stdout.close()
                stop(process)
            atexit.unregister(stop)  # a worker that ends waits for the stage until here
            shutil.rmtree(folder, ignore_errors=True)

    return run_job
