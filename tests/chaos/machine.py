"""What a scenario does to the machine, seen by nobody else: mounts and a network in namespaces that
end with the test's process."""
import contextlib
import ctypes
import os
import subprocess

NEWNS, NEWNET = 0x00020000, 0x40000000


def unshare(flags):
    """None, or why not."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags):
        return os.strerror(ctypes.get_errno())
    return None


def command(*argv):
    """Raises OSError when it fails."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(argv[:3])}: {done.stderr.decode('utf-8', 'replace').strip()[:150]}")


def private_mounts():
    """None, or why mounts of our own are not possible."""
    why = unshare(NEWNS)
    if why:
        return f"no mount namespace: {why}"
    try:
        command("mount", "--make-rprivate", "/")
    except OSError as e:
        return str(e)
    return None


def private_network():
    """None, or why not: a network with nothing but its own loopback."""
    why = unshare(NEWNET)
    if why:
        return f"no network namespace: {why}"
    try:
        command("ip", "link", "set", "lo", "up")
    except OSError as e:
        return str(e)
    return None


def mount_image(world, kind, target):
    """A file system of its own in a file."""
    image, size = world.path(kind + ".img"), {"xfs": 320, "ext4": 64}[kind]
    with open(image, "wb") as f:
        f.truncate(size << 20)
    command("mkfs." + kind, "-q", image)
    command("mount", "-o", "loop", image, target)


def mount(world, kind, target):
    if kind == "tmpfs":
        command("mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", target)
    elif kind == "overlay":
        base = world.mkdir("overlay.base")
        command("mount", "-t", "tmpfs", "tmpfs", base)
        for part in ("lower", "upper", "work"):
            os.mkdir(os.path.join(base, part))
        command("mount", "-t", "overlay", "overlay", "-o",
                f"lowerdir={base}/lower,upperdir={base}/upper,workdir={base}/work", target)
    else:
        mount_image(world, kind, target)


@contextlib.contextmanager
def mounted(world, kind):
    """A directory on a file system of that kind; after private_mounts(). OSError: not possible."""
    target = world.mkdir("on." + kind)
    try:
        mount(world, kind, target)
    except FileNotFoundError as e:
        raise OSError(f"no {e.filename}") from None
    try:
        yield target
    finally:
        subprocess.run(["umount", "-l", target], check=False, capture_output=True)
