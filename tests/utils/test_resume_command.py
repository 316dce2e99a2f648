import pytest

from mmris.utils.resume_command import resume_command


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["c.py"], "c.py --resume"),
        (["c.py", "--resume"], "c.py --resume"),
        (["c.py", "--resume", "old.pth", "--amp"], "c.py --amp --resume"),
        (["c.py", "--resume=old.pth"], "c.py --resume"),
        (["--load-from", "a.pth", "c.py"], "c.py --resume"),
        (["c.py", "--load-from=a.pth"], "c.py --resume"),
        (["my config.py", "--max-iters", "3"], "'my config.py' --max-iters 3 --resume"),
        (["c.py", "--launcher", "none"], "c.py --launcher none --resume"),
    ],
)
def test_the_same_command_goes_on(arguments, expected):
    command = resume_command("tools/train.py", arguments)
    assert command == f"python tools/train.py {expected}"


def test_jobs_of_several_processes():
    for launcher in (["--launcher", "slurm"], ["--launcher=pytorch"]):
        command = resume_command("tools/train.py", ["c.py", *launcher])
        assert command == "the command that started this job, with --resume added"
