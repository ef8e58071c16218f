"""Whether a folder is on a network: SQLite's write-ahead log needs memory that all its users share.

"All processes using a database must be on the same host computer; WAL does not work over a network filesystem"
(SQLite documentation, "Write-Ahead Logging").
"""

from __future__ import annotations

import os
from pathlib import Path

import psutil

_NETWORK = frozenset({
    "nfs", "nfs3", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afpfs", "webdav", "davfs", "davfs2", "afs", "ncpfs",
    "coda", "ceph", "glusterfs", "lustre", "gpfs", "mmfs", "beegfs", "fhgfs", "panfs", "pvfs2", "orangefs", "gfs",
    "gfs2", "ocfs2", "weka", "quobyte", "juicefs", "9p", "drvfs", "virtiofs", "vboxsf", "prl_fs", "vmhgfs",
    "fakeowner", "grpcfuse", "osxfs", "macfuse", "osxfuse", "fuse",
})  # fmt: skip
"""Names of file systems whose files are on another machine, or are shared with one (a virtual machine's host)."""

_LOCAL_FUSE = frozenset({
    "fuseblk", "fuse.ext2", "fuse.ext4", "fuse.ntfs", "fuse.ntfs-3g", "fuse.exfat", "fuse.fuse-overlayfs",
})  # fmt: skip
"""User-space file systems that are on a local disk. Others are taken for remote, as most are: sshfs, rclone, s3fs."""


def file_system(path: Path) -> str:
    """Name of the file system that ``path`` is on (or will be), such as ``ext4`` or ``nfs4``; empty if unknown."""
    real = os.path.realpath(path)
    found, longest = "", -1
    for part in psutil.disk_partitions(all=True):
        mount = part.mountpoint
        inside = real == mount or real.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= longest:  # of two at one place, the later one covers the other
            found, longest = part.fstype, len(mount)
    return found.lower()


def network_file_system(path: Path) -> str | None:
    """The name of the network file system that ``path`` is on; ``None`` where it is on a local disk."""
    name = file_system(path)
    remote = name in _NETWORK or (name.startswith("fuse") and name not in _LOCAL_FUSE)
    return name if remote else None
